"""The file of `--output` and `digits watch`: CSV or JSON lines that a later run continues."""

import errno
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from digits.commands.results import ResultsFile, WriteFailed
from digits.errors import DigitsError
from digits.formats import Csv, Format, Json
from tests.conftest import Capsys, Patch
from tests.robustness.sandbox import measured

BOM = b"\xef\xbb\xbf"
HEADER = b"file,digit\n"
A, B, C = (f"{name}.png,{number}\n".encode() for number, name in enumerate("abc"))
JSON_A, JSON_B = (f'{{"file": "{name}.png", "digit": 0}}\n'.encode() for name in "ab")
CSV, JSON = Csv(), Json()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results.csv"


def results_at(path: Path, form: Format = CSV, **options: Any) -> "closing[ResultsFile]":
    return closing(ResultsFile(path, ("file", "digit"), form, **options))


def append(path: Path, *rows: str) -> None:
    """Write rows in a run of their own."""
    with results_at(path) as results:
        for row in rows:
            results.append(row)


def write_half(file: int, data: bytes, write: Callable[[int, bytes], int] = os.write) -> int:
    """os.write on a disk that becomes full."""
    write(file, data[: len(data) // 2])
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


CRLF = (HEADER + A).replace(b"\n", b"\r\n")


@pytest.mark.parametrize(
    ("form", "before", "names", "after", "damaged"),
    [
        (CSV, HEADER[:7], "", b"", 0),
        (CSV, HEADER + A + B, "ab", HEADER + A + B, 0),
        (CSV, HEADER + A + B[:-1], "a", HEADER + A, 0),
        (CSV, HEADER + A + b"\0" + B[1:] + B, "a", HEADER + A, 0),  # some rows may be missing
        (CSV, BOM + HEADER + A, "a", BOM + HEADER + A, 0),  # as a spreadsheet saves it
        (CSV, CRLF, "a", CRLF, 0),
        (JSON, JSON_A[:5], "", b"", 0),
        (JSON, JSON_A + JSON_B[:-1], "a", JSON_A, 0),
        *(
            (CSV, HEADER + A + line, "a", HEADER + A + line, 1)
            for line in (b'\xff"\n', b"a,b,c\n", b"b\0,1\n")  # the last after a power cut
        ),
        *(
            (JSON, JSON_A + line, "a", JSON_A + line, 1)
            for line in (b"\xff\n", b'{"file": "b"}\n', b"[" * 5000 + b"\n")
        ),
    ],
)
def test_earlier_results_are_continued(
    path: Path, capsys: Capsys, form: Format, before: bytes, names: str, after: bytes, damaged: int
) -> None:
    path.write_bytes(before)
    with results_at(path, form) as results:
        assert results.done_hashes == {hash((f"{name}.png",)) for name in names}
    assert path.read_bytes() == after
    warnings = capsys.readouterr().err
    assert warnings.count("has damaged lines") == damaged
    assert warnings.count("had an incomplete end") == (len(after) < len(before))


@pytest.mark.parametrize("form", [CSV, JSON])
@pytest.mark.parametrize(
    "content",
    [
        *(b"file,class\na,1\n", b"my notes", bytes(9), b"\n", HEADER[:-1] + b"s"),
        *(JSON_A.replace(b"digit", b"text"), b'{"file": {"a": 1}, "b": [1]}'),
    ],
)
def test_something_else_is_refused_and_unchanged(path: Path, content: bytes, form: Format) -> None:
    path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(DigitsError, match=r"results.csv holds something else"):
            results_at(path, form)
    assert path.read_bytes() == content


@pytest.mark.unix
def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # opening it would block
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/null"), tmp_path / "gone" / "file"):
        with pytest.raises(DigitsError, match=f"can't write {path}: "):
            results_at(path)


def test_header_comes_with_the_first_row(path: Path) -> None:
    append(path)
    append(path, "a.png,0", "b.png,1\nb.png,2")
    append(path, "\ud800,3")
    assert path.read_bytes() == HEADER + A + B + b"b.png,2\n\\ud800,3\n"


@pytest.mark.parametrize(("before", "rows"), [(b"", "b.png,1\nb.png,1"), (HEADER + A, "b.png,1")])
def test_failed_write_leaves_the_file_as_before(
    path: Path, monkeypatch: Patch, before: bytes, rows: str
) -> None:
    path.write_bytes(before)
    with results_at(path) as results:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", write_half)
            with pytest.raises(WriteFailed, match=r"can't write .*.csv: No space left on device"):
                results.append(rows)
        assert path.read_bytes() == before
        results.append(rows)
    assert path.read_bytes() == (before or HEADER) + B * len(rows.split())


@pytest.mark.unix
def test_folder_that_was_gone_is_written_again(tmp_path: Path) -> None:
    folder, gone = tmp_path / "mounted", tmp_path / "gone"
    folder.mkdir()
    with results_at(folder / "results.csv") as results:
        results.append("a.png,0")
        folder.rename(gone)
        with pytest.raises(WriteFailed):
            results.append("b.png,1")
        gone.rename(folder)
        results.append("b.png,1")
    assert (folder / "results.csv").read_bytes() == HEADER + A + B


@pytest.mark.unix
def test_file_that_something_else_changes_is_opened_again(path: Path) -> None:
    old = path.with_name("old.csv")
    with results_at(path) as results:
        results.append("a.png,0")
        path.rename(old)
        results.append("b.png,1")
        assert (old.read_bytes(), path.read_bytes()) == (HEADER + A, HEADER + B)
        append(old)  # it was closed, and so unlocked
        path.write_bytes(HEADER + A + B[:-1])  # as by an editor; the next row is spared
        results.append("c.png,2")
        assert path.read_bytes() == HEADER + A + C
        old.write_text("a,b\n1,2\nhalf")
        old.rename(path)
        with pytest.raises(DigitsError, match="something else"):
            results.append("a.png,0")
    assert path.read_text() == "a,b\n1,2\nhalf"


def test_zeros_without_end_are_read_in_bounded_memory(path: Path) -> None:
    """A power cut may leave them."""
    path.write_bytes(HEADER + A)
    os.truncate(path, 200_000_000)
    with measured() as usage, results_at(path) as results:
        assert len(results.done_hashes) == 1
    assert usage.megabytes < 40


def test_truncation_takes_back_what_was_appended(path: Path) -> None:
    append(path, "a.png,0")
    with results_at(path) as results:
        sizes = [results.append(row) for row in ("b.png,1", "c.png,2")]
        assert sizes == [len(HEADER + A), len(HEADER + A + B)]
        results.truncate_to(sizes[1])
        assert path.read_bytes() == HEADER + A + B
        with pytest.raises(DigitsError, match="something else"):
            results.truncate_to(sizes[0] - 1)
        results.truncate_to(sizes[0])
        results.append("c.png,2")
    assert path.read_bytes() == HEADER + A + C


@pytest.mark.parametrize("row", [B + C, B.replace(b"1", b"7")])
def test_truncation_leaves_what_something_else_has_changed(path: Path, row: bytes) -> None:
    with results_at(path) as results:
        results.append("a.png,0")
        size = results.append("b.png,1")
        path.write_bytes(HEADER + A + row)
        os.utime(path, ns=(0, 10**18))
        with pytest.raises(DigitsError, match="something else has changed"):
            results.truncate_to(size)
    assert path.read_bytes() == HEADER + A + row
