import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from digits import files
from digits.errors import DigitsError
from digits.files import atomic_write, locked, temporary_path, write_all, write_text
from tests.conftest import Patch


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_write_text_leaves_only_the_complete_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    write_text(path, "zwölf\n")
    assert path.read_bytes() == "zwölf\n".encode()
    temporary_path(path).write_text("more than what is written now")  # of a killed process
    write_text(path, "vier")
    assert path.read_text() == "vier" and names(path.parent) == {"file.txt"}


@pytest.mark.parametrize(
    ("error", "raised", "cause"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), DigitsError, "write .*file: No space"),
        (KeyboardInterrupt(), KeyboardInterrupt, None),
    ],
)
def test_failed_write_keeps_the_old_file(
    tmp_path: Path, error: BaseException, raised: type[BaseException], cause: str | None
) -> None:
    path = tmp_path / "file"
    write_text(path, "old")
    with pytest.raises(raised, match=cause), atomic_write(path) as file:
        file.write(b"half of the new")
        raise error
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == {"file"}


@pytest.mark.unix
def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    os.mkfifo(tmp_path / "pipe")
    other = temporary_path(tmp_path / "other")
    os.mkfifo(other)  # by whoever may write into the folder
    temporary_path(tmp_path / "new").symlink_to("file")
    for path, cause in (
        (tmp_path / "file" / "below", f"{tmp_path / 'file'} is in the way"),
        (tmp_path, "it is not a file"),
        (tmp_path / "pipe", "it is not a file"),
        (tmp_path / "new", "Too many levels of symbolic links"),
    ):
        with pytest.raises(DigitsError, match=f"^can't write {path}: {cause}$"):
            write_text(path, "text")
    with pytest.raises(DigitsError, match=f"^can't write {other}: it is not a file$"):
        write_text(tmp_path / "other", "text")
    assert (tmp_path / "pipe").is_fifo() and (tmp_path / "file").read_text() == "mine"


def test_write_all_is_all_or_nothing(tmp_path: Path) -> None:
    first, second = tmp_path / "one", tmp_path / "deep" / "two"
    write_all({first: b"1", second: b"2"})
    (tmp_path / "file").touch()
    with pytest.raises(DigitsError, match="can't write .*file/three"):
        write_all({first: b"new", tmp_path / "file" / "three": b"3", second: b"new"})
    assert (first.read_bytes(), second.read_bytes()) == (b"1", b"2")
    assert names(tmp_path) == {"one", "deep", "file"}


@pytest.mark.unix
def test_writers_of_the_same_file_wait(tmp_path: Path) -> None:
    path, texts = tmp_path / "file", [digit * 100_000 for digit in "1234"]

    def write(text: str) -> None:
        for _ in range(10):
            with atomic_write(path) as file:
                for half in (text[:50_000], text[50_000:]):
                    file.write(half.encode())
            assert path.read_text() in texts

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, texts))
    assert names(tmp_path) == {"file"}


@pytest.mark.unix
@pytest.mark.parametrize("make", [Path.mkdir, Path.touch])
def test_what_is_locked_has_one_owner(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "path"
    make(path)
    with locked(path) as first:
        with locked(path) as second:
            assert (first, second) == (True, False)
        path.rename(tmp_path / "moved")
        make(path)
        with locked(path) as new:
            assert new
    with locked(path) as again, locked(tmp_path / "nothing") as is_free:
        assert again and is_free
    assert names(tmp_path) == {"path", "moved"}


@pytest.mark.unix
def test_what_another_process_holds_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: Patch
) -> None:
    readings = iter([0.0, 29.0, 31.0])
    monkeypatch.setattr(files, "monotonic", lambda: next(readings))
    path = tmp_path / "file"
    temporary_path(path).touch()
    with locked(temporary_path(path)), pytest.raises(DigitsError, match="another process is writi"):
        write_text(path, "new")
    assert not path.exists()
