"""The commands of `digits` and their options; `digits.commands` does the work."""

import gc
import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from digits import __version__
from digits.commands import options, reports, runner
from digits.commands.drawings import FILE_SUFFIXES, Drawings
from digits.commands.inputs import resolve
from digits.commands.tasks import ClassifierOptions, ReadDigit, make_classifier_options
from digits.terminal import ErrorReporter, print_result
from digits.watch.cli import watch

# Another app parses the arguments, including --help.
_PASS_THROUGH = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}

_CHECKPOINT = "checkpoint.safetensors"  # in a run folder

_DEBUG = "Draw what the network saw in each picture, and its answer, into this folder."
_ANNOTATE = "Draw what is read on the picture: a .png, .jpg, or a .pdf of all pictures."
_LABELS = (
    "Folder of pictures sorted by digit (7/any.png), CSV of file and digit, or MNIST's folder; or"
    " CSV of file and text (12.5 -3/77: a blank begins a column, / a line), to measure a reader."
)
_NUMBERS = "Measure whole numbers on the pages of a CSV, as `digits read` reads them."
_FORM = "Measure a form's fields on the sheets of LABELS.csv."
_CALIBRATE = "Store which numbers to accept for --max-errors, as the labelled ones show."
_PLOT = "Draw confusion.png and mistakes.png, pages.png or numbers.png; needs matplotlib."
_PLOTS = "confusion.png", "mistakes.png", "pages.png", "numbers.png"

app = options.make_app()


def run() -> None:
    """Parse and run the command line."""
    gc.freeze()
    gc.enable()
    app(prog_name="digits")


def _version(is_asked_for: bool) -> None:
    if is_asked_for:
        print_result(f"digits {__version__}")
        raise typer.Exit


