"""Run `digits read --form`: read each sheet, then check the table as a whole."""

from pathlib import Path

import typer

from digits.commands import runner
from digits.commands.drawings import DrawingWriter
from digits.commands.inputs import Inputs
from digits.commands.modes import ModelPaths, ReadForm
from digits.commands.options import NumberOptions, OutputOptions, needs_package
from digits.terminal import print_stderr


def form_mode(path: Path, number_options: NumberOptions, model_paths: ModelPaths) -> ReadForm:
    """Make the mode that reads sheets of the form in a file.

    Raises BadParameter for options of numbers that a form excludes, and DigitsError.
    """
    if number_options != NumberOptions(max_errors=number_options.max_errors):
        raise typer.BadParameter("constraints are in the form; --form excludes numbers' options")
    with needs_package("--form", '"digits[form]"'):
        from digits.forms import load_form, prepare

        form = load_form(path)
        prepare(form)  # loads OpenCV, before all else
    return ReadForm(
        model_paths=model_paths,
        form=form,
        max_errors=number_options.max_errors,
        checksum=form.checksum,
    )


def read_sheets(
    mode: ReadForm,
    inputs: Inputs,
    output: OutputOptions,
    jobs: int | None,
    drawings: DrawingWriter | None,
) -> None:
    """Read sheets by `runner.run`, and check their table.

    In a CSV, duplicate sheets are marked, and sheets that weren't found before are read again.
    Warnings name what is duplicate or missing. Raises DigitsError.
    """
    from digits.forms import check_table  # needs a package

    results, failure = output.output, None
    try:
        runner.run(mode, inputs, output, jobs, drawings)
    except SystemExit as error:  # some picture failed
        failure = error
    if results and results.suffix.lower() == ".csv" and results.stat().st_size:
        for problem in check_table(results, mode.form):
            print_stderr(f"warning: {problem}")
    if failure:
        raise failure
