"""The app, arguments and options that several commands share, and their checks."""

import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from digits.constraints.checks import CheckName
from digits.prediction import Format

if TYPE_CHECKING:
    from digits.commands.runner import ClassifierOptions
    from digits.constraints.allowed import AllowedNumbers
    from digits.constraints.constraints import Constraints

_T = TypeVar("_T")

_SUFFIXES: dict[str, Format] = {".csv": "csv", ".json": "json", ".jsonl": "json"}


def make_app() -> typer.Typer:
    """Create a Typer app with help and errors in plain text."""
    return typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def path_option(metavar: str, help: str, *names: str, show_default: bool | str = False) -> Any:
    """An option whose value is a path: a FILE, a DIR, or a PATH that may be either."""
    return typer.Option(
        *names, parser=_parse_path, metavar=metavar, help=help, show_default=show_default
    )


def path_argument(metavar: str) -> Any:
    """An argument that is a path. The command's docstring describes it."""
    return typer.Argument(parser=_parse_path, metavar=metavar, hidden=True)


def _parse_path(text: str) -> Path:
    if not text:  # as of a script's unset variable; Path("") is the current folder
        raise typer.BadParameter("a path must not be empty")
    return Path(text)


Pictures = Annotated[list[str], typer.Argument(metavar="PICTURES", hidden=True)]
Recursive = Annotated[bool, typer.Option("--recursive", "-r", help="Include subfolders.")]
Model = Annotated[
    Path | None,
    path_option(
        "FILE", "ONNX file from `digits export`; default: $DIGITS_MODEL, else the bundled model."
    ),
]
Reader = Annotated[
    Path | None,
    path_option(
        "FILE",
        "ONNX file of a reader from `digits export`; default: $DIGITS_READER, else the bundled"
        " reader.",
    ),
]
Models = Annotated[
    list[Path] | None,
    path_option(
        "FILE",
        "ONNX file of a reader or a classifier from `digits export`, or twice for one of each;"
        " default: $DIGITS_READER and $DIGITS_MODEL, else the bundled ones.",
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        metavar="P",
        help="Answer ? below this confidence; 0: never.",
        show_default="as the model file says",
    ),
]
DigitsOnly = Annotated[
    bool, typer.Option("--digits-only", help="Leave out minus signs and decimal points.")
]
OutputFormat = Annotated[
    Format | None,
    typer.Option("--format", help="JSON has one object a line.", show_default="text"),
]
Csv = Annotated[bool, typer.Option("--csv", help="Short for --format csv.")]
Json = Annotated[bool, typer.Option("--json", help="Short for --format json.")]
JsonObject = Annotated[bool, typer.Option("--json", help="Print everything as one JSON object.")]
Output = Annotated[
    Path | None,
    path_option(
        "FILE",
        "Append the results to a .csv, .json or .jsonl file as they come. Run again, it goes on"
        " where it stopped.",
        "--output",
        "-o",
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=256,
        metavar="N",
        help="Number of processes.",
        show_default="one per core, from 500 pictures",
    ),
]
Data = Annotated[
    Path | None,
    path_option(
        "PATH",
        "Folder of pictures sorted by digit (7/any.png), CSV file with the columns file and"
        " digit, or folder with MNIST's files.",
        show_default="MNIST",
    ),
]


Length = Annotated[
    str | None,
    typer.Option(metavar="N", help="Digits of each number: 6, or 4-8."),
]
Pattern = Annotated[
    str | None,
    typer.Option(metavar="REGEX", help=r"What each number looks like: \d{3}-\d{4}, 20[0-9]*."),
]
Check = Annotated[CheckName | None, typer.Option(help="The check digit of each number.")]
AllowedList = Annotated[
    str | None,
    typer.Option(
        "--list",
        metavar="FILE",
        help="Allowed numbers, one a line; or FILE.csv:COLUMN of a table.",
    ),
]
ValueRange = Annotated[
    str | None, typer.Option("--range", metavar="A-B", help="Least and greatest value.")
]
MaxErrors = Annotated[
    str | None,
    typer.Option(
        metavar="P",
        help="How many of the accepted numbers may be wrong: 0.1%, or a FILE from `digits eval"
        " --calibrate`.",
        show_default="1%",
    ),
]


