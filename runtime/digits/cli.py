"""The commands of `digits` and their options; `digits.commands` does the work."""

import importlib
import os
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer

from digits import __version__
from digits.commands import options
from digits.errors import DigitsError, ModelError
from digits.terminal import print_result, print_stderr
from digits.text import escape_control

# Another package parses the arguments, including --help.
PASS_THROUGH = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


app = options.make_app()


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
    model_sha256: options.ModelSha256 = None,
    kernels: options.Kernels = None,
    reject: options.Reject = "unsure",
    as_json: options.Json = False,
    as_csv: options.Csv = False,
    jobs: options.Jobs = None,
    skip_done: options.SkipDone = None,
    debug: options.Debug = None,
    explain: options.Explain = None,
) -> None:
    """Read the digit in each picture."""
    format = options.output_format(as_json, as_csv)
    from digits.commands import inputs, runner
    from digits.prediction import PREDICTION_COLUMNS

    files, show_name, errors = inputs.resolve(pictures, recursive)
    options.check_drawing("--explain", explain, files)
    left, header = options.remaining(files, format, PREDICTION_COLUMNS, skip_done)
    classifier = runner.ClassifierOptions(model, kernels, reject == "unsure", model_sha256)
    task = runner.Predict(format, show_name, classifier, debug, explain)
    runner.run(task, left, errors, 1 if debug else jobs, header)  # strips are numbered


@app.command()
def read(
    pictures: options.Pictures,
    recursive: options.Recursive = False,
    model: options.ReaderModel = None,
    model_sha256: options.ReaderSha256 = None,
    digits_only: options.DigitsOnly = False,
    reject: options.Reject = "unsure",
    as_json: options.Json = False,
    as_csv: options.Csv = False,
    jobs: options.Jobs = None,
    skip_done: options.SkipDone = None,
    annotate: options.Annotate = None,
    debug: options.PageDebug = None,
) -> None:
    """Read all digits, minus signs and decimal points in each picture, line by line."""
    format = options.output_format(as_json, as_csv)
    from digits.commands import inputs, runner
    from digits.prediction import READING_COLUMNS

    files, show_name, errors = inputs.resolve(pictures, recursive)
    options.check_drawing("--annotate", annotate, files)
    left, header = options.remaining(files, format, READING_COLUMNS, skip_done)
    jobs = 1 if debug else runner.process_count(left, jobs)  # drawings are numbered
    classifier = runner.reader_options(model, model_sha256, reject == "unsure", jobs)
    task = runner.Read(format, show_name, classifier, digits_only, annotate, debug)
    runner.run(task, left, errors, jobs, header)


@app.command()
def watch(
    folder: Annotated[Path, options.path_argument("Folder where pictures arrive.")],
    results: Annotated[
        Path,
        options.path_argument(
            "Gets a row for each picture; pictures with a row are not read again.",
            metavar="RESULTS.csv",
        ),
    ],
    recursive: options.Recursive = False,
    model: options.Model = None,
    model_sha256: options.ModelSha256 = None,
    kernels: options.Kernels = None,
    reject: options.Reject = "unsure",
    as_json: options.Json = False,
) -> None:
    """Read each picture that arrives in a folder, until stopped."""
    from functools import partial

    from digits.commands import folder_reader
    from digits.commands.runner import ClassifierOptions
    from digits.commands.watch import FolderWatcher
    from digits.processes import StopEvent, Worker

    stop = StopEvent()
    stop.set_by_signals()
    classifier = ClassifierOptions(model, kernels, reject == "unsure", model_sha256)
    reader = folder_reader.Reader(str(folder), classifier, as_json)
    start_worker = partial(Worker, reader.start, folder_reader.MEMORY_LIMIT)
    watcher = FolderWatcher(reader, start_worker, results, recursive, print_result)
    print_stderr(f"watching {folder}; {watcher.done} pictures done")
    watcher.run(stop)


@app.command("eval")
def evaluate(
    model: options.EvaluatedModel = None,
    model_sha256: options.ModelSha256 = None,
    data: options.Data = None,
    pages: options.Pages = None,
    split: Annotated[
        Literal["test", "validation"] | None,
        typer.Option(help="The part to use.", show_default="MNIST's test digits, all pictures"),
    ] = None,
    kernels: options.Kernels = None,
    plot: Annotated[
        Path | None,
        options.path_option(
            "Folder for confusion.png and mistakes.png, or pages.png; needs matplotlib."
        ),
    ] = None,
    as_json: options.JsonObject = False,
) -> None:
    """Measure how well a model reads labelled digits, or a reader labelled pages."""
    from digits.commands.evaluate import Output, evaluate_digits, evaluate_pages

    if pages is not None and (data, split, kernels) != (None, None, None):
        raise typer.BadParameter("--pages excludes --data, --split and --kernels")
    output = Output(as_json, plot, _import_for_plot() if plot else None)
    if pages is not None:
        evaluate_pages(model, model_sha256, pages, output)
    else:
        evaluate_digits(model, model_sha256, kernels, data, split, output)


