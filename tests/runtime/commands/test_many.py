"""Folders of many pictures: several jobs, interruptions, and `--output`."""

import io
import os
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from digits.commands.results import ResultsFile
from digits.prediction import Prediction
from tests.conftest import Run
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
def test_two_jobs_print_the_same_as_one(pictures: list[Path], run: Run) -> None:
    files = [*pictures, "missing.png"] * 3  # each of two jobs has some
    alone, shared = (run("read", *files, "--jobs", jobs, "--json") for jobs in (1, 2))
    assert alone == shared
    code, out, err = alone
    assert (code, err.count("\n"), out.count("\n")) == (1, 3, 30)


def test_complete_output_needs_no_model(
    pictures: list[Path], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("predict", *pictures[:2], "-o", "results.csv") == (0, "", "")
    monkeypatch.setenv("DIGITS_MODEL", "missing.onnx")
    skipped = (0, "", "skipping 1 of 1 pictures: results.csv has them\n")
    assert run("predict", pictures[0], "-o", "results.csv") == skipped


@pytest.mark.unix
def test_stdin_is_always_read_and_only_one_run_writes(
    pictures: list[Path], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        stdin = io.BytesIO(pictures[0].read_bytes())
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stdin))
        assert run("predict", pictures[0], "-", "-o", "results.csv")[0] == 0
    names = [row.split(",")[0] for row in Path("results.csv").read_text().splitlines()[1:]]
    assert names == [str(pictures[0]), "\\x2d", "\\x2d"]
    with closing(ResultsFile(Path("results.csv"), Prediction.COLUMNS)):
        answer = run("predict", pictures[1], "-o", "results.csv")
    assert answer == (1, "", "error: another process is writing results.csv\n")


@pytest.mark.unix
@pytest.mark.slow
def test_output_is_continued_after_sigint(pictures: list[Path], run: Run) -> None:
    Path("many").mkdir()
    for number in range(300):
        shutil.copy(pictures[number % 9], f"many/{number:03}.png")
    Path("many/003.png").write_bytes(b"\x89PNG")
    results = Path("results.csv")
    arguments = ["predict", "many", "--jobs", "2", "-o", "results.csv"]
    with subprocess.Popen(
        [sys.executable, "-m", "digits", *arguments],
        text=True,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        wait_until(lambda: results.exists() and results.read_bytes().count(b"\n") >= 20)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers get it too
        _, err = process.communicate()
    assert process.returncode == 130 and "Traceback" not in err
    code, out, err = run(*arguments)
    assert (code, out) == (1, "") and "error: many/003.png" in err  # it is tried again
    names = [line.split(",")[0] for line in results.read_text().splitlines()[1:]]
    assert names == [f"many/{number:03}.png" for number in range(300) if number != 3]
