"""Folders of many pictures: several jobs, interruptions, and --skip-done."""

import csv
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from tests.conftest import Run

pytestmark = pytest.mark.slow

COUNT = 60


@pytest.fixture
def folder(tmp_path: Path, pictures: list[Path]) -> Path:
    """Sixty pictures, one of them damaged."""
    (tmp_path / "many").mkdir()
    for number in range(COUNT):
        shutil.copy(pictures[number % 10], tmp_path / "many" / f"{number:03}.png")
    (tmp_path / "many" / "033.png").write_bytes(b"\x89PNG")
    return tmp_path


def digits(
    *arguments: object, cwd: Path, stdout: IO[str] | int
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "digits", *map(str, arguments)],
        cwd=cwd,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=100,
    )


def names_in(path: Path) -> list[str]:
    with path.open() as file:
        return [Path(row["file"]).name for row in csv.DictReader(file)]


UNREADABLE = 9  # to `read`: this sample is turned by some 30 degrees


@pytest.fixture
def pages(folder: Path, pictures: list[Path]) -> Path:
    """The folder with pictures that `read` can read."""
    for number in range(UNREADABLE, COUNT, 10):
        shutil.copy(pictures[4], folder / "many" / f"{number:03}.png")
    return folder


EXPECTED = [f"{number:03}.png" for number in range(COUNT) if number != 33]


@pytest.mark.parametrize("form", [[], ["--json"], ["--csv"]])
def test_two_jobs_print_the_same_as_one(folder: Path, form: list[str]) -> None:
    one, two = (
        digits("predict", "many", "--jobs", jobs, *form, cwd=folder, stdout=subprocess.PIPE)
        for jobs in (1, 2)
    )
    assert one.stdout == two.stdout
    assert one.stdout.count("\n") == len(EXPECTED) + ("--csv" in form)
    assert one.stderr == two.stderr != ""
    assert one.returncode == two.returncode == 1


def test_read_with_two_jobs_prints_the_same_as_one(pages: Path) -> None:
    one, two = (
        digits("read", "many", "--jobs", jobs, cwd=pages, stdout=subprocess.PIPE) for jobs in (1, 2)
    )
    assert one.stdout == two.stdout
    assert one.stdout.count("\n") >= len(EXPECTED)


