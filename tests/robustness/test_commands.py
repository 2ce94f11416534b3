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
from digits.commands.watch import FolderWatcher
from digits.data import fetch
from tests.robustness import corpus, specimens
from tests.robustness.sandbox import harmless

Run = Callable[..., int]

OUTPUTS = ("--debug", "--annotate", "--plot", "--out", "--triton")
COMMANDS = ("predict", "read", "eval", "info", "bench", "watch", "serve", "train", "export")
NUMBERS = ("0", "-1", "1e400", "nan", "-inf", "9" * 500, "0x10", "٣", "1_0", " ", "")
TEXTS = (
    *("", " ", "-", "--", "---", "=", "a\nb", "\x1b[31m", "\udcff\udcfe", "%s%n", "~", "*", "["),
    *(":", "a:b", ".py"),
)
MODEL = ("--model", "--model-sha256")
OPTIONS = {
    "predict": (*MODEL, "--kernels", "--reject", "--jobs", "--skip-done", "--debug"),
    "read": (*MODEL, "--kernels", "--reject", "--jobs", "--skip-done", "--annotate"),
    "eval": ("--model-sha256", "--data", "--split", "--kernels", "--plot"),
    "info": ("--model-sha256", "--json"),
    "bench": ("--model-sha256", "--json"),
    "watch": (*MODEL, "--kernels", "--reject"),
    "serve": ("--host", "--port", *MODEL, "--kernels"),
    "train": (
        *("--model", "--recipe", "--epochs", "--batch-size", "--learning-rate", "--seed"),
        *("--precision", "--teacher", "--patience", "--max-minutes", "--device", "--data"),
        *("--out", "--resume", "--teacher-model"),
    ),
    "export": ("--quantize", "--max-accuracy-drop", "--triton", "--data", "--model"),
}


@pytest.fixture(scope="module", autouse=True)
def preloaded_modules() -> None:
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
    monkeypatch.setattr(fetch, "cache_folder", lambda: None)
    monkeypatch.setattr(fetch, "SOURCES", ())
    monkeypatch.setattr(FolderWatcher, "run", lambda *_: None)  # these two run until stopped
    monkeypatch.setattr(Server, "run", lambda *_: None)
    monkeypatch.delenv("DIGITS_DATA", raising=False)
    monkeypatch.setenv("PYTHONSAFEPATH", "1")  # which it sets, only for the test

    def call(*arguments: object) -> int:
        words = [os.fsdecode(word) if isinstance(word, bytes) else str(word) for word in arguments]
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


@pytest.mark.parametrize("command", ["predict", "read", "eval", "info", "bench", "export"])
def test_commands_refuse_unusual_paths(run: Run, tmp_path: Path, command: str) -> None:
    for place in unusual_paths(tmp_path):
        assert run(command, place) != 0


@pytest.mark.parametrize(
    ("command", "option"),
    [
        *(("predict", option) for option in ("--model", "--skip-done", "--debug")),
        *(("read", option) for option in ("--model", "--skip-done", "--annotate")),
        *(("eval", option) for option in ("--data", "--plot")),
        *(("train", option) for option in ("--teacher", "--resume", "--data", "--out")),
        *(("export", option) for option in ("--triton", "--data")),
    ],
)
def test_options_with_unusual_paths(run: Run, tmp_path: Path, command: str, option: str) -> None:
    for place in unusual_paths(tmp_path):
        if option in OUTPUTS and place.is_absolute() and tmp_path not in place.parents:
            continue  # it may write where it is told to
        arguments = [tmp_path / "picture.png"] if command in ("predict", "read") else []
        run(command, *arguments, option, place)


def test_train_refuses_unusual_network_paths(run: Run, tmp_path: Path) -> None:
    for place in unusual_paths(tmp_path):
        assert run("train", "--model", f"{place}:Net") != 0


@pytest.mark.parametrize("command", COMMANDS)
def test_options_with_unusual_values(run: Run, command: str) -> None:
    for option in OPTIONS[command]:
        for value in (*NUMBERS, *TEXTS):
            run(command, "none", option, value)


@pytest.mark.parametrize("command", ["predict", "read"])
def test_too_many_jobs_are_wrong_usage(run: Run, command: str) -> None:
    for jobs in ("257", "1000000000"):
        assert run(command, "none", "--jobs", jobs) == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_random_command_lines(run: Run, command: str) -> None:
    rng = random.Random(command)
    options = [word for of_command in OPTIONS.values() for word in of_command]
    words = [*COMMANDS, *TEXTS, *NUMBERS, *options]
    for _ in range(round(30 * corpus.FACTOR)):
        run(command, "none", *rng.choices(words, k=rng.randint(1, 6)))


@pytest.mark.parametrize("word", [b"\xff\xfe.png", b"a\nb.png", b"\x1b]0;x\x07.png", b"-\xff"])
def test_unprintable_file_names(tmp_path: Path, word: bytes) -> None:
    """The terminal's encoding can't represent them."""
    for command in ("predict", "read", "info", "eval"):
        done = subprocess.run(
            [sys.executable, "-m", "digits", command, word],
            cwd=tmp_path,
            env=os.environ | {"PYTHONIOENCODING": "ascii:strict"},
            capture_output=True,
            timeout=60,
        )
        assert done.returncode in (1, 2)
        assert b"Traceback" not in done.stderr and done.stderr.strip()
        assert b"\x1b" not in done.stderr
