"""Run `digits read --fields`: read each sheet, then check the table as a whole."""

import os
from pathlib import Path

import typer

from digits.commands import runner
from digits.commands.drawings import DrawingWriter
from digits.commands.inputs import Inputs
from digits.commands.modes import ModelPaths, ReadForm
from digits.commands.options import NumberOptions, OutputOptions, needs_package
from digits.errors import DigitsError
from digits.terminal import print_stderr


def form_mode(path: Path, number_options: NumberOptions, model_paths: ModelPaths) -> ReadForm:
    """Make the mode that reads sheets of the form in a file.

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
    return ReadForm(
        model_paths=model_paths,
        form=form,
        max_errors=number_options.max_errors,
        checksum=form.checksum,
    )


def read_forms(
    mode: ReadForm,
    inputs: Inputs,
    output: OutputOptions,
    jobs: int | None,
    drawings: DrawingWriter | None,
) -> None:
    """Read sheets by `runner.run`, and check their table.

    In a CSV, duplicate sheets are marked, and sheets that weren't found before are read again.
    Warnings name what is duplicate or missing. For NAME.xlsx, the table is NAME.csv, of which a
    spreadsheet is made. Raises DigitsError.
    """
    from digits.forms.table import open_table  # needs a package

    spreadsheet, results = None, output.output
    failure: SystemExit | None = None
    if results and results.suffix.lower() == ".xlsx":
        spreadsheet, results = results, results.with_suffix(".csv")
        if os.path.lexists(spreadsheet):  # somebody may have written into it
            raise DigitsError(f"{spreadsheet} exists: rename it, or delete it, to write it anew")
    try:
        runner.run(mode, inputs, output._replace(output=results), jobs, drawings)
    except SystemExit as error:  # some picture failed
        failure = error
    if results and results.suffix.lower() == ".csv" and results.stat().st_size:
        with open_table(results, mode.form) as table:
            table.drop_outdated()
            problems = table.update_statuses()
            table.save()
            if spreadsheet:
                table.save_spreadsheet(spreadsheet)
        for problem in problems:
            print_stderr(f"warning: {problem}")
    if failure:
        raise failure
