"""Run `digits read --fields`: read each sheet, then look at the table as a whole."""

import sys
from pathlib import Path
from typing import NoReturn

import typer

from digits.commands import runner
from digits.commands.inputs import Inputs
from digits.commands.options import NumberOptions, OutputOptions, needs_package
from digits.errors import DigitsError
from digits.forms.form import Form
from digits.terminal import print_stderr


def load_form(path: Path, asked: NumberOptions, *others: object) -> Form:
    """Read a form. others: more options that it excludes. Raises DigitsError."""
    if any(others) or asked != NumberOptions(max_errors=asked.max_errors):
        raise typer.BadParameter("constraints are in the form; --fields excludes numbers' options")
    with needs_package("--fields", '"digits[fields]"'):
        from digits.forms import form_file, reading, table  # noqa: F401 - OpenCV, before all else
    form = form_file.load(path)
    if not form.fields:
        raise DigitsError(f"{path} has no fields: `digits fields -o {path}` adds them")
    reading.locator(form)  # fails now, not at the first picture
    return form


def run(
    path: Path,
    asked: NumberOptions,
    models: list[Path] | None,
    output: OutputOptions,
    given: Inputs,
    jobs: int | None,
    drawing: Path | None,
) -> NoReturn:
    """Read sheets of the form in a file, as `runner.run`, and exit. drawing: as of a Task.

    In a CSV, duplicate sheets are marked; they and missing ones are named; those that weren't found
    are read again. An output file.xlsx is made from file.csv, which a later run continues. Raises
    DigitsError for a wrong form.
    """
    form, written = load_form(path, asked), output.output
    from digits.forms.table import open_table  # needs a package

    results = written
    if written and written.suffix.lower() == ".xlsx":
        results = written.with_suffix(".csv")
        if written.exists() and not results.exists():
            raise DigitsError(f"{written} isn't made from {results}, which isn't there")
    task, code = asked.task(models)._replace(kind=form, drawing=drawing), None
    try:
        runner.run(task, given, output._replace(output=results).chosen(), jobs, results)
    except SystemExit as error:  # some picture failed
        code = error.code
    if results and results.suffix.lower() == ".csv" and results.stat().st_size:
        with open_table(results, form) as sheets:
            sheets.drop_outdated()
            for trouble in sheets.check():
                print_stderr(f"warning: {trouble}")
            sheets.save()
            if written and written != results:
                sheets.save_spreadsheet(written)
    sys.exit(code)
