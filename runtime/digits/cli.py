"""The `digits` command."""

import importlib
import io
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from digits import __version__
from digits.errors import DataError, DigitsError, PictureError
from digits.terminal import Errors, complain, emit, forget_stdout, printable, progress_bar, track

# Another package parses what follows the name of the command, --help included.
PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}

_MODEL = "ONNX file from `digits export`; else $DIGITS_MODEL, else the bundled one."
ModelArgument = Annotated[Path | None, typer.Argument(help=_MODEL, show_default=False)]
KernelsOption = Annotated[
    Literal["integer", "float"] | None,
    typer.Option(help="How an int8 file is computed; by default as its metadata say."),
]


def plain_app() -> typer.Typer:
    """A Typer app whose help and errors are plain text, for terminals and logs alike."""
    return typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


app = plain_app()


def main() -> None:
    """Run the command line; a DigitsError becomes one line on stderr and exit code 1."""
    # Pillow remarks on files that it can read all the same.
    warnings.filterwarnings("ignore", module="PIL")
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name that the terminal can't show is escaped
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="digits")
    except DigitsError as error:
        complain("error: " + "\n".join(map(printable, str(error).splitlines())))
        sys.exit(1)
    except OSError as error:  # Typer writes the help itself
        forget_stdout()
        complain(f"error: {error.strerror or error}")
        sys.exit(1)


def _version(wanted: bool) -> None:
    if wanted:
        emit(f"digits {__version__}")
        raise typer.Exit


