"""Every door is tried with the corpus, and commands with unusual lines: one sentence, no harm."""

import inspect
import io
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_origin

import pytest
from starlette.testclient import TestClient
from typer.models import ArgumentInfo
from uvicorn import Server

import digits
from digits import cli
from digits.commands.watcher import FolderWatcher
from digits.errors import DigitsError
from digits.recognize import Reader
from digits.review.cli import review
from digits.serve.cli import serve
from digits_export import export as exporter  # noqa: F401, as below: matplotlib makes a folder
from digits_export.cli import export
from digits_train import fetch, plots, trainer  # noqa: F401
from digits_train.cli import train
from digits_train.data import mnist
from tests.conftest import PICTURES, Patch, Run
from tests.robustness import corpus
from tests.robustness.sandbox import harmless
from tests.robustness.specimens import FACTOR
from tests.runtime.serve.conftest import application

COMMANDS: dict[str, Callable[..., Any]] = {
    **{"predict": cli.predict, "read": cli.read, "info": cli.info, "review": review},
    **{"eval digits": cli.evaluate_digits, "eval numbers": cli.evaluate_numbers},
    "eval form": cli.evaluate_form,
    **{"serve": serve, "train": train, "export": export},
}


class Parameter(NamedTuple):
    """An option, or an argument whose option is empty."""

    name: str
    option: str
    is_path: bool


def parameters(command: str) -> list[Parameter]:
    described = []
    for name, parameter in inspect.signature(COMMANDS[command]).parameters.items():
        hint = parameter.annotation
        if get_origin(hint) is Annotated:
            kind, about, *_ = get_args(hint)
            option = next(iter(about.param_decls or ()), f"--{name.replace('_', '-')}")
            is_argument = isinstance(about, ArgumentInfo)
            is_path = Path in (kind, *get_args(kind)) or name == "pictures"
            described.append(Parameter(name, "" if is_argument else option, is_path))
    return described


def with_value(command: str, parameter: Parameter, value: object) -> list[object]:
    """Return a command line in which the other arguments are `x`."""
    arguments = [other for other in parameters(command) if not other.option]
    words = [value if argument == parameter else "x" for argument in arguments]
    return [*command.split(), *words, *([parameter.option, value] if parameter.option else [])]


SEVEN = PICTURES / "7.jpg"
CORPUS = {
    "picture": corpus.PICTURES,
    "model": corpus.MODELS,
    "checkpoint": corpus.CHECKPOINTS,
    "table": corpus.TABLES,
    "results": {name: corpus.TABLES[name] for name in corpus.NO_RESULTS},
}
# What takes files of each kind: FILE, its folder RUN in FOLDER, or a table that lists it.
DOORS = {
    "picture": [
        *("predict FILE", "read FILE", "predict -r FOLDER", "eval digits FOLDER"),
        *("eval digits DIGITS", "eval numbers PAGES"),
        *("review RUN -o labels.csv", "train --data FOLDER"),
    ],
    "model": [
        *("info FILE", "predict SEVEN --model FILE", "read SEVEN --model FILE"),
        *("eval digits SEVENS --model FILE", "serve --model FILE"),
        *("review RESULTS -o labels.csv --model FILE", "predict FOLDER --watch --model FILE"),
    ],
    "checkpoint": ["info RUN", "export RUN", "train --start RUN --data SEVENS"],
    "table": [
        *("eval digits FILE", "eval numbers FILE", "review FILE"),
        *("train --data FILE", "read SEVEN --list FILE"),
    ],
    "results": ["predict SEVEN -o FILE", "predict FOLDER --watch -o FILE"],
}
NAMES = {
    "picture": "7.png",
    "checkpoint": "checkpoint.safetensors",
    "model": "m.onnx",
    "table": "t.csv",
    "results": "r.csv",
}


