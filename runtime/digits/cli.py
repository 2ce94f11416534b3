"""The commands of `digits` and their options; what they do is elsewhere."""

import importlib
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer

from digits import __version__
from digits.commands import inputs, options
from digits.errors import DataError, DigitsError
from digits.terminal import ErrorReporter, print_result, print_stderr, progress_bar
from digits.text import escape_control

# Another package parses what follows the name of the command, --help included.
PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


app = options.plain_app()


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
    form = inputs.form(as_json, as_csv)
    from digits.commands import answers, sources
    from digits.prediction import PREDICTION_COLUMNS

    files, named, errors = sources.chosen(pictures, recursive)
    inputs.check_drawing("--explain", explain, files)
    left, header = inputs.left(files, form, PREDICTION_COLUMNS, skip_done)
    sure = reject == "unsure"
    task = answers.Predict(form, named, model, kernels, sure, debug, model_sha256, explain)
    answers.write(task, left, errors, 1 if debug else jobs, header)  # strips are numbered


@app.command()
def read(
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
    annotate: options.Annotate = None,
) -> None:
    """Read all the digits in each picture, line by line."""
    form = inputs.form(as_json, as_csv)
    from digits.commands import answers, sources
    from digits.prediction import READING_COLUMNS

    files, named, errors = sources.chosen(pictures, recursive)
    inputs.check_drawing("--annotate", annotate, files)
    left, header = inputs.left(files, form, READING_COLUMNS, skip_done)
    task = answers.Read(form, named, model, kernels, reject == "unsure", annotate, model_sha256)
    answers.write(task, left, errors, jobs, header)


@app.command()
def watch(
    folder: Annotated[Path, typer.Argument(help="Where pictures arrive.", show_default=False)],
    results: Annotated[
        Path,
        typer.Argument(
            metavar="RESULTS.csv",
            help="Gets a row for each picture; those that have one are not read again.",
            show_default=False,
        ),
    ],
    recursive: options.Recursive = False,
    model: options.Model = None,
    model_sha256: options.ModelSha256 = None,
    kernels: options.Kernels = None,
    reject: options.Reject = "unsure",
    as_json: options.Json = False,
) -> None:
    """Read each picture that arrives in a folder, until SIGTERM or Ctrl-C."""
    from functools import partial

    from digits.commands import folder_reader
    from digits.commands.watch import FolderWatcher
    from digits.processes import StopEvent, Worker

    stop = StopEvent()
    stop.set_by_signals()
    sure = reject == "unsure"
    reader = folder_reader.Reader(str(folder), model, kernels, sure, model_sha256, as_json)
    start_worker = partial(Worker, reader.start, folder_reader.MEMORY)
    watcher = FolderWatcher(reader, start_worker, results, recursive, print_result)
    print_stderr(f"watching {folder}; {watcher.done} pictures are done")
    watcher.run(stop)


@app.command("eval")
def evaluate(
    model: options.ModelArgument = None,
    model_sha256: options.ModelSha256 = None,
    data: options.Data = None,
    split: Annotated[
        Literal["test", "validation"] | None,
        typer.Option(help="Which part of them.", show_default="MNIST's test digits, all pictures"),
    ] = None,
    kernels: options.Kernels = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Folder for confusion.png and mistakes.png. Needs matplotlib."),
    ] = None,
    as_json: options.WholeJson = False,
) -> None:
    """Measure how well a model reads labelled digits."""
    from digits.classifier import Classifier
    from digits.commands import tables
    from digits.data.image_folder import LabelledDataset
    from digits.evaluation import Evaluation
    from digits.text import escape_name, to_json

    report = _import_for_plot() if plot else None
    errors = ErrorReporter()
    classifier = Classifier(model, threads=0, kernels=kernels, sha256=model_sha256)
    network = classifier.model
    digits = LabelledDataset(data, split, errors.report, classifier)
    result = Evaluation(network.metadata.rejection_threshold)
    with progress_bar() as bar:
        task = bar.add_task("evaluating", total=digits.total)
        for batch in digits:
            answers = batch.probabilities
            result.add(batch, network.probabilities(batch.images) if answers is None else answers)
            bar.update(task, completed=result.total)
    if not result.total:
        raise DataError(f"no picture in {digits.name} could be read")
    name, of = escape_name(network.name), escape_name(digits.name)
    if as_json:
        about = {"model": name, "kernels": network.kernels, "data": of}
        print_result(to_json(about | tables.evaluation_values(result)))
    else:
        print_result(f"{name} ({network.kernels} kernels) on {of}")
        for line in tables.evaluation(result):
            print_result(line)
    if report and plot:
        report.confusion(plot / "confusion.png", digits.name, result)
        report.mistakes(plot / "mistakes.png", digits.name, result)
    errors.exit_if_any()


