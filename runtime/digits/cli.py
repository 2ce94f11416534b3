"""The `digits` command."""

import importlib
import io
import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from digits import __version__
from digits.errors import DigitsError, PictureError
from digits.terminal import complain, emit, forget_stdout, printable, track

# Another package parses what follows the name of the command, --help included.
PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


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
        complain(f"error: {error}")
        sys.exit(1)
    except OSError as error:  # Typer writes the help itself
        forget_stdout()
        complain(f"error: {error.strerror}")
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


@app.command()
def predict(
    pictures: Annotated[list[Path], typer.Argument(help="Pictures, or folders of pictures.")],
    model: Annotated[
        Path | None,
        typer.Option(
            help="ONNX file from `digits export`; else $DIGITS_MODEL, else the bundled one."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="One CSV row a picture.")] = False,
) -> None:
    """Read the digit in each picture."""
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other")
    # onnxruntime takes a tenth of a second to import; --help doesn't wait for it.
    from digits import output
    from digits.classifier import Classifier
    from digits.picture import listed

    classifier = Classifier(model)
    files: list[Path] = []
    errors: list[PictureError] = []

    def report(error: PictureError) -> None:
        errors.append(error)
        complain(f"error: {printable(str(error))}")

    for path in pictures:
        try:
            files += listed(path)
        except PictureError as error:
            report(error)
    several = files != pictures or len(files) > 1
    write = output.as_json() if as_json else output.as_csv() if as_csv else output.as_text(several)
    for file in track(files, "reading"):
        try:
            write(file, classifier.predict(file))
        except PictureError as error:
            report(error)
    if errors:
        raise typer.Exit(1)


@app.command(context_settings=PASS_ON)
def train(context: typer.Context) -> None:
    """Train a network on MNIST. Needs "digits[train]"."""
    _hand_over("train", context.args)


@app.command(context_settings=PASS_ON)
def export(context: typer.Context) -> None:
    """Turn a trained network into a verified ONNX file. Needs "digits[export]"."""
    _hand_over("export", context.args)


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
