"""The app, arguments and options that several commands share, and their checks."""

import inspect
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from digits.commands.drawings import DrawingWriter
from digits.commands.inputs import STDIN, Inputs, resolve
from digits.commands.modes import ModelPaths, ReadNumbers
from digits.constraints.checks import CheckName
from digits.errors import DigitsError
from digits.files import is_drawing
from digits.formats import Csv, Json, file_format
from digits.images.formats import split_page
from digits.terminal import ErrorReporter
from digits.text import escape_control


def make_app() -> typer.Typer:
    """Create a Typer app with help and errors in plain text."""
    return typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


@contextmanager
def needs_package(needed_by: str, package: str) -> Iterator[None]:
    """Explain what to install if a module is missing. Raises DigitsError."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("digits"):
            raise  # a bug
        module = error.name.partition(".")[0]
        raise DigitsError(f"{needed_by} needs {module}: pip install {package}") from error


def expand_option_classes(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take a class of options as one parameter; each of its fields is an option."""
    parameters = inspect.signature(command).parameters
    groups = {
        name: parameter.annotation
        for name, parameter in parameters.items()
        if isinstance(parameter.annotation, type)
    }

    @wraps(command)
    def run(**values: Any) -> None:
        for name, group in groups.items():
            fields = inspect.signature(group).parameters
            values[name] = group(**{field: values.pop(field) for field in fields})
        command(**values)

    options = list[inspect.Parameter]()
    for name, parameter in parameters.items():
        if name in groups:
            options += inspect.signature(groups[name]).parameters.values()
        else:
            options.append(parameter)
    keyword_only = [field.replace(kind=inspect.Parameter.KEYWORD_ONLY) for field in options]
    run.__signature__ = inspect.Signature(keyword_only)  # type: ignore[attr-defined]
    return run


def check_drawn(
    option: str, outputs: Iterable[Path], sources: Iterable[str | Path], recursive: bool = False
) -> None:
    """Raise BadParameter if outputs would replace anything but drawings, or be read the next time.

    sources: the files and folders that are read. recursive: whether subfolders are, too.
    """
    read = {os.path.realpath(split_page(str(source)).file) for source in sources}
    for output in outputs:
        path = os.path.realpath(output)
        folders = Path(path).parents
        if not read.isdisjoint(map(str, folders if recursive else folders[:1])):
            raise typer.BadParameter(f"{option} must be outside of the folder that is read")
        if path in read or (os.path.lexists(output) and not is_drawing(output)):
            raise typer.BadParameter(escape_control(f"{option} would overwrite {output}"))


def make_drawings(
    annotate: Path | None, source: "SourceOptions", inputs: Inputs
) -> DrawingWriter | None:
    """Make what draws the inputs into a folder or a file, if it is asked for.

    Raises BadParameter or DigitsError if they can't be drawn there.
    """
    if not annotate:
        return None
    drawings = DrawingWriter(annotate, inputs.files)
    if annotate.suffix.lower() == ".pdf":
        with needs_package("--annotate FILE.pdf", '"digits[form]"'):
            drawings.make_pdf()  # fails now, not after all is read
    elif len(drawings.paths) < len(inputs.files):
        raise typer.BadParameter("--annotate draws several pictures into a folder or a .pdf file")
    check_drawn("--annotate", drawings.paths, [*source.pictures, *inputs.files], source.recursive)
    return drawings


def option(metavar: str, help: str, *names: str, **more: Any) -> Any:
    """Create an option with a value. more: arguments of `typer.Option`."""
    return typer.Option(*names, metavar=metavar, help=help, **more)


def path_option(metavar: str, help: str, *names: str, show_default: bool | str = False) -> Any:
    """Create an option whose value is a path: a FILE, a DIR, or a PATH that may be either."""
    return option(metavar, help, *names, parser=_parse_path, show_default=show_default)


def path_argument(metavar: str) -> Any:
    """Create an argument that is a path. The command's docstring describes it."""
    return typer.Argument(parser=_parse_path, metavar=metavar, hidden=True)


def _parse_path(text: str) -> Path:
    if not text:  # as of a script's unset variable; Path("") is the current folder
        raise typer.BadParameter("a path must not be empty")
    return Path(text)


_MODEL = "ONNX file from `digits export`; default: $DIGITS_MODEL, else the bundled model."
_MODELS = (
    "ONNX file of a detector, a recognizer (numbers) or a classifier (single digits); repeat it to"
    " name one of each. Default: $DIGITS_DETECTOR and so on, else the bundled ones."
)
Model = Annotated[Path | None, path_option("FILE", _MODEL)]
Models = Annotated[list[Path] | None, path_option("FILE", _MODELS)]
_SECOND_OPINION = (
    "Have PP-OCR read, too: slower, and more is right. Needs `pip install digits[ocr]`."
)
SecondOpinion = Annotated[bool, typer.Option("--second-opinion", help=_SECOND_OPINION)]
_FORM = "Read the sheets of a form, a row each: docs/forms.md."
Form = Annotated[Path | None, path_option("FORM.toml", _FORM)]


