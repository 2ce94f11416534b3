"""The app, arguments and options that several commands share, and their checks."""

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from digits.inference.model_file import parse_sha256
from digits.prediction import Format


def make_app() -> typer.Typer:
    """Create a Typer app with help and errors in plain text."""
    return typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def path_option(help: str, metavar: str = "PATH", show_default: bool | str = False) -> Any:
    """An option whose value is a path."""
    return typer.Option(parser=_parse_path, metavar=metavar, help=help, show_default=show_default)


def path_argument(help: str, metavar: str | None = None, show_default: bool | str = False) -> Any:
    """An argument that is a path."""
    return typer.Argument(parser=_parse_path, metavar=metavar, help=help, show_default=show_default)


def _parse_path(text: str) -> Path:
    if not text:  # as of a script's unset variable; Path("") is the current folder
        raise typer.BadParameter("a path must not be empty")
    return Path(text)


def _parse_sha256(value: str | None) -> str | None:
    try:
        return None if value is None else parse_sha256(value)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


_MODEL = "ONNX file from `digits export`; default: $DIGITS_MODEL, else the bundled model."

Model = Annotated[Path | None, path_option(_MODEL)]
EvaluatedModel = Annotated[
    Path | None,
    path_argument(
        f"{_MODEL} With --pages a reader; default: $DIGITS_READER, else the bundled one."
    ),
]
ModelArgument = Annotated[Path | None, path_argument(_MODEL)]
ModelSha256 = Annotated[
    str | None,
    typer.Option(
        metavar="HEX",
        callback=_parse_sha256,
        help="SHA-256 of the only model to accept; default: $DIGITS_MODEL_SHA256, else any.",
        show_default=False,
    ),
]
ReaderModel = Annotated[
    Path | None,
    path_option(
        "ONNX file of a reader from `digits export`; default: $DIGITS_READER, else the bundled"
        " reader."
    ),
]
ReaderSha256 = Annotated[
    str | None,
    typer.Option(
        metavar="HEX",
        callback=_parse_sha256,
        help="SHA-256 of the only reader to accept; default: $DIGITS_READER_SHA256, else any.",
        show_default=False,
    ),
]
DigitsOnly = Annotated[
    bool, typer.Option("--digits-only", help="Leave out minus signs and decimal points.")
]
InfoFile = Annotated[
    Path | None,
    path_argument(
        "ONNX file, checkpoint or run folder; default: $DIGITS_MODEL, else the bundled model."
    ),
]
Network = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="FILE.py:CLASS",
        help="The checkpoint's network, if it is your own.",
        show_default=False,
    ),
]
Kernels = Annotated[
    Literal["integer", "float"] | None,
    typer.Option(help="How to compute an int8 model; default: as recorded in the model file."),
]
Data = Annotated[
    Path | None,
    path_option(
        "Folder of pictures sorted by digit (7/any.png), CSV file with the columns file and"
        " digit, or folder with MNIST's files.",
        show_default="MNIST",
    ),
]
Pages = Annotated[
    Path | None,
    path_option(
        "Measure a reader instead, on the pages in a CSV file with the columns file and text"
        " (12.5 -3/77: a blank begins a column, / a line).",
        metavar="FILE.csv",
    ),
]
Pictures = Annotated[
    list[str],
    typer.Argument(help="Pictures, folders, patterns, or - for stdin.", show_default=False),
]
Recursive = Annotated[bool, typer.Option("--recursive", "-r", help="Include subfolders.")]
Reject = Annotated[
    Literal["unsure", "never"],
    typer.Option(help="When to answer ?: below the model's confidence threshold, or never."),
]
Csv = Annotated[bool, typer.Option("--csv", help="CSV with a header.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]
JsonObject = Annotated[bool, typer.Option("--json", help="Everything as one JSON object.")]
Debug = Annotated[
    Path | None,
    path_option("Folder for debug strips: what the network saw in each picture, and its output."),
]
PageDebug = Annotated[
    Path | None,
    path_option("Folder for drawings of what the reader saw: symbols, alternatives, lines, looks."),
]
Explain = Annotated[
    Path | None,
    path_option(
        "File for a drawing of the feature maps of the first two convolutions (.png, .jpg)."
    ),
]
Annotate = Annotated[
    Path | None,
    path_option("File for the picture with boxes and symbols drawn on it (.png, .jpg)."),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=256,
        help="Number of processes.",
        show_default="one per core, from 500 pictures",
    ),
]
SkipDone = Annotated[
    Path | None,
    path_option(
        "Skip the pictures in the results of an earlier run with --csv; append with"
        " `>> RESULTS.csv`.",
        metavar="RESULTS.csv",
    ),
]


def output_format(as_json: bool, as_csv: bool) -> Format:
    """Choose the output format. Raises BadParameter for both."""
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other")
    if as_csv and isinstance(sys.stdout, io.TextIOWrapper):
        # For programs, whatever the locale.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    return "json" if as_json else "csv" if as_csv else "text"


def remaining(
    files: Sequence[str], output: Format, columns: Sequence[str], skip_done: Path | None
) -> tuple[Sequence[str], str]:
    """Return the files that aren't in the results yet, and the CSV header if it is missing."""
    appends = False
    if skip_done:
        from digits.commands import results
        from digits.text import csv_name

        names, appends = results.load_processed(skip_done, columns, output == "csv")
        files = [file for file in files if csv_name(file) not in names]
    return files, ",".join(columns) if output == "csv" and not appends else ""


def check_drawing(option: str, drawing: Path | None, files: Sequence[str]) -> None:
    """Raise BadParameter if the option can't draw these pictures to this file."""
    if drawing is None:
        return
    if drawing.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise typer.BadParameter(f"{option} writes .png or .jpg files")
    if len(files) > 1:
        raise typer.BadParameter(f"{option} draws one picture")
    if files and os.path.realpath(drawing) == os.path.realpath(files[0]):
        raise typer.BadParameter(f"{option} would overwrite the picture")


def is_checkpoint(path: Path) -> bool:
    """Whether the path names a checkpoint or a run folder, not an ONNX file."""
    return path.suffix in (".safetensors", ".pt") or os.path.isfile(path / "checkpoint.safetensors")
