"""Run `digits read --fields`: read each sheet, then check the table as a whole."""

import os
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
from digits.errors import DigitsError
from digits.terminal import print_stderr


def form_task(
    path: Path, number_options: NumberOptions, classifier_options: ClassifierOptions
) -> ReadForm:
    """Make the task of reading sheets of the form in a file.

    Raises BadParameter for options of numbers that a form excludes, and DigitsError.
    """
    if number_options != NumberOptions(max_errors=number_options.max_errors):
        raise typer.BadParameter("constraints are in the form; --fields excludes numbers' options")
    with needs_package("--fields", '"digits[fields]"'):
        from digits.forms import form_file, locate, table  # noqa: F401 - OpenCV, before all else
    form = form_file.load(path)
    if not form.fields:
        raise DigitsError(f"{path} has no fields: `digits fields -o {path}` adds them")
    if form.find_by == "blank":
        locate.load_blank(form)  # fails now, not at the first picture
    max_errors = number_options.task(classifier_options).max_errors
    task = ReadForm(classifier_options=classifier_options, form=form, max_errors=max_errors)
    return replace(task, checksum=form.checksum)


def run(
    task: ReadForm,
    inputs: Inputs,
    output: OutputOptions,
    jobs: int | None,
    drawings: Drawings | None,
) -> NoReturn:
    """Read sheets by `runner.run`, check their table, and exit.

    In a CSV, duplicate sheets are marked, and sheets that weren't found before are read again.
    Warnings name what is duplicate or missing. For NAME.xlsx, the table is NAME.csv, of which a
    spreadsheet is made. Raises DigitsError.
    """
    from digits.forms.table import open_table  # needs a package

    spreadsheet, results, exit_code = None, output.output, None
    if results and results.suffix.lower() == ".xlsx":
        spreadsheet, results = results, results.with_suffix(".csv")
        if os.path.lexists(spreadsheet):  # somebody may have written into it
            raise DigitsError(f"{spreadsheet} exists: rename it, or delete it, to write it anew")
    try:
        output_format = output._replace(output=results).choose_format()
        runner.run(task, inputs, output_format, jobs, results, drawings)
    except SystemExit as error:  # some picture failed
        exit_code = error.code
    if results and results.suffix.lower() == ".csv" and results.stat().st_size:
        with open_table(results, task.form) as table:
            table.drop_outdated()
            problems = table.update_statuses()
            table.save()
            if spreadsheet:
                table.save_spreadsheet(spreadsheet)
        for problem in problems:
            print_stderr(f"warning: {problem}")
    sys.exit(exit_code)
