"""The app, arguments and options that several commands share, and their checks."""

import inspect
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from digits.commands.tasks import ClassifierOptions, ReadNumbers
from digits.constraints.automaton import CheckName
from digits.errors import DigitsError
from digits.formats import FORMATS, Format


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
    """Make each field of a parameter whose type is a class of options an option of the command."""
    parameters = inspect.signature(command).parameters
    groups = {
        name: each.annotation
        for name, each in parameters.items()
        if isinstance(each.annotation, type)
    }

    @wraps(command)
    def run(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(*map(values.pop, inspect.signature(group).parameters))
        command(**values)

    single = list[inspect.Parameter]()
    for name, each in parameters.items():
        fields = inspect.signature(groups[name]).parameters.values() if name in groups else [each]
        single += (field.replace(kind=inspect.Parameter.KEYWORD_ONLY) for field in fields)
    run.__signature__ = inspect.Signature(single)  # type: ignore[attr-defined]
    return run


def option(metavar: str, help: str, *names: str, **more: Any) -> Any:
    """An option with a value. more: arguments of `typer.Option`."""
    return typer.Option(*names, metavar=metavar, help=help, **more)


def path_option(metavar: str, help: str, *names: str, show_default: bool | str = False) -> Any:
    """An option whose value is a path: a FILE, a DIR, or a PATH that may be either."""
    return option(metavar, help, *names, parser=_parse_path, show_default=show_default)


def path_argument(metavar: str) -> Any:
    """An argument that is a path. The command's docstring describes it."""
    return typer.Argument(parser=_parse_path, metavar=metavar, hidden=True)


def _parse_path(text: str) -> Path:
    if not text:  # as of a script's unset variable; Path("") is the current folder
        raise typer.BadParameter("a path must not be empty")
    return Path(text)


def _parse_format(name: str) -> Format:
    if name not in FORMATS:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(FORMATS)}")
    return FORMATS[name]


Pictures = Annotated[list[str], typer.Argument(metavar="PICTURES", hidden=True)]
Recursive = Annotated[bool, typer.Option("--recursive", "-r", help="Include subfolders.")]
_MODEL = "ONNX file from `digits export`; default: $DIGITS_MODEL, else the bundled model."
_DETECTOR = "ONNX file of a detector; default: $DIGITS_DETECTOR, else the bundled detector."
_RECOGNIZER = "ONNX file of a recognizer; default: $DIGITS_RECOGNIZER, else the bundled recognizer."
_MODELS = (
    "ONNX file of a detector, a recognizer (numbers) or a classifier (single digits); repeat it to"
    " name one of each. Default: $DIGITS_DETECTOR and so on, else the bundled ones."
)
Model = Annotated[Path | None, path_option("FILE", _MODEL)]
Detector = Annotated[Path | None, path_option("FILE", _DETECTOR)]
Recognizer = Annotated[Path | None, path_option("FILE", _RECOGNIZER)]
Models = Annotated[list[Path] | None, path_option("FILE", _MODELS)]
_FIELDS = "Read the sheets of a form, a row each: `digits fields` makes it; docs/fields.md."
Fields = Annotated[Path | None, path_option("FORM.toml", _FIELDS)]
_THRESHOLD = "Answer ? below this confidence; 0: never."
Threshold = Annotated[
    float | None, option("P", _THRESHOLD, min=0, max=1, show_default="as the model file says")
]
JsonObject = Annotated[bool, typer.Option("--json", help="Print everything as one JSON object.")]
_MANY = "one per core, from 500 pictures"
Jobs = Annotated[
    int | None, option("N", "Number of processes.", min=1, max=256, show_default=_MANY)
]
_DATA = "Folder of pictures sorted by digit (7/any.png), CSV of file and digit, or MNIST's folder."
Data = Annotated[Path | None, path_option("PATH", _DATA, show_default="MNIST")]
_LINES, _NAMES = "JSON has one object a line.", "|".join(FORMATS)
_FORMAT = option(_NAMES, _LINES, "--format", parser=_parse_format, show_default="text")
_OUTPUT = "Append to a .csv or .jsonl file, or .xlsx with --fields. Run again, it goes on."
_MAX_ERRORS = "How many accepted numbers may be wrong: 0.1%, or a FILE of `eval --calibrate`."


class OutputOptions(NamedTuple):
    """Where results go, and in which format."""

    format: Annotated[Format | None, _FORMAT] = None
    as_json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False
    as_csv: Annotated[bool, typer.Option("--csv", help="Short for --format csv.")] = False
    output: Annotated[Path | None, path_option("FILE", _OUTPUT, "--output", "-o")] = None

    def chosen(self) -> Format:
        """The one format that the options, or the name of the output file, ask for; else text.

        Raises BadParameter if they ask for several, or for none in which files are written.
        """
        suffix = self.output.suffix.lower() if self.output else ""
        asked = {self.format} if self.format else set[Format]()
        asked |= {FORMATS["json"]} if self.as_json else set()
        asked |= {FORMATS["csv"]} if self.as_csv else set()
        asked |= {form for form in FORMATS.values() if suffix in form.suffixes}
        if len(asked) > 1:
            raise typer.BadParameter("--format, --json, --csv and the name of --output contradict")
        chosen = asked.pop() if asked else FORMATS["text"]
        if chosen.suffixes:
            if isinstance(sys.stdout, io.TextIOWrapper):  # for programs, whatever the locale
                sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
        elif self.output:
            raise typer.BadParameter("--output writes .csv or .jsonl; or add --csv or --json")
        return chosen


class NumberOptions(NamedTuple):
    """What numbers must satisfy, and which are accepted."""

    digits_only: Annotated[
        bool, typer.Option("--digits-only", help="Leave out minus signs and decimal points.")
    ] = False
    length: Annotated[str | None, option("N", "Digits of each number: 6, or 4-8.")] = None
    pattern: Annotated[
        str | None, option("REGEX", r"What each number looks like: \d{3}-\d{4}, 20[0-9]*.")
    ] = None
    check: Annotated[CheckName | None, typer.Option(help="The check digit of each number.")] = None
    allowed: Annotated[
        str | None,
        option("FILE", "Allowed numbers, one a line; or FILE.csv:COLUMN of a table.", "--list"),
    ] = None
    value_range: Annotated[str | None, option("A-B", "Least and greatest value.", "--range")] = None
    max_errors: Annotated[str | None, option("P", _MAX_ERRORS, show_default="1%")] = None

    def task(self, networks: ClassifierOptions) -> ReadNumbers:
        """What to read by these networks.

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
            task = ReadNumbers(networks=networks, constraints=constraints)
            if self.max_errors is None:
                return task
            from digits.evaluation.acceptance import parse_max_errors

            share = parse_max_errors(self.max_errors, networks.files, constraints)
            return replace(task, max_errors=share)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
