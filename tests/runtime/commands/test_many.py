"""Folders of many pictures: several jobs, interruptions, and `--output`."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Run

COUNT = 60
COMMAND = [sys.executable, "-m", "digits"]


def fill(folder: Path, pictures: list[Path], count: int) -> Path:
    """Make a folder of pictures that `read` can read, the fourth one damaged."""
    folder.mkdir()
    for number in range(count):
        shutil.copy(pictures[number % 9], folder / f"{number:03}.png")
    (folder / "003.png").write_bytes(b"\x89PNG")
    return folder


@pytest.fixture
def folder(tmp_path: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight pictures, one of them damaged, below the current folder."""
    monkeypatch.chdir(tmp_path)
    return fill(tmp_path / "many", pictures, 8)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "options"),
    [("predict", []), ("predict", ["--json"]), ("predict", ["--csv"]), ("read", [])],
)
def test_two_jobs_print_the_same_as_one(
    tmp_path: Path, pictures: list[Path], run: Run, command: str, options: list[str]
) -> None:
    fill(tmp_path / "many", pictures, COUNT)
    alone, shared = (run(command, tmp_path / "many", "--jobs", jobs, *options) for jobs in (1, 2))
    assert alone == shared
    code, out, err = alone
    assert (code, err.count("\n"), out.count("\n")) == (1, 1, COUNT - 1 + ("--csv" in options))


@pytest.mark.parametrize("command", ["predict", "read"])
@pytest.mark.parametrize("form", ["csv", "json"])
def test_output_is_continued_after_any_truncation(
    folder: Path, run: Run, command: str, form: str
) -> None:
    _, expected, _ = run(command, "many", f"--{form}")
    results = Path(f"results.{form}")
    for share in (0, 0.003, 0.1, 0.3, 0.5, 0.7, 0.999, 1):
        results.write_bytes(expected.encode()[: round(share * len(expected))])
        code, out, err = run(command, "many", "-o", results)
        assert (results.read_text(), out, code) == (expected, "", 1), share
        assert "error: many/003.png" in err  # it is tried again
    assert err.splitlines()[0] == f"skipping 7 of 8 pictures: {results} has them"


def test_complete_output_needs_no_model(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("predict", "many/000.png", "many/001.png", "-o", "results.csv") == (0, "", "")
    monkeypatch.setenv("DIGITS_MODEL", "missing.onnx")
    code, out, err = run("predict", "many/000.png", "-o", "results.csv")
    assert (code, out, err) == (0, "", "skipping 1 of 1 pictures: results.csv has them\n")


@pytest.mark.unix
@pytest.mark.slow
def test_stdin_is_always_read_and_only_one_run_writes(folder: Path) -> None:
    line = [*COMMAND, "predict", "-o", "results.csv"]
    results, picture = Path("results.csv"), Path("many/000.png").read_bytes()
    results.touch()
    with subprocess.Popen([*line, "many/000.png", "-"], stdin=subprocess.PIPE) as first:
        while results.read_bytes().count(b"\n") < 2:  # then it waits for stdin
            assert first.poll() is None
            time.sleep(0.01)
        second = subprocess.run([*line, "many/001.png"], stderr=subprocess.PIPE, text=True)
        assert second.stderr == "error: another process is writing results.csv\n"
        first.communicate(picture)
    subprocess.run([*line, "-"], input=picture, check=True)
    names = [row.split(",")[0] for row in results.read_text().splitlines()[1:]]
    assert names == ["many/000.png", "\\x2d", "\\x2d"]


@pytest.mark.unix
@pytest.mark.slow
def test_output_is_continued_after_sigint(tmp_path: Path, pictures: list[Path]) -> None:
    fill(tmp_path / "many", pictures, 300)
    results = tmp_path / "results.csv"
    command = [*COMMAND, "predict", "many", "--jobs", "2", "-o", str(results)]
    with subprocess.Popen(
        command, cwd=tmp_path, text=True, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        while not results.exists() or results.read_bytes().count(b"\n") < 20:
            assert process.poll() is None
            time.sleep(0.001)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers get it too
        _, err = process.communicate()
    assert process.returncode == 130 and "Traceback" not in err
    subprocess.run(command, cwd=tmp_path, stderr=subprocess.PIPE)
    names = [line.split(",")[0] for line in results.read_text().splitlines()[1:]]
    assert names == [f"many/{number:03}.png" for number in range(300) if number != 3]
