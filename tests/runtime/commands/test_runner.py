"""Errors that skip a picture, and errors that end the run."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from digits.commands import inputs, runner
from digits.errors import DigitsError, ModelError
from digits.formats import Format
from digits.inference.model_file import BUNDLED, BUNDLED_READER
from digits.system import cpu_count
from tests.conftest import Run
from tests.runtime.conftest import no_free_file_descriptors

TOO_MANY_FILES = "too many files are open: raise `ulimit -n`"


@pytest.mark.unix
@pytest.mark.parametrize(
    "command",
    ["predict 7/7.jpg", "predict 7/7.jpg --jobs 2", "info", "predict -r .", "eval --data ."],
)
def test_too_many_open_files_is_one_error(
    run: Run, pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("7").mkdir()
    shutil.copy(pictures[7], "7/7.jpg")
    assert run(*command.split())[0] == 0  # so that late imports are done
    with no_free_file_descriptors():
        answer = run(*command.split())
    assert answer == (1, "", f"error: {TOO_MANY_FILES}\n")


@pytest.mark.unix
def test_too_many_open_files_in_a_picture_ends_the_run(
    pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = runner.ClassifierOptions().open()
    assert classifier.predict(pictures[2]).digit == 2
    monkeypatch.setattr(runner.ClassifierOptions, "open", lambda _: classifier)
    given = inputs.resolve([str(pictures[2])], recursive=False)
    with no_free_file_descriptors(), pytest.raises(DigitsError, match=TOO_MANY_FILES):
        runner.run(runner.Task(), given, Format())


@pytest.mark.parametrize(
    ("files", "jobs", "expected"),
    [
        (["a.png"], 4, 1),
        (["a.png", "b.png"], None, 1),
        (["a.png", "b.png"], 4, 4),
        (["a.png", "-"], 4, 1),
        (["a.png"] * 499, None, 1),
        (["a.png"] * 500, None, cpu_count()),
    ],
)
def test_process_count(files: list[str], jobs: int | None, expected: int) -> None:
    assert runner.process_count(files, jobs) == expected


@pytest.mark.parametrize(("jobs", "threads"), [([], 5), (["--jobs", "1"], 5), (["--jobs", "2"], 1)])
def test_lone_process_reads_with_all_cores(
    run: Run, pictures: list[Path], monkeypatch: pytest.MonkeyPatch, jobs: list[str], threads: int
) -> None:
    monkeypatch.setattr(runner, "cpu_count", lambda: 5)
    started: list[int] = []

    def open_nothing(options: runner.ClassifierOptions) -> Any:
        started.append(options.threads)
        raise ModelError("it is never read")

    def run_here(start: Any, files: Any, jobs: int, on_death: Any) -> Any:
        yield from map(start(), files)

    monkeypatch.setattr(runner.ClassifierOptions, "open", open_nothing)
    monkeypatch.setattr("digits.processes.parallel_map", run_here)
    run("read", *pictures, *jobs)
    assert started == [threads]


@pytest.mark.parametrize(
    ("models", "reason"),
    [
        ([BUNDLED], ""),
        ([BUNDLED_READER, BUNDLED], ""),
        ([BUNDLED, BUNDLED], "are both a classifier: name one of each kind"),
        ([BUNDLED_READER, BUNDLED_READER], "are both a reader: name one of each kind"),
    ],
)
def test_read_takes_a_file_of_each_kind(
    run: Run, pictures: list[Path], models: list[str], reason: str
) -> None:
    code, out, err = run("read", pictures[7], *(x for file in models for x in ("--model", file)))
    assert (code, out) == ((1, "") if reason else (0, "7\n")) and reason in err


def test_chosen_reader_is_checked_before_the_first_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runner.ClassifierOptions().open()
    monkeypatch.setenv("DIGITS_READER_SHA256", "nope")
    with pytest.raises(ModelError):
        runner.ClassifierOptions().open()
