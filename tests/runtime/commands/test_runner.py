"""Processes and networks of a run, and an error that ends it."""

import shutil
from pathlib import Path

import pytest

from digits.commands import runner
from digits.inference.model_file import BUNDLED, BUNDLED_READER
from digits.system import cpu_count
from tests.conftest import Run
from tests.runtime.conftest import no_free_file_descriptors


@pytest.mark.unix
@pytest.mark.parametrize("command", ["predict 7/7.jpg", "info", "predict -r .", "eval --data ."])
def test_too_many_open_files_is_one_error(
    run: Run, pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("7").mkdir()
    shutil.copy(pictures[7], "7/7.jpg")
    assert run(*command.split())[0] == 0  # so that late imports are done
    with no_free_file_descriptors():
        answer = run(*command.split())
    assert answer == (1, "", "error: too many files are open: raise `ulimit -n`\n")


def test_process_count() -> None:
    assert runner.process_count(["a.png"], 4) == 1
    assert runner.process_count(["a.png", "b.png"], 4) == 4
    assert runner.process_count(["a.png", "-"], 4) == 1
    assert runner.process_count(["a.png"] * 499, None) == 1
    assert runner.process_count(["a.png"] * 500, None) == cpu_count()


def test_read_takes_a_file_of_each_kind(run: Run, pictures: list[Path]) -> None:
    options = ["--model", BUNDLED_READER, "--model", BUNDLED]
    assert run("read", pictures[7], *options) == (0, "7\n", "")
    code, _, err = run("read", pictures[7], *options[:2], *options[:2])
    assert code == 1 and "are both a reader: name one of each kind" in err