@app.command()
def info(
    file: options.InfoFile = None,
    model_sha256: options.ModelSha256 = None,
    network: options.Network = None,
    as_json: options.JsonObject = False,
) -> None:
    """Describe and verify a model file, of a classifier or a reader, or a checkpoint."""
    from digits.commands import reports
    from digits.text import to_json

    found: Any
    if file is not None and options.is_checkpoint(file):
        if model_sha256 is not None:
            raise typer.BadParameter("--model-sha256 is for ONNX files")
        checkpoints = _import_for_checkpoint()
        found = checkpoints.inspect(file, network)
        values, lines = checkpoints.values, checkpoints.lines
    else:
        if network is not None:
            raise typer.BadParameter("--model is for checkpoints")
        from digits.inference.model_file import inspect

        if file is not None and os.path.isdir(file):
            raise ModelError(
                f"{file} has no checkpoint.safetensors, so it is not a run folder: name one,"
                " a checkpoint or an ONNX file"
            )
        found = inspect(file, model_sha256)
        values, lines = reports.info_dict, reports.info_lines
    if as_json:
        print_result(to_json(values(found)))
        return
    for line in lines(found):
        print_result(line)


@app.command()
def bench(
    model: options.ModelArgument = None,
    model_sha256: options.ModelSha256 = None,
    as_json: options.JsonObject = False,
) -> None:
    """Measure how fast a model is on this device: by default the classifier and the reader.

    Given x.int8.onnx, also measure x.onnx if that exists.
    """
    from digits.commands import reports
    from digits.commands.bench import benchmark
    from digits.commands.device import device_info
    from digits.text import to_json

    results, readers, warnings = benchmark(model, model_sha256)
    device = device_info()
    for warning in warnings:
        print_stderr(f"warning: {warning}")
    if as_json:
        models = reports.bench_dict(results), reports.reader_bench_dict(readers)
        measured = {"warnings": warnings, "models": models[0], "readers": models[1]}
        print_result(to_json(device | measured))
        return
    for line in reports.bench_lines(device, results, readers):
        print_result(escape_control(line))


@app.command(context_settings=PASS_THROUGH)
def serve(context: typer.Context) -> None:
    """Serve a web page and an API. Needs "digits[serve]"."""
    try:
        from digits.serve import cli

        cli.app(context.args, prog_name="digits serve")
    except ModuleNotFoundError as error:
        _missing_extra("serve", "serve", error)


@app.command(context_settings=PASS_THROUGH)
def train(context: typer.Context) -> None:
    """Train a network on MNIST or your own pictures. Needs "digits[train]"."""
    _delegate("train", context.args)


@app.command(context_settings=PASS_THROUGH)
def export(context: typer.Context) -> None:
    """Export a trained network to a verified ONNX file. Needs "digits[export]"."""
    _delegate("export", context.args)


def _import_for_plot() -> Any:
    """Import digits_train.plots, which needs matplotlib but not torch."""
    try:
        return importlib.import_module("digits_train.plots")
    except ModuleNotFoundError as error:
        raise DigitsError(f"--plot needs {error.name}: pip install {error.name}") from error


def _import_for_checkpoint() -> Any:
    """Import digits_train.info, which needs torch."""
    try:
        return importlib.import_module("digits_train.info")
    except ModuleNotFoundError as error:
        _missing_extra("info CHECKPOINT", "train", error)


def _delegate(command: str, arguments: list[str]) -> None:
    """Run a command of digits_train or digits_export, which may not be installed."""
    try:
        cli = importlib.import_module(f"digits_{command}.cli")
        cli.app(arguments, prog_name=f"digits {command}")
    except ModuleNotFoundError as error:
        _missing_extra(command, command, error)


def _missing_extra(command: str, extra: str, error: ModuleNotFoundError) -> NoReturn:
    if error.name is None or error.name.startswith("digits"):
        raise error  # a bug
    install = f'pip install "digits[{extra}]"'
    raise DigitsError(f"`digits {command}` needs {error.name}: {install}") from error
