"""Run `digits read --form`: read each sheet, then check the table as a whole."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import typer

from digits.commands import runner
from digits.commands.drawings import Drawings
from digits.commands.inputs import Inputs
from digits.commands.options import NumberOptions, OutputOptions, needs_package
from digits.commands.tasks import ClassifierOptions, ReadForm
from digits.terminal import print_stderr


def form_task(
    path: Path, number_options: NumberOptions, classifier_options: ClassifierOptions
) -> ReadForm:
    """Make the task of reading sheets of the form in a file.

    Raises BadParameter for options of numbers that a form excludes, and DigitsError.
    """
    if number_options != NumberOptions(max_errors=number_options.max_errors):
        raise typer.BadParameter("constraints are in the form; --form excludes numbers' options")
    with needs_package("--form", '"digits[form]"'):
        from digits.forms import load_form, prepare

        form = load_form(path)
        prepare(form)  # loads OpenCV, before all else
    max_errors = number_options.task(classifier_options).max_errors
    task = ReadForm(classifier_options=classifier_options, form=form, max_errors=max_errors)
    return replace(task, checksum=form.checksum)


def read_sheets(
    task: ReadForm,
    inputs: Inputs,
    output: OutputOptions,
    jobs: int | None,
    drawings: Drawings | None,
) -> NoReturn:
    """Read sheets by `runner.run`, check their table, and exit.

    In a CSV, duplicate sheets are marked, and sheets that weren't found before are read again.
    Warnings name what is duplicate or missing. Raises DigitsError.
    """
    from digits.forms import check_table  # needs a package

    results, exit_code = output.output, None
    try:
        runner.run(task, inputs, output.choose_format(), jobs, results, drawings)
    except SystemExit as error:  # some picture failed
        exit_code = error.code
    if results and results.suffix.lower() == ".csv" and results.stat().st_size:
        for problem in check_table(results, task.form):
            print_stderr(f"warning: {problem}")
    sys.exit(exit_code)
