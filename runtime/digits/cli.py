"""The commands of `digits` and their options; `digits.commands` does the work."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from digits import __version__
from digits.commands import inputs, options, runner
from digits.commands.watch_cli import watch
from digits.errors import DigitsError, ModelError
from digits.inference.model_file import inspect
from digits.terminal import print_result, print_stderr
from digits.text import to_json

# Another app parses the arguments, including --help.
_PASS_THROUGH = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}

app = options.make_app()


@contextmanager
def _needs_package(needed_by: str, package: str) -> Iterator[None]:
    """Explain what to install if a module is missing. Raises DigitsError."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("digits"):
            raise  # a bug
        raise DigitsError(f"{needed_by} needs {error.name}: pip install {package}") from error


def _version(wanted: bool) -> None:
    if wanted:
        print_result(f"digits {__version__}")
        raise typer.Exit


@app.callback(no_args_is_help=True)
def digits(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Train a network to read handwritten digits, quantize it, and run it on a small device."""


@app.command()
def predict(
    pictures: options.Pictures,
    recursive: options.Recursive = False,
    model: options.Model = None,
    threshold: options.Threshold = None,
    format: options.OutputFormat = None,
    as_json: options.Json = False,
    as_csv: options.Csv = False,
    output: options.Output = None,
    jobs: options.Jobs = None,
    debug: Annotated[
        Path | None,
        options.path_option(
            "DIR", "Draw what the network saw in each picture, and its answer, to this folder."
        ),
    ] = None,
) -> None:
    """Read the digit in each picture.

    PICTURES are files, folders, patterns, or - for stdin.
    """
    chosen = options.output_format(format, as_json, as_csv, output)
    files, show_name, errors = inputs.resolve(pictures, recursive)
    classifier = runner.ClassifierOptions(model, threshold)
    task = runner.Predict(chosen, show_name, classifier, debug)
    runner.run(task, files, errors, 1 if debug else jobs, output)  # strips are numbered


@app.command()
def read(
    pictures: options.Pictures,
    recursive: options.Recursive = False,
    model: options.Models = None,
    format: options.OutputFormat = None,
    as_json: options.Json = False,
    as_csv: options.Csv = False,
    output: options.Output = None,
    jobs: options.Jobs = None,
    digits_only: options.DigitsOnly = False,
    length: options.Length = None,
    pattern: options.Pattern = None,
    check: options.Check = None,
    allowed: options.AllowedList = None,
    value_range: options.ValueRange = None,
    max_errors: options.MaxErrors = None,
    annotate: Annotated[
        Path | None,
        options.path_option(
            "FILE", "Draw boxes and symbols on the picture, in this file (.png, .jpg)."
        ),
    ] = None,
) -> None:
    """Read all numbers in each picture: digits, minus signs and points.

    Line by line, from top to bottom. PICTURES are files, folders, patterns, or - for stdin. A
    number that must have a length, a pattern, a check digit or be in a list is the likeliest one
    that does. `104?` may be wrong, `?` is none that does.
    """
    chosen = options.output_format(format, as_json, as_csv, output)
    files, show_name, errors = inputs.resolve(pictures, recursive)
    options.check_annotated(annotate, files)
    asked = options.constraints(length, pattern, check, allowed, value_range, digits_only)
    classifier = runner.reader_options(model)
    errors_allowed = options.max_errors(max_errors, classifier, asked)
    task = runner.Read(chosen, show_name, classifier, asked, errors_allowed, annotate)
    runner.run(task, files, errors, jobs, output)


app.command()(watch)


@app.command("eval")
def evaluate(
    model: options.Models = None,
    data: Annotated[
        Path | None,
        options.path_option(
            "PATH",
            "Folder of pictures sorted by digit (7/any.png), folder with MNIST's files, or CSV file"
            " with the columns file and digit; or file and text (12.5 -3/77: a blank begins a"
            " column, / a line), which measures a reader.",
            show_default="MNIST's test digits",
        ),
    ] = None,
    numbers: Annotated[
        Path | None,
        options.path_option(
            "FILE.csv",
            "Measure whole numbers: a table of pages, with the column text or number. The options"
            " below are as for `digits read`.",
        ),
    ] = None,
    digits_only: options.DigitsOnly = False,
    length: options.Length = None,
    pattern: options.Pattern = None,
    check: options.Check = None,
    allowed: options.AllowedList = None,
    value_range: options.ValueRange = None,
    max_errors: options.MaxErrors = None,
    calibrate: Annotated[
        Path | None,
        options.path_option(
            "FILE.json", "Store what to accept for --max-errors P, as the labelled numbers show."
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        options.path_option(
            "DIR",
            "Draw confusion.png and mistakes.png, pages.png or numbers.png; needs matplotlib.",
        ),
    ] = None,
    as_json: options.JsonObject = False,
) -> None:
    """Measure accuracy on labelled digits, pages or numbers."""
    from digits.commands import evaluate
    from digits.data.table import has_pages

    with _needs_package("--plot", "matplotlib"):
        plots = import_module("digits_train.plots") if plot else None  # which needs no torch
    output = evaluate.Output(as_json, plot, plots)
    asked = options.constraints(length, pattern, check, allowed, value_range, digits_only)
    if numbers:
        if data:
            raise typer.BadParameter("--data and --numbers exclude each other")
        if calibrate:
            options.check_calibrate(calibrate, max_errors)
        networks = runner.reader_options(model)
        may_err = options.max_errors(max_errors, networks, asked)
        evaluate.evaluate_numbers(networks, numbers, asked, may_err, calibrate, output)
    elif asked or digits_only or max_errors or calibrate:
        raise typer.BadParameter("constraints, --max-errors and --calibrate are for --numbers")
    elif data is not None and has_pages(data):
        evaluate.evaluate_pages(runner.reader_options(model), data, output)
    else:
        evaluate.evaluate_digits(runner.reader_options(model), data, output)


@app.command()
def info(
    file: Annotated[Path | None, options.path_argument("FILE")] = None,
    as_json: options.JsonObject = False,
) -> None:
    """Describe and verify a model file or a checkpoint.

    FILE is an ONNX file, a checkpoint or a run folder; by default $DIGITS_MODEL, else the bundled
    classifier.
    """
    if file is not None and _is_checkpoint(file):
        with _needs_package("`digits info CHECKPOINT`", '"digits[train]"'):
            checkpoints = import_module("digits_train.info")
        described = checkpoints.inspect(file)
        to_values, to_lines = checkpoints.values, checkpoints.lines
    elif file is not None and file.is_dir():
        raise ModelError(
            f"{file} has no checkpoint.safetensors: name a run folder with a finished epoch,"
            " a checkpoint or an ONNX file"
        )
    else:
        from digits.commands import reports

        described = inspect(file)
        to_values, to_lines = reports.info_dict, reports.info_lines
    for line in [to_json(to_values(described))] if as_json else to_lines(described):
        print_result(line)


@app.command()
def adapt(
    labels: Annotated[Path, options.path_argument("LABELS.csv")],
    output: Annotated[
        Path, options.path_option("FILE.onnx", "The adapted model.", "--output", "-o")
    ],
    model: options.Model = None,
) -> None:
    """Refit an int8 model's last layer to one writer's digits, without torch.

    LABELS.csv is a table of `digits review`, or a folder of pictures sorted by digit. Other
    people's digits may be read worse: docs/teach.md has figures.
    """
    from digits.commands.adapt import adapt

    adapt(model, labels, output)


@app.command()
def bench(model: options.Model = None, as_json: options.JsonObject = False) -> None:
    """Measure speed and memory on this device.

    By default of the classifier and of the reader; given x.int8.onnx, also of x.onnx if that
    exists.
    """
    from digits.commands import reports
    from digits.commands.bench import benchmark

    report = benchmark(model)
    for warning in report["warnings"]:
        print_stderr(f"warning: {warning}")
    for line in [to_json(report)] if as_json else reports.bench_lines(report):
        print_result(line)


def _delegate(name: str, module: str, help: str, extra: str = "") -> None:
    """Add a command that another app runs, with packages of the extra, by default of its name."""
    package = f'"digits[{extra or name}]"'

    @app.command(name, help=f"{help}. Needs {package}.", context_settings=_PASS_THROUGH)
    def run(context: typer.Context) -> None:
        with _needs_package(f"`digits {name}`", package):
            import_module(module).app(context.args, prog_name=f"digits {name}")


_delegate("serve", "digits.serve.cli", "Serve a web page and an API")
_delegate("review", "digits.review.cli", "Label what is worth a look, on a web page", "serve")
_delegate("train", "digits_train.cli", "Train a network on MNIST or your own pictures")
_delegate("export", "digits_export.cli", "Export a trained network to a verified ONNX file")


def _is_checkpoint(path: Path) -> bool:
    """Whether the path names a checkpoint or a run folder, not an ONNX file."""
    return path.suffix in (".safetensors", ".pt") or os.path.isfile(path / "checkpoint.safetensors")
