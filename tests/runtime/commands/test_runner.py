"""Errors that skip a picture, and errors that end the run."""

from pathlib import Path
from typing import NamedTuple

import pytest

from digits.commands import inputs, runner
from digits.errors import DigitsError
from digits.terminal import ErrorReporter
from tests.conftest import Run
from tests.runtime.conftest import no_free_file_descriptors

TOO_MANY_FILES = "too many files are open: raise `ulimit -n`"


class Started(NamedTuple):
    """A task whose model is open already."""

    answer: runner.AnswerFn

    def start(self) -> runner.AnswerFn:
        return self.answer


@pytest.mark.unix
def test_too_many_open_files_in_a_picture_ends_the_run(
    pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    task, errors = Started(runner.Predict("text", show_name=False).start()), ErrorReporter()
    runner.run(task, [str(pictures[2])], errors)
    assert capsys.readouterr().out.startswith("2  (")
    with no_free_file_descriptors(), pytest.raises(DigitsError, match=TOO_MANY_FILES):
        runner.run(task, [str(pictures[2])], errors)


@pytest.mark.unix
def test_too_many_open_files_in_a_folder_ends_the_run(pictures: list[Path]) -> None:
    with no_free_file_descriptors(), pytest.raises(DigitsError, match=TOO_MANY_FILES):
        inputs.expand_paths([str(pictures[0].parent)], True, ErrorReporter().report)


@pytest.mark.unix
@pytest.mark.parametrize(
    "arguments",
    [["predict", "PICTURE"], ["predict", "PICTURE", "--jobs", "2"], ["info"], ["eval", "--data"]],
)
def test_too_many_open_files_is_one_error(
    run: Run, pictures: list[Path], tmp_path: Path, arguments: list[str]
) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "7.jpg").write_bytes(pictures[7].read_bytes())
    words = [str(pictures[2]) if word == "PICTURE" else word for word in arguments]
    words += [str(tmp_path)] * (words[-1] == "--data")
    assert run(*words)[0] == 0  # so that late imports are done
    with no_free_file_descriptors():
        code, out, err = run(*words)
    assert (code, out, err) == (1, "", f"error: {TOO_MANY_FILES}\n")