def _check_threshold(value: float | None) -> float | None:
    if value is not None and not 0 <= value <= 1:  # as NaN isn't, either
        raise typer.BadParameter(f"{value} is not in the range 0<=x<=1")
    return value


_THRESHOLD = "Answer ? if the confidence, 0 to 1, is less; 0: only without ink."
Threshold = Annotated[
    float | None,
    option("P", _THRESHOLD, callback=_check_threshold, show_default="as the model file says"),
]
_MANY = "one per core, from 500 pictures"
_DATA = "Folder of pictures sorted by digit (7/any.png), CSV of file and digit, or MNIST's folder."
Data = Annotated[Path | None, path_option("PATH", _DATA, show_default="MNIST")]
_WATCH = "Read what is in the folder PICTURES and what arrives there, until stopped."
_OUTPUT = "Append results to this file (.csv or .jsonl); a later run continues it."
_MAX_ERRORS = "Accept a number that is wrong with at most this probability, such as 0.1%."


def _parse_share(text: str) -> float:
    from digits.evaluation.acceptance import parse_share

    try:
        return parse_share(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


MaxErrors = Annotated[
    float | None, option("P", _MAX_ERRORS, parser=_parse_share, show_default="1%")
]


class OutputOptions(NamedTuple):
    """Where results go, and in which format."""

    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object for each picture.")
    ] = False
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False
    output: Annotated[Path | None, path_option("FILE", _OUTPUT, "--output", "-o")] = None

    def choose_printed(self) -> Json | Csv | None:
        """The format of what is printed; None for text. Raises BadParameter for two of them."""
        if self.as_json and self.as_csv:
            raise typer.BadParameter("--json and --csv exclude each other")
        if not (self.as_json or self.as_csv):
            return None
        if isinstance(sys.stdout, io.TextIOWrapper):  # for programs, whatever the locale
            sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
        return Json() if self.as_json else Csv()

    def choose_format(self) -> Json | Csv | None:
        """The format that the name of the output file says; None without one.

        Raises BadParameter for another name.
        """
        if not self.output:
            return None
        if chosen := file_format(self.output):
            return chosen
        raise typer.BadParameter("--output writes .csv or .jsonl")


_ANNOTATE = "Draw the answers: into a folder, or a .pdf of all; of one picture, a .png or .jpg."
Annotate = Annotated[Path | None, path_option("PATH", _ANNOTATE)]


class SourceOptions(NamedTuple):
    """Which pictures are read."""

    pictures: Annotated[list[str], typer.Argument(metavar="PICTURES", hidden=True)]
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Include subfolders.")] = (
        False
    )
    watch: Annotated[bool, typer.Option("--watch", help=_WATCH)] = False
    jobs: Annotated[
        int | None, option("N", "Number of processes.", min=1, max=256, show_default=_MANY)
    ] = None

    def resolve(self, annotate: Path | None) -> Inputs:
        """Find the pictures, or the folder to watch. Raises BadParameter if it can't be watched."""
        if not self.watch:
            return resolve(self.pictures, self.recursive)
        if annotate or self.jobs:
            raise typer.BadParameter("--watch reads in one process, and draws nothing")
        if len(self.pictures) > 1 or self.pictures == [STDIN]:
            raise typer.BadParameter("--watch takes one folder")
        [folder] = self.pictures
        if not os.path.isdir(folder):
            raise DigitsError(f"{folder} is not a folder")
        return Inputs([], True, ErrorReporter(), folder, self.recursive)


class NumberOptions(NamedTuple):
    """What numbers must satisfy, and which are accepted."""

    digits_only: Annotated[
        bool, typer.Option("--digits-only", help="Leave out minus signs and decimal points.")
    ] = False
    length: Annotated[str | None, option("N", "How many digits each number has: 6, or 4-8.")] = None
    pattern: Annotated[
        str | None, option("REGEX", r"What each number looks like: \d{3}-\d{4}, 20[0-9]*.")
    ] = None
    check: Annotated[CheckName | None, typer.Option(help="The check digit of each number.")] = None
    allowed: Annotated[
        str | None,
        option("FILE", "Allowed numbers, one a line; or FILE.csv:COLUMN of a table.", "--list"),
    ] = None
    value_range: Annotated[
        str | None, option("A-B", "Least and greatest value of each number.", "--range")
    ] = None
    max_errors: MaxErrors = None

    def to_mode(self, model_paths: ModelPaths) -> ReadNumbers:
        """Make the mode that reads such numbers by such networks.

        Raises BadParameter for options that are malformed or contradict each other, and DigitsError
        for a file that can't be read.
        """
        from digits.constraints.allowed import AllowedNumbers
        from digits.constraints.constraints import Constraints

        try:
            allowed = None if self.allowed is None else AllowedNumbers.parse(self.allowed)
            constraints = Constraints(
                length=self.length,
                pattern=self.pattern,
                check=self.check,
                allowed=allowed,
                range=self.value_range,
                digits_only=self.digits_only,
            )
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        return ReadNumbers(
            model_paths=model_paths, constraints=constraints, max_errors=self.max_errors
        )
