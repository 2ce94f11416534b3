"""The file of `--output`: CSV or JSON lines that a later run continues."""

import errno
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from digits.commands.results import ResultsFile, WriteFailed
from digits.errors import DigitsError
from digits.formats import Csv, Json
from tests.conftest import Capsys, Patch

HEADER = b"file,digit\n"
A, B, C = (f"{name}.png,{number}\n".encode() for number, name in enumerate("abc"))
JSON_A, JSON_B = (f'{{"file": "{name}.png", "digit": 0}}\n'.encode() for name in "ab")
CSV, JSON = Csv(), Json()
FileFormat = Csv | Json


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results.csv"


def results_at(path: Path, form: FileFormat = CSV, **options: Any) -> "closing[ResultsFile]":
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


@pytest.mark.parametrize(
    ("form", "before", "names", "after", "damaged"),
    [
        (CSV, HEADER[:7], "", b"", 0),
        (CSV, HEADER + A + B, "ab", HEADER + A + B, 0),
        (CSV, HEADER + A + B[:-1], "a", HEADER + A, 0),
        (CSV, HEADER + A + b"\0" + B[1:] + B, "a", HEADER + A, 0),  # some rows may be missing
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
    path: Path,
    capsys: Capsys,
    form: FileFormat,
    before: bytes,
    names: str,
    after: bytes,
    damaged: int,
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
def test_something_else_is_refused_and_unchanged(
    path: Path, content: bytes, form: FileFormat
) -> None:
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