@app.command()
def info(
    file: options.InfoFile = None,
    model_sha256: options.ModelSha256 = None,
    network: options.Network = None,
    as_json: options.WholeJson = False,
) -> None:
    """Show what is in a model file or a checkpoint, and whether it is intact."""
    from digits.commands import tables
    from digits.text import to_json

    found: Any
    if file is not None and inputs.is_checkpoint(file):
        if model_sha256 is not None:
            raise typer.BadParameter("--model-sha256 is for ONNX files")
        checkpoints = _import_for_checkpoint()
        found = checkpoints.inspect(file, network)
        values, lines = checkpoints.values, checkpoints.lines
    else:
        if network is not None:
            raise typer.BadParameter("--model is for checkpoints")
        from digits.inference.model_file import inspect

        found = inspect(file, model_sha256)
        values, lines = tables.info_values, tables.info
    if as_json:
        print_result(to_json(values(found)))
        return
    for line in lines(found):
        print_result(line)


@app.command()
def bench(
    model: options.ModelArgument = None,
    model_sha256: options.ModelSha256 = None,
    as_json: options.WholeJson = False,
) -> None:
    """Measure how fast a model is on this device; beside x.int8.onnx also x.onnx."""
    from digits.commands import device, speed, tables
    from digits.text import to_json

    speeds, warnings = speed.compare(model, model_sha256)
    for warning in warnings:
        print_stderr(f"warning: {warning}")
    if as_json:
        measured = {"warnings": warnings, "models": tables.speed_values(speeds)}
        print_result(to_json(device.about() | measured))
        return
    for line in tables.speed(device.about(), speeds):
        print_result(escape_control(line))


@app.command(context_settings=PASS_ON)
def serve(context: typer.Context) -> None:
    """Serve a page to draw on and an API. Needs "digits[serve]"."""
    try:
        from digits.serve import cli

        cli.app(context.args, prog_name="digits serve")
    except ModuleNotFoundError as error:
        _missing("serve", "serve", error)


@app.command(context_settings=PASS_ON)
def train(context: typer.Context) -> None:
    """Train a network on MNIST, or on your own pictures. Needs "digits[train]"."""
    _hand_over("train", context.args)


@app.command(context_settings=PASS_ON)
def export(context: typer.Context) -> None:
    """Turn a trained network into a verified ONNX file. Needs "digits[export]"."""
    _hand_over("export", context.args)


def _import_for_plot() -> Any:
    """digits_train.plots, which draws with matplotlib and doesn't import torch."""
    try:
        return importlib.import_module("digits_train.plots")
    except ModuleNotFoundError as error:
        raise DigitsError(f"--plot needs {error.name}: pip install {error.name}") from error


def _import_for_checkpoint() -> Any:
    """digits_train.info, which needs torch."""
    try:
        return importlib.import_module("digits_train.info")
    except ModuleNotFoundError as error:
        _missing("info CHECKPOINT", "train", error)


def _hand_over(command: str, arguments: list[str]) -> None:
    """Let digits_train or digits_export, which the runtime can do without, run its command."""
    try:
        cli = importlib.import_module(f"digits_{command}.cli")
        cli.app(arguments, prog_name=f"digits {command}")
    except ModuleNotFoundError as error:
        _missing(command, command, error)


def _missing(command: str, extra: str, error: ModuleNotFoundError) -> NoReturn:
    if error.name is None or error.name.startswith("digits"):
        raise error  # a bug
    install = f'pip install "digits[{extra}]"'
    raise DigitsError(f"`digits {command}` needs {error.name}: {install}") from error
