"""Run `digits read --fields`: read each sheet, then look at the table as a whole."""

import sys
from pathlib import Path
from typing import NoReturn

import typer

from digits.commands import runner
from digits.commands.inputs import Inputs
from digits.commands.options import NumberOptions, OutputOptions, needs_package
from digits.commands.tasks import ClassifierOptions, ReadForm
from digits.errors import DigitsError
from digits.terminal import print_stderr


def form_task(path: Path, number_options: NumberOptions, networks: ClassifierOptions) -> ReadForm:
    """What to read by the form in a file.

    Raises BadParameter for options of numbers that a form excludes, and DigitsError.
    """
    if number_options != NumberOptions(max_errors=number_options.max_errors):
        raise typer.BadParameter("constraints are in the form; --fields excludes numbers' options")
    with needs_package("--fields", '"digits[fields]"'):
        from digits.forms import form_file, locate, table  # noqa: F401 - OpenCV, before all else
    form = form_file.load(path)
    if not form.fields:
        raise DigitsError(f"{path} has no fields: `digits fields -o {path}` adds them")
    if form.find == "blank":
        locate.load_blank(form)  # fails now, not at the first picture
    max_errors = number_options.task(networks).max_errors
    return ReadForm(networks=networks, form=form, max_errors=max_errors)


def run(task: ReadForm, inputs: Inputs, output: OutputOptions, jobs: int | None) -> NoReturn:
    """Read sheets as `runner.run`, and exit.

    In a CSV, duplicate sheets are marked; they and missing ones are named; those that weren't found
    are read again. An output file.xlsx is made from file.csv, which a later run continues. Raises
    DigitsError.
    """
    from digits.forms.table import finish  # needs a package

    spreadsheet, results, code = None, output.output, None
    if results and results.suffix.lower() == ".xlsx":
        spreadsheet, results = results, results.with_suffix(".csv")
        if spreadsheet.exists() and not results.exists():
            raise DigitsError(f"{spreadsheet} isn't made from {results}, which isn't there")
    try:
        runner.run(task, inputs, output._replace(output=results).chosen(), jobs, results)
    except SystemExit as error:  # some picture failed
        code = error.code
    if results and results.suffix.lower() == ".csv" and results.stat().st_size:
        for problem in finish(results, task.form, spreadsheet):
            print_stderr(f"warning: {problem}")
    sys.exit(code)