@app.callback(no_args_is_help=True)
def digits(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Train a network to read handwritten digits, quantize it, and run it on a small device."""


@app.command("predict")
@options.grouped
def predict(
    pictures: options.Pictures,
    output: options.OutputOptions,
    recursive: options.Recursive = False,
    model: options.Model = None,
    threshold: options.Threshold = None,
    jobs: options.Jobs = None,
    debug: Annotated[Path | None, options.path_option("DIR", _DEBUG)] = None,
) -> None:
    """Read the digit in each picture.

    PICTURES are files, folders, patterns, or - for stdin.
    """
    output_format, inputs = output.choose_format(), resolve(pictures, recursive)
    if debug and debug.suffix.lower() in FILE_SUFFIXES:
        raise typer.BadParameter("--debug draws into a folder")
    drawings = Drawings(debug, inputs.files) if debug else None
    if drawings:
        options.check_drawn("--debug", drawings.paths, [*pictures, *inputs.files], recursive)
    task = ReadDigit(classifier_options=ClassifierOptions(model, threshold))
    runner.run(task, inputs, output_format, jobs, output.output, drawings)


@app.command("read")
@options.grouped
def read(
    pictures: options.Pictures,
    output: options.OutputOptions,
    number_options: options.NumberOptions,
    recursive: options.Recursive = False,
    model: options.Models = None,
    jobs: options.Jobs = None,
    annotate: Annotated[Path | None, options.path_option("FILE", _ANNOTATE)] = None,
    form: options.Form = None,
    second_opinion: options.SecondOpinion = False,
) -> None:
    """Read all numbers in each picture: digits, minus signs and points.

    Line by line, from top to bottom. PICTURES are files, folders, patterns, or - for stdin. A
    number that must have a length, a pattern, a check digit or be in a list is the likeliest one
    that does. `104?` may be wrong, `?` is none that does.
    """
    inputs = resolve(pictures, recursive)
    if annotate:
        _check_annotated(annotate, inputs.files)
        options.check_drawn("--annotate", [annotate], [*pictures, *inputs.files], recursive)
    drawings = Drawings(annotate) if annotate else None
    classifier_options = make_classifier_options(model, second_opinion=second_opinion)
    if form:
        from digits.commands.sheets import form_task, read_sheets

        sheets = form_task(form, number_options, classifier_options)
        read_sheets(sheets, inputs, output, jobs, drawings)
    output_format, task = output.choose_format(), number_options.task(classifier_options)
    runner.run(task, inputs, output_format, jobs, output.output, drawings)


app.command("watch")(watch)


@app.command("eval")
@options.grouped
def evaluate(
    number_options: options.NumberOptions,
    labels: Annotated[Path | None, options.path_argument("LABELS.csv")] = None,
    model: options.Models = None,
    data: Annotated[
        Path | None, options.path_option("PATH", _LABELS, show_default="MNIST's test digits")
    ] = None,
    numbers: Annotated[Path | None, options.path_option("FILE.csv", _NUMBERS)] = None,
    form: Annotated[Path | None, options.path_option("FORM.toml", _FORM)] = None,
    calibrate: Annotated[Path | None, options.path_option("FILE.json", _CALIBRATE)] = None,
    plot: Annotated[Path | None, options.path_option("DIR", _PLOT)] = None,
    second_opinion: options.SecondOpinion = False,
    as_json: options.JsonObject = False,
) -> None:
    """Measure accuracy on labelled digits, pages, numbers or a form's fields.

    LABELS.csv is for --form: a row a sheet, with the column `file` and one for each field.
    """
    from digits.commands import evaluate
    from digits.data.table import has_pages

    with options.needs_package("--plot", "matplotlib"):
        plots = import_module("digits_train.plots") if plot else None  # which needs no torch
    files = [plot / name for name in _PLOTS] if plot else []
    options.check_drawn("--plot", files, filter(None, [data, numbers]), recursive=True)
    is_of_pages = not numbers and data is not None and has_pages(data)
    reads_numbers = bool(numbers or form) or is_of_pages
    classifier_options = make_classifier_options(model, reads_numbers, second_opinion)
    errors = ErrorReporter()
    if form or labels:
        if not (form and labels) or data or numbers or calibrate or plot:
            sentence = "--form FORM.toml and LABELS.csv go together, without --data, --numbers"
            raise typer.BadParameter(f"{sentence}, --calibrate and --plot")
        from digits.commands.sheets import form_task

        sheets = form_task(form, number_options, classifier_options)
        report = evaluate.evaluate_fields(sheets, labels, errors.report)
    elif numbers:
        if data:
            raise typer.BadParameter("--data and --numbers exclude each other")
        if calibrate:
            _check_risk_bound_file(calibrate, number_options.max_errors)
        task = number_options.task(classifier_options)
        report = evaluate.evaluate_numbers(task, numbers, calibrate, errors.report)
    elif number_options != options.NumberOptions() or calibrate or second_opinion > is_of_pages:
        sentence = "constraints, --max-errors and --calibrate are for --numbers"
        raise typer.BadParameter(f"{sentence}; --second-opinion is for pages, too")
    elif data and is_of_pages:
        report = evaluate.evaluate_pages(classifier_options, data, errors.report)
    else:
        mnist = import_module("digits_train.data.mnist")  # which needs no torch
        report = evaluate.evaluate_digits(classifier_options, data, errors.report, mnist.load)
    reports.print_report(report.values, as_json)
    if plot:
        for name, result in report.plots.items():
            getattr(plots, name)(plot / f"{name}.png", report.values["data"], result)
    errors.exit_if_any()


@app.command("info")
def info(
    file: Annotated[Path | None, options.path_argument("FILE")] = None,
    as_json: options.JsonObject = False,
) -> None:
    """Describe and verify a model file or a checkpoint.

    FILE is an ONNX file, a checkpoint or a run folder; by default $DIGITS_MODEL, else the bundled
    classifier.
    """
    if file and (file.suffix == ".safetensors" or (file / _CHECKPOINT).is_file()):
        with options.needs_package("`digits info CHECKPOINT`", '"digits[train]"'):
            checkpoints = import_module("digits_train.run")
        values = checkpoints.describe(file)
    else:
        from digits.inference.metadata import AnyMetadata
        from digits.inference.model_file import load

        values = reports.info(load(file, AnyMetadata))
    reports.print_report(values, as_json)


@app.command("bench")
def bench(as_json: options.JsonObject = False) -> None:
    """Measure speed and memory on this device, by the default networks."""
    from digits.commands.bench import benchmark  # loads onnxruntime

    reports.print_report(benchmark(), as_json)


def _delegate(name: str, module: str, help: str, extra: str = "") -> None:
    """Add a command that the app in a module runs.

    help: what it does, without a full stop.
    extra: the optional packages that it needs; by default those of its name.
    """
    package = f'"digits[{extra or name}]"'

    @app.command(name, help=f"{help}. Needs {package}.", context_settings=_PASS_THROUGH)
    def run(context: typer.Context) -> None:
        with options.needs_package(f"`digits {name}`", package):
            import_module(module).app(context.args, prog_name=f"digits {name}")


_delegate("serve", "digits.serve.cli", "Serve a web page and an API")
_delegate("review", "digits.review.cli", "Label what is worth a look, on a web page", "serve")
_delegate("form", "digits.commands.form", "Lay out, print and check a form")
_delegate("train", "digits_train.cli", "Train a network on MNIST or your own pictures")
_delegate("export", "digits_export.cli", "Export a trained network to a verified ONNX file")


def _check_risk_bound_file(path: Path, max_errors: str | None) -> None:
    """Raise BadParameter or DigitsError if --calibrate can't write this file."""
    from digits.evaluation import acceptance

    if path.suffix.lower() != ".json":
        raise typer.BadParameter("--calibrate writes a .json file")
    if max_errors and os.path.isfile(max_errors):
        raise typer.BadParameter("with --calibrate, --max-errors is a share, not a file")
    if os.path.lexists(path):
        acceptance.load(path)  # only such a file is replaced


def _check_annotated(drawing: Path, files: Sequence[str]) -> None:
    """Raise BadParameter or DigitsError if --annotate can't draw these pictures to such a file."""
    if drawing.suffix.lower() == ".pdf":
        with options.needs_package("--annotate FILE.pdf", '"digits[form]"'):
            from digits.forms import make_pdf

            make_pdf(())  # fails now, not after all is read
    elif drawing.suffix.lower() not in FILE_SUFFIXES:
        raise typer.BadParameter("--annotate writes .pdf, .png or .jpg files")
    elif len(files) > 1:
        raise typer.BadParameter("--annotate draws several pictures or pages to a .pdf file")
