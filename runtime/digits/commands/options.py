"""What several commands have: the app itself, arguments and options."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from digits.inference.model_file import parse_sha256


def plain_app() -> typer.Typer:
    """A Typer app whose help and errors are plain text, for terminals and logs alike."""
    return typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def _parse_sha256(value: str | None) -> str | None:
    try:
        return None if value is None else parse_sha256(value)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


_MODEL = "ONNX file from `digits export`; else $DIGITS_MODEL, else the bundled one."

Model = Annotated[Path | None, typer.Option(help=_MODEL, show_default=False)]
ModelArgument = Annotated[Path | None, typer.Argument(help=_MODEL, show_default=False)]
ModelSha256 = Annotated[
    str | None,
    typer.Option(
        metavar="HEX",
        callback=_parse_sha256,
        help="SHA-256 of the only file that is accepted; else $DIGITS_MODEL_SHA256, else any is.",
        show_default=False,
    ),
]
InfoFile = Annotated[
    Path | None,
    typer.Argument(
        help="ONNX file, checkpoint or run folder; else $DIGITS_MODEL, else the bundled model.",
        show_default=False,
    ),
]
Network = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="FILE.py:CLASS",
        help="The checkpoint's network, where it is one of your own.",
        show_default=False,
    ),
]
Kernels = Annotated[
    Literal["integer", "float"] | None,
    typer.Option(help="How an int8 file is computed; by default as its metadata say."),
]
Data = Annotated[
    Path | None,
    typer.Option(
        help="Folder of pictures sorted by digit (7/any.png), CSV file with the columns file and"
        " digit, or folder with MNIST's files.",
        show_default="MNIST",
    ),
]
Pictures = Annotated[
    list[str],
    typer.Argument(help="Pictures, folders, patterns, or - for stdin.", show_default=False),
]
Recursive = Annotated[bool, typer.Option("--recursive", "-r", help="With the folders in folders.")]
Reject = Annotated[
    Literal["unsure", "never"],
    typer.Option(help="Whether ? stands for an answer below the model's threshold."),
]
Csv = Annotated[bool, typer.Option("--csv", help="CSV with a header.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
WholeJson = Annotated[bool, typer.Option("--json", help="Everything as one JSON object.")]
Debug = Annotated[
    Path | None,
    typer.Option(help="Folder for strips: what the network saw of each picture, and said."),
]
Explain = Annotated[
    Path | None,
    typer.Option(
        help="File for a drawing of what the first two convolutions see of the digit (.png, .jpg)."
    ),
]
Annotate = Annotated[
    Path | None,
    typer.Option(help="File for the picture with boxes and digits drawn on it (.png, .jpg)."),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="How many processes read.",
        show_default="one for each core, from 500 pictures on",
    ),
]
SkipDone = Annotated[
    Path | None,
    typer.Option(
        metavar="RESULTS.csv",
        help="Leave out the pictures in the results of an earlier run with --csv; with"
        " `>> RESULTS.csv` go on with them.",
    ),
]
