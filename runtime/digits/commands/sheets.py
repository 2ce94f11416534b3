"""Run `digits read --fields`: read each sheet, then look at the table as a whole."""

import sys
from pathlib import Path
from typing import NoReturn

import typer

from digits.commands import runner
from digits.commands.inputs import Inputs
from digits.commands.options import NumberOptions, OutputOptions, needs_package
from digits.fields.form import Form
from digits.terminal import print_stderr


def load_form(path: Path, asked: NumberOptions, *others: object) -> Form:
    """Read a form. others: more options for numbers, which it excludes. Raises DigitsError."""
    if any(others) or asked != NumberOptions(max_errors=asked.max_errors):
        raise typer.BadParameter("constraints are in the form; --fields excludes numbers' options")
    with needs_package("--fields", '"digits[fields]"'):
        from digits.fields import form_file, locate, table  # noqa: F401 - OpenCV, before all else
    return form_file.load(path)


def run(
    path: Path,
    asked: NumberOptions,
    models: list[Path] | None,
    output: OutputOptions,
    given: Inputs,
    jobs: int | None,
) -> NoReturn:
    """Read sheets of the form in a file, as `runner.run`, and exit.

    In a CSV, duplicate sheets are marked; they and missing ones are named. An output file.xlsx is
    made from file.csv, which a later run continues. Raises DigitsError for a wrong form.
    """
    form, written = load_form(path, asked), output.output
    from digits.fields import table  # needs a package

    if written and written.suffix.lower() == ".xlsx":
        output = output._replace(output=written.with_suffix(".csv"))
    task, results, code = asked.task(models)._replace(kind=form), output.output, None
    try:
        runner.run(task, given, output.chosen(), jobs, results)
    except SystemExit as error:  # some picture failed
        code = error.code
    if results and results.suffix.lower() == ".csv" and results.stat().st_size:
        sheets = table.SheetTable(results, form)
        for trouble in sheets.check():
            print_stderr(f"warning: {trouble}")
        sheets.save()
        if written and written != results:
            sheets.save_spreadsheet(written)
    sys.exit(code)
