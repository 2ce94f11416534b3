"""The `digits` command."""

import importlib
import sys
from typing import Annotated

import typer

from digits import __version__
from digits.errors import DigitsError

HELP = {"help_option_names": ["-h", "--help"]}
# Another package parses what follows the name of the command, --help included.
PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}

app = typer.Typer(
    add_completion=False, no_args_is_help=True, rich_markup_mode=None, context_settings=HELP
)


def main() -> None:
    """Run the command line; a DigitsError becomes one line on stderr and exit code 1."""
    try:
        app()
    except DigitsError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"digits {__version__}")
        raise typer.Exit


@app.callback()
def digits(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Train a network to read handwritten digits, quantize it, and run it on a small device."""


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
