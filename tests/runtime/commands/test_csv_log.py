import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from digits.commands.csv_log import CsvLog, WriteFailed
from digits.errors import DigitsError

COLUMNS = ("file", "digit")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.csv"


def append(path: Path, *rows: tuple[str, int]) -> None:
    """Write rows in a run of their own."""
    log = CsvLog(path, COLUMNS)
    for row in rows:
        log.append(row)
    close(log)


def close(log: CsvLog) -> None:
    os.close(log._file)


def write_half(file: int, data: bytes, write: Callable[[int, bytes], int] = os.write) -> int:
    """os.write on a disk that becomes full."""
    write(file, data[: len(data) // 2])
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_header_comes_with_first_row(path: Path) -> None:
    append(path)
    assert path.read_bytes() == b""
    append(path, ("a.png", 1), ("b,.png", 2))
    append(path, ("c.png", 3))
    assert path.read_bytes() == b'file,digit\na.png,1\n"b,.png",2\nc.png,3\n'
    log = CsvLog(path, COLUMNS)
    assert list(log.rows()) == [["a.png", "1"], ["b,.png", "2"], ["c.png", "3"]]
    close(log)


def test_partial_row_is_cut_off_on_opening(path: Path) -> None:
    path.write_bytes(b"file,digit\na.png,1\nb.pn")
    append(path)
    assert path.read_bytes() == b"file,digit\na.png,1\n"


@pytest.mark.parametrize("before", [b"", b"file,digit\na.png,1\n"])
def test_failed_write_leaves_file_as_before(
    path: Path, monkeypatch: pytest.MonkeyPatch, before: bytes
) -> None:
    path.write_bytes(before)
    log = CsvLog(path, COLUMNS)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write_half)
        with pytest.raises(WriteFailed, match=r"can't write .*log.csv: No space left on device"):
            log.append(("b.png", 2))
    assert path.read_bytes() == before
    log.append(("b.png", 2))
    close(log)
    assert path.read_bytes() == (before or b"file,digit\n") + b"b.png,2\n"


def test_row_that_takes_several_writes_is_complete(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real(file, data[:5]))
    append(path, ("a.png", 1))
    assert path.read_bytes() == b"file,digit\na.png,1\n"


def test_unwritable_place_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WriteFailed, match="can't write"):
        CsvLog(tmp_path / "missing" / "log.csv", COLUMNS)


def test_other_columns_are_refused_and_the_file_unlocked(path: Path) -> None:
    path.write_bytes(b"file,class\na.png,1\n")
    with pytest.raises(DigitsError, match="unexpected CSV header"):
        CsvLog(path, COLUMNS)
    close(CsvLog(path, ("file", "class")))
    assert path.read_bytes() == b"file,class\na.png,1\n"


def test_failing_fsync_is_no_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []

    def fail(file: int) -> None:
        synced.append(file)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    log = CsvLog(path, COLUMNS)
    monkeypatch.setattr(os, "fsync", fail)
    log.fsync()
    assert synced == [log._file]
    close(log)