def constraints(
    length: str | None,
    pattern: str | None,
    check: CheckName | None,
    allowed: str | None,
    value_range: str | None,
    digits_only: bool = False,
) -> "Constraints":
    """What these options ask of each number.

    Raises BadParameter if they are malformed or contradict each other, and DataError for a list
    that can't be read.
    """
    from digits.constraints.constraints import Constraints

    parts = (
        _parse("--length", length, lambda text: Constraints(text).length),
        _parse("--pattern", pattern, lambda text: Constraints(pattern=text).pattern),
        check,
        _parse("--list", allowed, _load_allowed),
        _parse("--range", value_range, lambda text: Constraints(range=text).range),
    )
    try:
        return Constraints(*parts, digits_only)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def max_errors(
    text: str | None, networks: "ClassifierOptions", asked: "Constraints"
) -> float | None:
    """What --max-errors says. Raises BadParameter, or DataError for a file that can't be used."""
    if text is None:
        return None
    from digits.evaluation.acceptance import parse_max_errors

    return _parse(
        "--max-errors",
        text,
        lambda text: parse_max_errors(text, networks.files, asked),
    )


def _parse(option: str, text: str | None, parse: Callable[[str], _T]) -> _T | None:
    """Raises BadParameter, which names the option, for a ValueError."""
    try:
        return None if text is None else parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=repr(option)) from error


def check_calibrate(file: Path, max_errors: str | None) -> None:
    """Raise BadParameter or DataError if these options contradict, or would overwrite a file."""
    from digits.evaluation.acceptance import load

    if file.suffix.lower() != ".json" or not file.parent.is_dir():
        raise typer.BadParameter(f"--calibrate writes to .json, in an existing folder, not {file}")
    if max_errors is not None and os.path.isfile(max_errors):
        raise typer.BadParameter("with --calibrate, --max-errors is a share such as 1%, not a file")
    if os.path.lexists(file):
        load(file)  # only such a file is replaced


def _load_allowed(file: str) -> "AllowedNumbers":
    from digits.constraints.allowed import AllowedNumbers  # with NumPy

    path, separator, column = file.rpartition(":")
    if file and (not separator or os.path.exists(file)):
        return AllowedNumbers.load(Path(file))
    if not path or not column.strip():
        raise ValueError(f"a list is FILE or FILE.csv:COLUMN, not {file!r}")
    return AllowedNumbers.load(Path(path), column)


def output_format(
    format: Format | None, as_json: bool, as_csv: bool, output: Path | None = None
) -> Format:
    """The one format that the options, or the name of the output file, ask for; else text.

    Raises BadParameter if they ask for several, or for none in which files are written.
    """
    asked: dict[str, Format | None] = {
        f"--format {format}": format,
        "--json": "json" if as_json else None,
        "--csv": "csv" if as_csv else None,
        f"--output {output}": _SUFFIXES.get(output.suffix.lower()) if output else None,
    }
    formats = {source: value for source, value in asked.items() if value}
    if len({*formats.values()}) > 1:
        raise typer.BadParameter(f"{' and '.join(formats)} contradict each other")
    chosen: Format = next(iter(formats.values()), "text")
    if output and chosen == "text":
        raise typer.BadParameter(
            "--output writes CSV or JSON: name a .csv or .jsonl file, or add --csv or --json"
        )
    if chosen == "csv" and isinstance(sys.stdout, io.TextIOWrapper):
        # For programs, whatever the locale.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    return chosen


def check_annotated(drawing: Path | None, files: Sequence[str]) -> None:
    """Raise BadParameter if --annotate can't draw these pictures to this file."""
    if drawing is None:
        return
    if drawing.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise typer.BadParameter("--annotate writes .png or .jpg files")
    if len(files) > 1:
        raise typer.BadParameter("--annotate draws one picture")
    if files and os.path.realpath(drawing) == os.path.realpath(files[0]):
        raise typer.BadParameter("--annotate would overwrite the picture")