@pytest.mark.unix
def test_skip_done_after_sigint_completes_the_results(folder: Path) -> None:
    names = [f"{number:03}.png" for number in range(200) if number != 33]
    for name in names[len(EXPECTED) :]:
        shutil.copy(folder / "many" / "000.png", folder / "many" / name)
    command = [sys.executable, "-m", "digits", "predict", "many", "--csv", "--jobs", "2"]
    with subprocess.Popen(
        command,
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        pipesize=4096,  # one page, so that it can't finish before it is read
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        lines = [process.stdout.readline() for _ in range(20)]
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers get it too
        # Not `communicate`, which would lose what `readline` has buffered.
        out, err = process.stdout.read(), process.stderr.read()
    assert process.returncode == 130
    assert "Traceback" not in err
    (folder / "results.csv").write_text("".join(lines) + out)
    with (folder / "results.csv").open("a") as results:
        arguments = ("predict", "many", "--csv", "--skip-done", "results.csv")
        digits(*arguments, cwd=folder, stdout=results)
    assert names_in(folder / "results.csv") == names


@pytest.mark.parametrize("command", ["predict", "read"])
@pytest.mark.parametrize("share", [0.0, 0.003, 0.3, 0.999, 1.0])
def test_skip_done_after_truncation_restores_the_results(
    pages: Path, command: str, share: float
) -> None:
    results = pages / "results.csv"
    with results.open("w") as out:
        digits(command, "many", "--csv", cwd=pages, stdout=out)
    whole = results.read_bytes()
    results.write_bytes(whole[: round(share * len(whole))])
    with results.open("a") as out:
        done = digits(command, "many", "--csv", "--skip-done", results, cwd=pages, stdout=out)
    assert results.read_bytes() == whole
    assert done.stderr.count("\n") == 1  # the damaged picture, which is retried


def test_skip_done_with_json_only_skips(folder: Path, run: Run) -> None:
    with (folder / "results.csv").open("w") as out:
        digits("predict", "many", "--csv", cwd=folder, stdout=out)
    before = (folder / "results.csv").read_bytes()
    os.remove(folder / "many" / "033.png")
    shutil.copy(folder / "many" / "001.png", folder / "many" / "new.png")
    done = digits(
        *("predict", "many", "--json", "--skip-done", "results.csv"),
        cwd=folder,
        stdout=subprocess.PIPE,
    )
    assert done.returncode == 0
    assert "new.png" in done.stdout
    assert done.stdout.count("\n") == 1
    assert (folder / "results.csv").read_bytes() == before


def test_skip_done_rereads_a_damaged_row(folder: Path) -> None:
    results = folder / "results.csv"
    with results.open("w") as out:
        digits("predict", "many", "--csv", cwd=folder, stdout=out)
    lines = results.read_bytes().splitlines(keepends=True)
    lines[5] = lines[5][:40].replace(b".", b"\xff") + b"\n"
    results.write_bytes(b"".join(lines))
    with results.open("a") as out:
        done = digits("predict", "many", "--csv", "--skip-done", results, cwd=folder, stdout=out)
    assert "has a damaged line" in done.stderr
    assert results.read_bytes().splitlines()[-1].startswith(b"many/004.png,")


@pytest.mark.parametrize("content", [b"hello", b"a,b\n1,2\n", b"\x89PNG\r\n\x1a\n" * 20])
def test_skip_done_with_unexpected_header_is_an_error(
    folder: Path, run: Run, content: bytes
) -> None:
    (folder / "other.csv").write_bytes(content)
    code, out, err = run("predict", folder / "many", "--csv", "--skip-done", folder / "other.csv")
    assert (code, out) == (1, "")
    assert "unexpected CSV header" in err
    assert (folder / "other.csv").read_bytes() == content


def test_skip_done_keeps_a_file_without_line_end(folder: Path) -> None:
    (folder / "notes.txt").write_text("my notes")
    with (folder / "notes.txt").open("a") as out:
        done = digits(
            "predict", "many", "--csv", "--skip-done", "notes.txt", cwd=folder, stdout=out
        )
    assert (folder / "notes.txt").read_text() == "my notes"
    assert "unexpected CSV header" in done.stderr


def test_skip_done_accepts_bom_and_crlf(folder: Path) -> None:
    results = folder / "results.csv"
    with results.open("w") as out:
        digits("predict", "many", "--csv", cwd=folder, stdout=out)
    saved = b"\xef\xbb\xbf" + results.read_bytes().replace(b"\n", b"\r\n")
    results.write_bytes(saved)
    with results.open("a") as out:
        digits("predict", "many", "--csv", "--skip-done", results, cwd=folder, stdout=out)
    assert results.read_bytes() == saved


@pytest.mark.unix
def test_skip_done_with_stdout_closed_is_an_error(folder: Path) -> None:
    with (folder / "results.csv").open("w") as out:
        digits("predict", "many", "--csv", cwd=folder, stdout=out)
    command = f"{sys.executable} -m digits predict many --csv --skip-done results.csv >&-"
    done = subprocess.run(command, shell=True, cwd=folder, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_skip_done_with_missing_results_is_an_error(folder: Path, run: Run) -> None:
    code, out, err = run("predict", folder / "many", "--skip-done", folder / "none.csv")
    assert (code, out) == (1, "")
    assert err == f"error: can't continue {folder / 'none.csv'}: No such file or directory\n"
    assert run("predict", folder / "many", "--skip-done", folder)[0] == 1


def test_skip_done_with_results_of_predict_in_read_fails(folder: Path, run: Run) -> None:
    with (folder / "results.csv").open("w") as results:
        digits("predict", "many", "--csv", cwd=folder, stdout=results)
    code, out, err = run("read", folder / "many", "--skip-done", folder / "results.csv")
    assert (code, out) == (1, "")
    assert "unexpected CSV header" in err


def test_skip_done_tells_escaped_names_apart(tmp_path: Path, pictures: list[Path]) -> None:
    for name in ("a\nb.jpg", "a\\x0ab.jpg", "a\\b.jpg"):
        shutil.copy(pictures[7], tmp_path / name)
    with (tmp_path / "results.csv").open("w") as out:
        digits("predict", "a\nb.jpg", "--csv", cwd=tmp_path, stdout=out)
    with (tmp_path / "results.csv").open("a") as out:
        arguments = ("predict", ".", "--csv", "--skip-done", "results.csv")
        digits(*arguments, cwd=tmp_path, stdout=out)
    names = [line.split(",")[0] for line in (tmp_path / "results.csv").read_text().splitlines()]
    assert sorted(names[1:]) == ["./a\\b.jpg", "./a\\x0ab.jpg", "./a\\x5cx0ab.jpg", "a\\x0ab.jpg"]


def test_skip_done_with_other_columns_appends_nothing(folder: Path) -> None:
    results = folder / "results.csv"
    with results.open("w") as out:
        digits("predict", "many", "--csv", cwd=folder, stdout=out)
    before = results.read_bytes()
    for arguments, part in ((["predict"], "add --csv"), (["read", "--csv"], "CSV header")):
        with results.open("a") as out:
            done = digits(*arguments, "many", "--skip-done", results, cwd=folder, stdout=out)
        assert done.returncode == 1
        assert part in done.stderr
        assert results.read_bytes() == before
