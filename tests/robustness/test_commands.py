"""Random and unusual command lines."""

import importlib
import os
import random
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from uvicorn import Server

from digits.__main__ import main
from digits.data import fetch
from digits.watch.watcher import FolderWatcher
from tests.robustness import corpus, specimens
from tests.robustness.command_line import COMMANDS, options, parameters, with_value
from tests.robustness.sandbox import harmless

Run = Callable[..., int]

OUTPUTS = (
    "keep",
    "output",
    "debug",
    "annotate",
    "plot",
    "out",
    "triton",
    "results",
    "uds",
    "save_labelled",
)
NUMBERS = ("0", "-1", "1e400", "nan", "-inf", "9" * 500, "0x10", "٣", "1_0", " ", "")
TEXTS = (
    *("", " ", "-", "--", "---", "=", "a\nb", "\x1b[31m", "\udcff\udcfe", "%s%n", "~", "*", "["),
    *(":", "a:b", ".py"),
)


@pytest.fixture(scope="module", autouse=True)
def lazy_imports() -> None:
    """Import what the commands import lazily: matplotlib creates a folder then."""
    for module in (
        *("digits.serve.server", "digits_train.trainer", "digits_train.plots"),
        "digits_export.export",
    ):
        importlib.import_module(module)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Call `digits ARGUMENTS` in an empty folder, without MNIST; checks how it ends."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fetch, "cache_folder", lambda: tmp_path / "no cache")
    monkeypatch.setattr(fetch, "SOURCES", ())
    monkeypatch.setattr(FolderWatcher, "run", lambda *_: None)  # these two run until stopped
    monkeypatch.setattr(Server, "run", lambda *_: None)
    monkeypatch.delenv("DIGITS_DATA", raising=False)
    monkeypatch.setenv("PYTHONSAFEPATH", "1")  # which it sets, only for the test

    def call(*arguments: object) -> int:
        words = list(map(str, arguments))
        monkeypatch.setattr(sys, "argv", ["digits", *words])
        code = 0
        try:
            with harmless(repr(words)[:200], tmp_path):
                main()
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        error = capfd.readouterr().err
        assert code in (0, 1, 2), words
        assert "Traceback" not in error, words
        assert (code == 0) or error.strip(), words
        return code

    return call


def unusual_paths(folder: Path) -> Iterator[Path]:
    """Yield paths that don't lead to regular files with contents."""
    os.mkfifo(folder / "pipe.png")
    (folder / "round.png").symlink_to("round.png")
    (folder / "nowhere.png").symlink_to("missing")
    (folder / "folder.png").mkdir()
    (folder / "empty.png").touch()
    (folder / "picture.png").write_bytes(specimens.pictures()["PNG L"])
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket.png")
    names = ("pipe", "round", "nowhere", "folder", "empty", "socket")
    yield from (folder / f"{name}.png" for name in names)
    yield folder / "picture.png" / "below"
    yield from map(Path, ("/dev/zero", "/dev/null", "/dev/full", "/proc/self/mem", "/", "x" * 300))


@pytest.mark.parametrize("command", COMMANDS)
def test_unusual_paths(run: Run, tmp_path: Path, command: str) -> None:
    """None is taken for an input, and none as an output does harm."""
    paths = list(unusual_paths(tmp_path))
    for parameter in parameters(command):
        may_succeed = parameter.name in (*OUTPUTS, "folder")
        for path in paths if parameter.is_path or parameter.name == "pictures" else ():
            if may_succeed and path.is_absolute() and tmp_path not in path.parents:
                continue  # it may write where it is told to
            if parameter.name.startswith("ssl") and path.name == "pipe.png":
                continue  # whose writer may be another program, <(pass certificate)
            line = [*with_value(command, parameter, path)]
            if parameter.option and command in ("predict", "read"):
                line[1] = tmp_path / "picture.png"
            if parameter.name == "output":
                line.append("--csv")
            assert run(*line) != 0 or may_succeed, line


def test_train_refuses_unusual_network_paths(run: Run, tmp_path: Path) -> None:
    for path in unusual_paths(tmp_path):
        assert run("train", "--network", f"{path}:Net") != 0


@pytest.mark.parametrize("command", COMMANDS)
def test_options_with_unusual_values(run: Run, command: str) -> None:
    for option in options(command):
        for value in (*NUMBERS, *TEXTS):
            run(command, "none", option, value)


@pytest.mark.parametrize("command", COMMANDS)
def test_random_command_lines(run: Run, command: str) -> None:
    rng = random.Random(command)
    all_options = [option for name in COMMANDS for option in options(name)]
    words = [*COMMANDS, *TEXTS, *NUMBERS, *all_options]
    for _ in range(round(30 * corpus.FACTOR)):
        run(command, "none", *rng.choices(words, k=rng.randint(1, 6)))


@pytest.mark.parametrize("command", ["predict", "read", "info", "eval --data"])
def test_unprintable_file_names(tmp_path: Path, command: str) -> None:
    """The terminal's encoding can't represent them."""
    names = [b"\xff\xfe.png", b"a\nb.png", b"\x1b]0;x\x07.png", b"-\xff"]
    lines = [names[:3], names[3:]] if command in ("predict", "read") else [names[2:3]]
    for line in lines:
        done = subprocess.run(
            [sys.executable, "-m", "digits", *command.split(), *line],
            cwd=tmp_path,
            env=os.environ | {"PYTHONIOENCODING": "ascii:strict"},
            capture_output=True,
            timeout=60,
        )
        assert done.returncode in (1, 2)
        assert b"Traceback" not in done.stderr and done.stderr.strip()
        assert b"\x1b" not in done.stderr
