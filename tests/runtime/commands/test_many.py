"""What a run reads, by how many processes and networks; interruptions, and `--output`."""

import io
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from digits.commands import inputs, modes
from digits.commands.results import ResultsFile
from digits.errors import PictureError
from digits.formats import IDENTITY
from digits.images import decoder
from digits.inference.model_file import BUNDLED, BUNDLED_DETECTOR, BUNDLED_RECOGNIZER
from digits.prediction import Prediction
from tests.conftest import Capsys, Patch, Run
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def current_folder(tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
def test_two_jobs_print_the_same_as_one(pictures: list[Path], run: Run) -> None:
    files = [*pictures[:6], *pictures[7:], "missing.png"] * 3  # each of two jobs has some
    alone, shared = (run("read", *files, "--jobs", jobs, "--json") for jobs in (1, 2))
    assert alone == shared
    code, out, err = alone
    assert (code, err.count("\n"), out.count("\n")) == (1, 3, 27)


def test_complete_output_needs_no_model(pictures: list[Path], run: Run, monkeypatch: Patch) -> None:
    assert run("predict", *pictures[:2], "-o", "results.csv") == (0, "", "")
    monkeypatch.setenv("DIGITS_MODEL", "missing.onnx")
    skipped = (0, "", "skipping 1 of 1 pictures, which have results\n")
    assert run("predict", pictures[0], "-o", "results.csv") == skipped


@pytest.mark.parametrize("results", ["results.csv", "results.jsonl"])
def test_picture_of_a_name_that_another_had_is_read(
    pictures: list[Path], run: Run, results: str
) -> None:
    for number in (7, 3):
        shutil.copy(pictures[number], "a.jpg")
        assert run("predict", "a.jpg", "-o", results) == (0, "", "")
    assert "skipping 1 of 1" in run("predict", "a.jpg", "-o", results)[2]
    assert len(Path(results).read_text().splitlines()) == 2 + results.endswith(".csv")


@pytest.mark.parametrize("results", ["results.csv", "results.jsonl"])
def test_picture_without_an_answer_fails_each_time_and_has_one_row(
    pictures: list[Path], run: Run, results: str
) -> None:
    Image.new("L", (99, 99), 200).save("blank.png")
    Path("bad.png").write_bytes(b"\x89PNG")
    arguments = "predict", "blank.png", "bad.png", "gone.png", pictures[7], "-o", results
    for _ in range(2):
        code, _, err = run(*arguments)
        assert code == 1 and err.count("error: ") == 3
    reasons = re.findall("blank|unreadable|accepted", Path(results).read_text())
    assert [reason for reason in reasons if reason != "blank"] == ["unreadable", "accepted"]
    assert len(Path(results).read_text().splitlines()) == 3 + results.endswith(".csv")
    shutil.copy(pictures[3], "bad.png")
    assert run("predict", "bad.png", "-o", results) == (0, "", "")


@pytest.mark.unix
def test_stdin_is_always_read_and_only_one_run_writes(
    pictures: list[Path], run: Run, monkeypatch: Patch
) -> None:
    for _ in range(2):
        stdin = io.BytesIO(pictures[0].read_bytes())
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stdin))
        assert run("predict", pictures[0], "-", "-o", "results.csv")[0] == 0
    names = [row.split(",")[0] for row in Path("results.csv").read_text().splitlines()[1:]]
    assert names == [str(pictures[0]), "\\x2d", "\\x2d"]
    with closing(ResultsFile(Path("results.csv"), (*IDENTITY, *Prediction.COLUMNS[1:]))):
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
    assert names == [f"many/{number:03}.png" for number in range(300)]


def test_networks_that_fit_are_taken(run: Run, pictures: list[Path]) -> None:
    options = ["--model", BUNDLED_DETECTOR, "--model", BUNDLED_RECOGNIZER]
    assert run("read", pictures[7], *options) == (0, "7\n", "")
    code, _, err = run("read", pictures[7], *options[:2], *options[:2])
    assert code == 1 and "are both a detector: name one of each kind" in err
    single = modes.choose_models([Path(BUNDLED), Path(BUNDLED_DETECTOR)], reads_numbers=False)
    assert (single.model, single.detector) == (Path(BUNDLED), Path(BUNDLED_DETECTOR))
    code, _, err = run("read", pictures[7], "--model", BUNDLED)
    assert code == 1 and f"error: {BUNDLED} is a classifier: it reads pictures of one" in err


ALL = ["[1].png", "a.JPG", "b.png", "c.webp"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The current one."""
    for name in ("empty", "deeper/e"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("b.png", "a.JPG", "notes.txt", "c.webp", "[1].png", "deeper/d.png"):
        (tmp_path / name).touch()
    (tmp_path / "deeper/e/f.tif").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("argument", "recursive", "expected", "show_name"),
    [
        (".", False, ALL, True),
        (".", True, [*ALL, "d.png", "f.tif"], True),
        ("b.p?g", False, ["b.png"], True),
        ("*.bmp", False, "no file matches *.bmp", True),
        ("empty", False, "no pictures in empty (-r includes subfolders)", True),
    ],
)
def test_resolve(
    folder: Path,
    capsys: Capsys,
    argument: str,
    recursive: bool,
    expected: str | list[str],
    show_name: bool,
) -> None:
    resolved = inputs.resolve([argument], recursive)
    names, error = ([], f"error: {expected}\n") if isinstance(expected, str) else (expected, "")
    assert [os.path.basename(file) for file in resolved.files] == names
    assert (resolved.show_name, capsys.readouterr().err) == (show_name, error)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "can't read a picture from stdin: it is closed"),
        (io.BytesIO(b"y" * (2 << 20)), "stdin is larger than 1 MB"),
    ],
)
def test_stdin_without_a_picture_is_an_error(
    monkeypatch: Patch, content: io.BytesIO | None, message: str
) -> None:
    monkeypatch.setattr(sys, "stdin", content and io.TextIOWrapper(content))
    monkeypatch.setattr(decoder, "MAX_BYTES", 1 << 20)
    with pytest.raises(PictureError, match=f"^{message}"):
        inputs.to_source("-")
