"""What costs a picture, and what ends the run."""

from pathlib import Path

import pytest

from digits.commands import inputs, runner
from digits.errors import DigitsError
from digits.terminal import ErrorReporter
from tests.conftest import Run
from tests.runtime.conftest import no_free_file_descriptors

SENTENCE = "too many files are open: raise `ulimit -n`"


def test_too_many_open_files_are_no_picture_s_fault(pictures: list[Path]) -> None:
    work = runner._SkipBadImages(runner.Predict("text", show_name=False)).start()
    assert work(str(pictures[2])).text.startswith("2  (")
    with no_free_file_descriptors(), pytest.raises(DigitsError, match=SENTENCE):
        work(str(pictures[2]))


def test_too_many_open_files_are_no_folder_s_fault(pictures: list[Path]) -> None:
    with no_free_file_descriptors(), pytest.raises(DigitsError, match=SENTENCE):
        inputs.expand_paths([str(pictures[0].parent)], True, ErrorReporter().report)


@pytest.mark.parametrize(
    "arguments",
    [["predict", "PICTURE"], ["predict", "PICTURE", "--jobs", "2"], ["info"], ["eval", "--data"]],
)
def test_too_many_open_files_are_one_sentence(
    run: Run, pictures: list[Path], tmp_path: Path, arguments: list[str]
) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "7.jpg").write_bytes(pictures[7].read_bytes())
    words = [str(pictures[2]) if word == "PICTURE" else word for word in arguments]
    words += [str(tmp_path)] * (words[-1] == "--data")
    assert run(*words)[0] == 0  # what is imported late is there from now on
    with no_free_file_descriptors():
        code, out, err = run(*words)
    assert (code, out, err) == (1, "", f"error: {SENTENCE}\n")