@pytest.fixture
def digits_command(run: Run, tmp_path: Path, monkeypatch: Patch) -> Run:
    """Call `digits ARGUMENTS` in an empty folder, without MNIST; checks how it ends."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fetch, "cache_folder", lambda: tmp_path / "no cache")
    monkeypatch.setattr(fetch, "SOURCES", ())
    monkeypatch.setattr(FolderWatcher, "run", lambda *_: None)  # these two run until stopped
    monkeypatch.setattr(Server, "run", lambda *_: None)
    monkeypatch.delenv("DIGITS_DATA", raising=False)

    def call(*arguments: object) -> tuple[int, str, str]:
        words = list(map(str, arguments))
        assert isinstance(sys.stderr, io.TextIOWrapper)
        sys.stderr.reconfigure(errors="backslashreplace")  # as it is without pytest
        with harmless(repr(words)[:200], tmp_path):
            code, out, err = run(*words)
        assert code in (0, 1, 2), words
        assert "Traceback" not in err and "\x1b" not in err, words
        assert (code == 0) or err.strip(), words
        return code, out, err

    return call


def prepare(kind: str, content: bytes) -> dict[str, Path]:
    """Write a file of a kind, and what refers to it; returns the paths for the words in DOORS."""
    folder = Path("folder", "7").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / NAMES[kind]
    file.write_bytes(content)
    tables = {
        "DIGITS": f"file,digit\n{file},7",
        "SEVENS": f"file,digit\n{SEVEN},7",
        "PAGES": f"file,text\n{file},77",
        "RESULTS": f"file,digit,confidence,status,reason\n{SEVEN},7,0.5,review,unsure",
    }
    for name, text in tables.items():
        Path(name).write_text(f"{text}\n")
    paths = {"FILE": file, "RUN": folder, "FOLDER": folder.parent, "SEVEN": SEVEN}
    return paths | {name: Path(name).absolute() for name in tables}


@pytest.mark.parametrize(
    ("kind", "door"), [(kind, door) for kind, doors in DOORS.items() for door in doors]
)
def test_broken_file_is_refused_in_one_sentence(digits_command: Run, kind: str, door: str) -> None:
    for name, content in CORPUS[kind].items():
        paths = prepare(kind, content)
        code, out, err = digits_command(*(paths.get(word, word) for word in door.split()))
        assert (code, out) == (1, ""), (name, err)
        assert err.splitlines()[-1].startswith("error: "), (name, err)
        assert str(paths["RUN"]) in err, (name, err)  # or the file in it
        assert paths["FILE"].read_bytes() == content, name
        assert not Path("boom").exists(), name


@pytest.fixture
def client(reader: Reader) -> TestClient:
    return TestClient(application(reader))


@pytest.mark.parametrize("option", corpus.OPTIONS)
def test_bad_option(digits_command: Run, client: TestClient, tmp_path: Path, option: str) -> None:
    for value in corpus.OPTIONS[option]:
        (tmp_path / "list").write_text(value)
        argument = tmp_path / "list" if option == "list" else value
        code, out, err = digits_command("read", SEVEN, f"--{option.replace('_', '-')}", argument)
        assert (code, out) == (1 if option == "list" else 2, ""), (value, err)
        assert err.splitlines()[-1].lower().startswith("error: "), value
        answer = client.post("/read", params={option: value}, content=SEVEN.read_bytes())
        assert answer.status_code == 422 and answer.json()["error"], value


OUTPUTS = "output", "annotate", "plot", "out"


@pytest.mark.parametrize("command", COMMANDS)
def test_unusual_paths(digits_command: Run, tmp_path: Path, command: str) -> None:
    """None is taken for an input, and none as an output does harm."""
    paths = list(corpus.paths(tmp_path))
    for parameter in parameters(command):
        may_succeed = parameter.name in OUTPUTS
        for path in paths if parameter.is_path else ():
            if may_succeed and tmp_path not in path.parents:
                continue  # it may write where it is told to
            if parameter.name.startswith("ssl") and path.name == "pipe.png":
                continue  # whose writer may be another program, <(pass certificate)
            line = with_value(command, parameter, path)
            if parameter.option and command in ("predict", "read"):
                line[1] = tmp_path / "picture.png"
            assert digits_command(*line)[0] != 0 or may_succeed, line


# Of options.
VALUES = (
    *("", " ", "a\nb", "9" * 500, "0", "-1", "1e400", "nan", "-inf", "0x10", "٣", "1_0", "-", "--"),
    *("=", "\x1b[31m", "%s", "a:b", ".py", "*", "["),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_unusual_values(digits_command: Run, tmp_path: Path, command: str) -> None:
    """Also an empty path, as of a script's unset variable, which is no default."""
    count = min(len(VALUES), round(3 * FACTOR))
    for parameter in parameters(command):
        if parameter.is_path and parameter.name != "pictures":
            code, out, err = digits_command(*with_value(command, parameter, ""))
            assert (code, out) == (2, ""), parameter
            assert err.endswith(": a path must not be empty\n"), parameter
        for value in (
            random.Random(parameter.name).sample(VALUES, count) if parameter.option else ()
        ):
            digits_command(*command.split(), "none", parameter.option, value)


VARIABLES = [
    *("DIGITS_MODEL", "DIGITS_MODEL_SHA256", "DIGITS_DETECTOR", "DIGITS_DETECTOR_SHA256"),
    *("DIGITS_RECOGNIZER", "DIGITS_RECOGNIZER_SHA256", "DIGITS_DATA", "DIGITS_TOKEN"),
]


@pytest.mark.parametrize("variable", VARIABLES)
def test_empty_variable_is_refused(run: Run, monkeypatch: Patch, variable: str) -> None:
    monkeypatch.setenv(variable, "")
    error = f"error: ${variable} is empty; set a value, or unset the variable\n"
    assert run("predict") == run("serve") == (1, "", error)
    if variable != "DIGITS_TOKEN":
        with pytest.raises(DigitsError, match=rf"^\${variable} is empty"):
            if variable == "DIGITS_DATA":
                mnist.load("test")
            digits.Reader().predict(SEVEN)
            digits.Reader().read(SEVEN)
