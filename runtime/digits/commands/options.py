"""The app, arguments and options that several commands share, and their checks."""

import inspect
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from digits.commands.tasks import ClassifierOptions, ReadNumbers
from digits.constraints.checks import CheckName
from digits.errors import DigitsError
from digits.files import is_drawing
from digits.formats import FORMATS, Format
from digits.images.formats import split_page
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


def grouped(command: Callable[..., None]) -> Callable[..., None]:
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


Pictures = Annotated[list[str], typer.Argument(metavar="PICTURES", hidden=True)]
Recursive = Annotated[bool, typer.Option("--recursive", "-r", help="Include subfolders.")]
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
_FORM = "Read the sheets of a form, a row each: docs/fields.md."
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
JsonObject = Annotated[bool, typer.Option("--json", help="Print everything as one JSON object.")]
_MANY = "one per core, from 500 pictures"
Jobs = Annotated[
    int | None, option("N", "Number of processes.", min=1, max=256, show_default=_MANY)
]
_DATA = "Folder of pictures sorted by digit (7/any.png), CSV of file and digit, or MNIST's folder."
Data = Annotated[Path | None, path_option("PATH", _DATA, show_default="MNIST")]
_OUTPUT = "Append results to this file (.csv or .jsonl); a later run continues it."
_MAX_ERRORS = "Share of accepted numbers that may be wrong: 0.1%, or a FILE of `eval --calibrate`."


class OutputOptions(NamedTuple):
    """Where results go, and in which format."""

    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object for each picture.")
    ] = False
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False
    output: Annotated[Path | None, path_option("FILE", _OUTPUT, "--output", "-o")] = None

    def choose_format(self) -> Format:
        """Return the format that the options, or the name of the output file, name; else text.

        Raises BadParameter if they name several, or none in which files are written.
        """
        suffix = self.output.suffix.lower() if self.output else ""
        names = {name for name, known in FORMATS.items() if suffix in known.suffixes}
        if self.as_json:
            names.add("json")
        if self.as_csv:
            names.add("csv")
        if len(names) > 1:
            raise typer.BadParameter("--json, --csv and the name of --output contradict")
        output_format = FORMATS[names.pop() if names else "text"]
        if output_format.suffixes:
            if isinstance(sys.stdout, io.TextIOWrapper):  # for programs, whatever the locale
                sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
        elif self.output:
            raise typer.BadParameter("--output writes .csv or .jsonl; or add --csv or --json")
        return output_format


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
    max_errors: Annotated[str | None, option("P", _MAX_ERRORS, show_default="1%")] = None

    def task(self, classifier_options: ClassifierOptions) -> ReadNumbers:
        """Make the task to read such numbers by such a classifier.

        Raises BadParameter for options that are malformed or contradict each other, and DigitsError
        for a file that can't be read, or is for other constraints or networks.
        """
        from digits.constraints.allowed import AllowedNumbers
        from digits.constraints.constraints import Constraints

        try:
            allowed = None if self.allowed is None else AllowedNumbers.parse(self.allowed)
            constraints = Constraints(
                length=self.length,
                pattern=self.pattern,
                check=self.check,
                values=allowed,
                range=self.value_range,
                digits_only=self.digits_only,
            )
            task = ReadNumbers(classifier_options=classifier_options, constraints=constraints)
            if self.max_errors is None:
                return task
            from digits.evaluation.acceptance import parse_max_errors

            share = parse_max_errors(self.max_errors, classifier_options.files, constraints)
            return replace(task, max_errors=share)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
