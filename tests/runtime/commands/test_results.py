"""Read the results of an earlier run."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from digits.commands import results
from digits.commands.csv_log import CsvLog
from digits.commands.folder_scan import FileStamp
from digits.commands.watch import COLUMNS
from digits.prediction import Prediction
from tests.robustness.sandbox import measured

BOM = "\ufeff"
NAMES = (
    f"{BOM}a.png",
    "a.png",
    "=1.png",
    "-7.png",
    "@a/7.png",
    "a;=1.png",
    "\\x3d1.png",
    "a\nb.png",
    "\udcff.png",
    "é",
)
BLANK = Prediction(None, 0.1, (0.1,) * 10, (0, 0, 0, 0))


@pytest.fixture
def folder(tmp_path: Path, pictures: list[Path]) -> Path:
    for name in ("=1.jpg", "-7.jpg", "@7.jpg", "\\x3d1.jpg", "\udcff.jpg", f"{BOM}a.jpg"):
        shutil.copy(pictures[7], tmp_path / name)
    return tmp_path


def predict(folder: Path, *arguments: str) -> str:
    """Run `digits predict` on all pictures, named as a shell's * names them."""
    names = sorted(path.name for path in folder.glob("*.jpg"))
    done = subprocess.run(
        [sys.executable, "-m", "digits", "predict", "--csv", *arguments, "--", *names],
        cwd=folder,
        capture_output=True,
        check=True,
    )
    return done.stdout.decode()


@pytest.mark.linux
def test_skip_done_recognizes_escaped_names(folder: Path) -> None:
    written = predict(folder)
    assert "\n\\x3d1.jpg,7" in written and "\n\\x2d7.jpg,7" in written
    (folder / "results.csv").write_text(written)
    header = written.splitlines()[0]
    assert predict(folder, "--skip-done", "results.csv") == f"{header}\n"


@pytest.mark.linux
def test_skip_done_recognizes_unescaped_names(folder: Path) -> None:
    """Earlier versions escaped neither formulas nor invisible characters."""
    written = predict(folder)
    for old, now in (("=", r"\x3d"), ("-", r"\x2d"), ("@", r"\x40"), (BOM, r"\ufeff")):
        assert f"\n{now}" in written
        written = written.replace(f"\n{now}", f"\n{old}")
    (folder / "results.csv").write_text(written)
    assert predict(folder, "--skip-done", "results.csv").count("\n") == 1


@pytest.mark.linux
def test_skip_done_tells_a_name_from_one_that_begins_with_a_byte_order_mark(folder: Path) -> None:
    written = predict(folder)
    shutil.copy(folder / f"{BOM}a.jpg", folder / "a.jpg")
    (folder / "results.csv").write_text(BOM + written)  # as a spreadsheet saves it
    [_, row] = predict(folder, "--skip-done", "results.csv").splitlines()
    assert row.startswith("a.jpg,7,")


@pytest.mark.unix
@pytest.mark.slow
def test_only_one_run_continues_results(tmp_path: Path, pictures: list[Path]) -> None:
    path = tmp_path / "results.csv"
    line = [sys.executable, "-m", "digits", "predict", "--csv", "--skip-done", str(path)]
    with (
        path.open("ab") as out,
        subprocess.Popen([*line, pictures[7], "-"], stdin=subprocess.PIPE, stdout=out) as first,
    ):
        while path.read_bytes().count(b"\n") < 2:  # then it waits for stdin
            assert first.poll() is None
            time.sleep(0.01)
        written = path.read_bytes()
        second = subprocess.run([*line, pictures[5]], stdout=out, stderr=subprocess.PIPE, text=True)
        assert (second.returncode, second.stderr) == (
            1,
            f"error: another process is writing {path}\n",
        )
        assert path.read_bytes() == written
        first.communicate(pictures[3].read_bytes())
    with path.open("ab") as out:
        subprocess.run([*line, pictures[5]], stdout=out, check=True)
    assert len(path.read_text().splitlines()) == 1 + 3


def test_watch_recognizes_escaped_names(tmp_path: Path) -> None:
    arrivals = [FileStamp(name, 1_767_323_045_000_000_006, 7) for name in NAMES]
    log = CsvLog(tmp_path / "results.csv", COLUMNS)
    for one in arrivals:
        log.append([*one.cells, *BLANK.to_csv_row(one.name)[1:]])
    read = [tuple(row[:3]) for row in log.rows()]
    os.close(log._file)
    assert read == [one.cells for one in arrivals]
    assert len(set(read)) == len(NAMES)


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_endless_line_in_results_is_read_in_bounded_memory(
    tmp_path: Path, end: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """A power cut may leave zeros at the end of a file."""
    path, row = tmp_path / "results.csv", ",".join(["a"] * len(COLUMNS))
    with path.open("wb") as file:
        file.write(f"{','.join(COLUMNS)}\n{row}\n".encode())
        file.truncate(200_000_000)
        file.seek(0, os.SEEK_END)
        file.write(end + (f"{row.replace('a', 'b')}\n".encode() if end else b""))
    with measured() as usage:
        names, _ = results.load_processed(path, COLUMNS, as_csv=False)
    assert names == ({"a", "b"} if end else {"a"})
    assert usage.megabytes < 20
    assert capsys.readouterr().err.count("has a damaged line") == len(end)
