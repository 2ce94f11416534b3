"""The commands of `digits` and their options; `digits.commands` does the work."""

import gc
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from digits import __version__
from digits.commands import options, reports, runner
from digits.commands.modes import ModelPaths, ReadDigit, choose_models
from digits.system import cpu_count
from digits.terminal import ErrorReporter, print_result

# Another app parses the arguments, including --help.
_PASS_THROUGH = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}

_CHECKPOINT = "checkpoint.safetensors"  # in a run folder

_PLOT = "Draw confusion.png and mistakes.png; needs matplotlib."
_PLOTS = "confusion.png", "mistakes.png"

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
@options.expand_option_classes
def predict(
    source: options.SourceOptions,
    output: options.OutputOptions,
    model: options.Model = None,
    threshold: options.Threshold = None,
    annotate: options.Annotate = None,
) -> None:
    """Read the digit in each picture.

    PICTURES are files, folders, patterns, or - for stdin. Drawings show what the network saw.
    """
    inputs = source.resolve(annotate)
    drawings = options.make_drawings(annotate, source, inputs)
    mode = ReadDigit(model_paths=ModelPaths(model, threshold))
    runner.run(mode, inputs, output, source.jobs, drawings)


@app.command("read")
@options.expand_option_classes
def read(
    source: options.SourceOptions,
    output: options.OutputOptions,
    number_options: options.NumberOptions,
    model: options.Models = None,
    annotate: options.Annotate = None,
    form: options.Form = None,
    second_opinion: options.SecondOpinion = False,
) -> None:
    """Read all numbers in each picture: digits, minus signs and points.

    Line by line, from top to bottom. PICTURES are files, folders, patterns, or - for stdin. A
    number that must have a length, a pattern, a check digit or be in a list is the likeliest one
    that does. `104?` may be wrong, `?` is none that does.
    """
    inputs = source.resolve(annotate)
    drawings = options.make_drawings(annotate, source, inputs)
    model_paths = choose_models(model, second_opinion=second_opinion)
    if form:
        from digits.commands.sheets import form_mode, read_sheets

        sheets = form_mode(form, number_options, model_paths)
        read_sheets(sheets, inputs, output, source.jobs, drawings)
    else:
        mode = number_options.to_mode(model_paths)
        runner.run(mode, inputs, output, source.jobs, drawings)


evaluation = options.make_app()
app.add_typer(evaluation, name="eval")


@evaluation.callback(no_args_is_help=True)
def measure() -> None:
    """Measure how well labelled digits, numbers or forms are read."""


@evaluation.command("digits")
def evaluate_digits(
    labels: Annotated[Path | None, options.path_argument("LABELS")] = None,
    model: options.Model = None,
    plot: Annotated[Path | None, options.path_option("DIR", _PLOT)] = None,
) -> None:
    """Measure how well a classifier reads single digits.

    LABELS is a folder of pictures sorted by digit (7/any.png), a CSV with the columns file and
    digit, or MNIST's folder; without it, MNIST's test digits are read.
    """
    from digits.commands import evaluate

    with options.needs_package("--plot", "matplotlib"):
        plots = import_module("digits_train.plots") if plot else None  # which needs no torch
    files = [plot / name for name in _PLOTS] if plot else []
    options.check_drawn("--plot", files, filter(None, [labels]), recursive=True)
    errors, model_paths = ErrorReporter(), ModelPaths(model, threads=cpu_count())
    values, result = evaluate.evaluate_digits(model_paths, labels, errors.report, _load_mnist)
    reports.print_report(values)
    if plot and plots:
        plots.confusion(plot / _PLOTS[0], values["data"], result.confusion)
        plots.mistakes(plot / _PLOTS[1], values["data"], result)
    errors.exit_if_any()


@evaluation.command("numbers")
@options.expand_option_classes
def evaluate_numbers(
    number_options: options.NumberOptions,
    labels: Annotated[Path, options.path_argument("LABELS.csv")],
    model: options.Models = None,
    second_opinion: options.SecondOpinion = False,
) -> None:
    """Measure how many numbers are read right, and how many wrong ones are accepted.

    LABELS.csv has the columns file and text: what is written on a page (12.5 -3/77: a blank begins
    a column, / a line), or in the column box of it.
    """
    from digits.commands import evaluate

    errors = ErrorReporter()
    mode = number_options.to_mode(choose_models(model, second_opinion=second_opinion))
    reports.print_report(evaluate.evaluate_numbers(mode, labels, errors.report))
    errors.exit_if_any()


@evaluation.command("form")
def evaluate_form(
    form: Annotated[Path, options.path_argument("FORM.toml")],
    labels: Annotated[Path, options.path_argument("LABELS.csv")],
    model: options.Models = None,
    max_errors: options.MaxErrors = None,
    second_opinion: options.SecondOpinion = False,
) -> None:
    """Measure how a form's fields are read, and how many wrong numbers are accepted.

    LABELS.csv has a row a sheet, with the column file and one for each field.
    """
    from digits.commands import evaluate
    from digits.commands.sheets import form_mode

    errors = ErrorReporter()
    model_paths = choose_models(model, second_opinion=second_opinion)
    mode = form_mode(form, options.NumberOptions(max_errors=max_errors), model_paths)
    reports.print_report(evaluate.evaluate_form(mode, labels, errors.report))
    errors.exit_if_any()


@app.command("info")
def info(
    file: Annotated[Path | None, options.path_argument("FILE")] = None,
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
        from digits.inference.metadata import ModelMetadata
        from digits.inference.model_file import load
        from digits.inference.session import open_model

        model = load(file, ModelMetadata)
        open_model(model)  # which checks the rest
        values = reports.info(model)
    reports.print_report(values)


def _load_mnist(*arguments: Any) -> Any:
    """Load a part of MNIST; says what it needs if something is missing."""
    return import_module("digits_train.data.mnist").load(*arguments)


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
