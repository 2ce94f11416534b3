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
    with pytest.raises(WriteFailed, match=r"can't write .*log.csv: No such file or directory"):
        CsvLog(tmp_path / "missing" / "log.csv", COLUMNS)


def test_other_columns_are_refused_and_the_file_unlocked(path: Path) -> None:
    path.write_bytes(b"file,class\na.png,1\n")
    with pytest.raises(DigitsError, match=r"log.csv: unexpected CSV header"):
        CsvLog(path, COLUMNS)
    close(CsvLog(path, ("file", "class")))
    assert path.read_bytes() == b"file,class\na.png,1\n"


def test_lone_surrogates_are_escaped(path: Path) -> None:
    append(path, ("\ud800", 1))
    assert path.read_bytes() == b"file,digit\n\\ud800,1\n"


@pytest.mark.unix
def test_moved_log_is_begun_anew(path: Path) -> None:
    log = CsvLog(path, COLUMNS)
    log.append(("a.png", 1))
    path.rename(path.with_name("old.csv"))
    for row in (("b.png", 2), ("c.png", 3)):
        log.append(row)
    close(log)
    assert path.read_bytes() == b"file,digit\nb.png,2\nc.png,3\n"
    assert path.with_name("old.csv").read_bytes() == b"file,digit\na.png,1\n"
    close(CsvLog(path.with_name("old.csv"), COLUMNS))  # it was closed, and so unlocked


@pytest.mark.unix
def test_log_in_use_is_refused(path: Path) -> None:
    log = CsvLog(path, COLUMNS)
    with pytest.raises(DigitsError, match=r"another process is writing .*log.csv"):
        CsvLog(path, COLUMNS)
    close(log)
    append(path)


@pytest.mark.unix
def test_log_is_readable_by_all_and_not_executable(path: Path) -> None:
    before = os.umask(0o022)
    try:
        append(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.unix
def test_rows_are_read_from_the_locked_file(path: Path) -> None:
    """A umask may forbid to open it again."""
    append(path, ("a.png", 1))
    log = CsvLog(path, COLUMNS)
    path.unlink()
    assert list(log.rows()) == [["a.png", "1"]]
    close(log)


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