@app.callback(no_args_is_help=True)
def digits(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Train a network to read handwritten digits, quantize it, and run it on a small device."""


PicturesArgument = Annotated[
    list[Path],
    typer.Argument(
        help="Pictures, folders, patterns, or - for stdin.", show_default=False, readable=False
    ),
]
ModelOption = Annotated[Path | None, typer.Option(help=_MODEL, show_default=False)]
RecursiveOption = Annotated[
    bool, typer.Option("--recursive", "-r", help="With the folders in folders.")
]
RejectOption = Annotated[
    Literal["unsure", "never"],
    typer.Option(help="Whether ? stands for an answer below the model's threshold."),
]
CsvOption = Annotated[bool, typer.Option("--csv", help="CSV with a header.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


@app.command()
def predict(
    pictures: PicturesArgument,
    recursive: RecursiveOption = False,
    model: ModelOption = None,
    kernels: KernelsOption = None,
    reject: RejectOption = "unsure",
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
    debug: Annotated[
        Path | None,
        typer.Option(help="Folder for a strip a picture: grey, ink, digit, 28x28 pixels."),
    ] = None,
) -> None:
    """Read the digit in each picture."""
    form = _form(as_json, as_csv)
    # onnxruntime takes a tenth of a second to import; --help doesn't wait for it.
    from digits import output, sources
    from digits.classifier import Classifier

    classifier = Classifier(model, kernels=kernels, reject=reject == "unsure")
    errors = Errors()
    files = sources.listed(pictures, recursive, errors.report)
    write = output.predictions(form, not sources.stands_for_one(pictures, files))
    strips = None
    if debug:
        from digits.drawing import Strips

        strips = Strips(debug)

    def answer(file: Path, source: Path | bytes) -> None:
        prediction = classifier.predict(source)
        write(file, prediction)
        if prediction.note:
            errors.report(PictureError(f"{file}: {prediction.note}"))
        if strips:
            strips.save(file, source, prediction)

    _for_each(files, answer, errors)


@app.command()
def read(
    pictures: PicturesArgument,
    recursive: RecursiveOption = False,
    model: ModelOption = None,
    kernels: KernelsOption = None,
    reject: RejectOption = "unsure",
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
    annotate: Annotated[
        Path | None,
        typer.Option(help="File for the picture with boxes and digits drawn on it (.png, .jpg)."),
    ] = None,
) -> None:
    """Read all the digits in each picture, line by line."""
    form = _form(as_json, as_csv)
    if annotate and annotate.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise typer.BadParameter("--annotate writes .png or .jpg files")
    from digits import output, sources
    from digits.classifier import Classifier

    classifier = Classifier(model, kernels=kernels, reject=reject == "unsure")
    errors = Errors()
    files = sources.listed(pictures, recursive, errors.report)
    if annotate and len(files) > 1:
        raise typer.BadParameter("--annotate draws on one picture")
    if annotate and files and annotate.resolve() == files[0].resolve():
        raise typer.BadParameter("--annotate would overwrite the picture")
    write = output.readings(form, not sources.stands_for_one(pictures, files))

    def answer(file: Path, source: Path | bytes) -> None:
        reading = classifier.read(source)
        write(file, reading)
        if annotate:
            from digits import drawing

            drawing.save(annotate, drawing.annotated(source, reading.digits))

    _for_each(files, answer, errors)


@app.command("eval")
def evaluate(
    model: ModelArgument = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder of pictures sorted by digit (7/any.png), CSV file with the columns file"
            " and digit, or folder with MNIST's files.",
            show_default="MNIST",
        ),
    ] = None,
    split: Annotated[
        Literal["test", "validation"] | None,
        typer.Option(help="Which of MNIST's digits.", show_default="test"),
    ] = None,
    kernels: KernelsOption = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Folder for confusion.png and mistakes.png. Needs matplotlib."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as one JSON object.")] = False,
) -> None:
    """Measure how well a model reads labelled digits."""
    from digits import tables
    from digits.evaluate import Evaluation
    from digits.labelled import Labelled
    from digits.model import Model

    report = _import_for_plot() if plot else None
    errors = Errors()
    network = Model(model, threads=0, kernels=kernels)
    digits = Labelled(data, split, errors.report)
    result = Evaluation(network.metadata.rejection_threshold)
    with progress_bar() as bar:
        task = bar.add_task("evaluating", total=digits.total)
        for batch in digits:
            result.add(batch, network.probabilities(batch.images))
            bar.update(task, completed=result.total)
    if not result.total:
        raise DataError(f"no picture in {digits.name} could be read")
    about = {"model": network.name, "kernels": network.kernels, "data": digits.name}
    if as_json:
        emit(json.dumps(about | tables.evaluation_values(result)))
    else:
        emit(printable(f"{network.name} ({network.kernels} kernels) on {digits.name}"))
        for line in tables.evaluation(result):
            emit(line)
    if report and plot:
        report.confusion(plot / "confusion.png", digits.name, result)
        report.mistakes(plot / "mistakes.png", digits.name, result)
    errors.exit_if_any()


@app.command()
def info(
    model: ModelArgument = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as one JSON object.")] = False,
) -> None:
    """Show what is in a model file, and whether it is intact."""
    from digits import tables
    from digits.info import inspect

    found = inspect(model)
    if as_json:
        emit(json.dumps(tables.info_values(found)))
        return
    for line in tables.info(found):
        emit(line)


@app.command(context_settings=PASS_ON)
def train(context: typer.Context) -> None:
    """Train a network on MNIST. Needs "digits[train]"."""
    _hand_over("train", context.args)


@app.command(context_settings=PASS_ON)
def export(context: typer.Context) -> None:
    """Turn a trained network into a verified ONNX file. Needs "digits[export]"."""
    _hand_over("export", context.args)


def _form(as_json: bool, as_csv: bool) -> Literal["text", "json", "csv"]:
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other")
    return "json" if as_json else "csv" if as_csv else "text"


def _for_each(
    files: list[Path], answer: Callable[[Path, Path | bytes], None], errors: Errors
) -> None:
    """Answer for each picture; one that can't be read costs a line. Exits with 1 after an error."""
    from digits import sources

    for file in track(files, "reading"):
        try:
            answer(file, sources.opened(file))
        except PictureError as error:
            errors.report(error)
    errors.exit_if_any()


def _import_for_plot() -> Any:
    """digits_train.report, which draws with matplotlib and doesn't import torch."""
    try:
        return importlib.import_module("digits_train.report")
    except ModuleNotFoundError as error:
        raise DigitsError(f"--plot needs {error.name}: pip install {error.name}") from error


def _hand_over(command: str, arguments: list[str]) -> None:
    """Let digits_train or digits_export, which the runtime can do without, run its command."""
    try:
        cli = importlib.import_module(f"digits_{command}.cli")
        cli.app(arguments, prog_name=f"digits {command}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("digits"):
            raise
        raise DigitsError(
            f'`digits {command}` needs {error.name}: pip install "digits[{command}]"'
        ) from error
