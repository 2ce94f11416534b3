"""Write files atomically, and lock them.

No library that digits has does both: a rename that outlives a power cut, and locks that end with
their process.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import BinaryIO

from digits.errors import DigitsError, reporting
from digits.system import try_lock

_DRAWN = b"\n% drawn by digits\n"  # behind the end of a picture or a PDF, where no program looks
_PATIENCE, _PERIOD = 30.0, 0.02  # seconds for another process, and between two tries


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Yield a temporary file in the same folder; rename it to `path` if the block succeeds.

    A full disk, an exception or a kill leaves `path` as it was. While a process writes it, another
    one that is to write the same file waits, half a minute at most. Raises DigitsError if it can't
    be written.
    """
    try:
        temporary = temporary_path(path)
        for target in (path, temporary):
            with suppress(FileNotFoundError, NotADirectoryError):
                if not stat.S_ISREG(target.stat().st_mode):  # one call: it may be renamed meanwhile
                    raise DigitsError(f"can't write {target}: it is not a file")
        path.parent.mkdir(parents=True, exist_ok=True)
        with _open_locked(temporary) as file:
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())  # a power cut after the rename could leave an empty file
                if os.name == "nt":  # where an open file can't be renamed
                    file.close()
                temporary.replace(path)
            except BaseException:
                with suppress(OSError):
                    file.close()  # on Windows, an open file can't be deleted either
                with suppress(OSError):
                    temporary.unlink()
                raise
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise DigitsError(f"can't write {path}: {error.filename} is in the way") from error
    except OSError as error:
        raise DigitsError(f"can't write {path}: {error.strerror or error}") from error


def temporary_path(path: Path) -> Path:
    """Return the path where a process that is killed while it writes `path` leaves its bytes."""
    return path.with_name(f".{path.name}.tmp")


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes atomically. Raises DigitsError."""
    with atomic_write(path) as file:
        file.write(data)


def write_drawing(path: Path, data: bytes) -> None:
    """Write a picture or a PDF, which `is_drawing` knows again. Raises DigitsError."""
    write_bytes(path, data + _DRAWN)


def is_drawing(path: Path) -> bool:
    """Whether `write_drawing` wrote this file, so that nobody misses what another one replaces."""
    with suppress(OSError), open(path, "rb", opener=_open_as_it_is) as file:
        file.seek(-len(_DRAWN), os.SEEK_END)
        return file.read() == _DRAWN
    return False


def write_text(path: Path, text: str) -> None:
    """Write text atomically, as UTF-8. Raises DigitsError."""
    write_bytes(path, text.encode())


def write_all(files: Mapping[Path, bytes]) -> None:
    """Write all files before renaming any; the first is renamed last. Raises DigitsError."""
    with ExitStack() as stack:
        for path, data in files.items():
            file = stack.enter_context(atomic_write(path))
            file.write(data)
            file.flush()


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Lock a file or a folder during the block, without writing into it.

    False if another process has locked it, or if it has been replaced. True where locks don't
    exist, or if it can't be opened.
    """
    with ExitStack() as opened:
        is_free = True
        with suppress(OSError, AttributeError):  # Windows has no O_NONBLOCK
            file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # without waiting at a pipe
            opened.callback(os.close, file)
            is_free = try_lock(file) and _is_at(file, path)
        yield is_free


def remove(path: Path) -> None:
    """Delete the file if it exists. Raises DigitsError."""
    with reporting(f"delete {path}"):
        path.unlink(missing_ok=True)


def _open_locked(temporary: Path) -> BinaryIO:
    """Open an empty file that no other process writes.

    Raises DigitsError if another one writes it for half a minute.
    """
    last_try = monotonic() + _PATIENCE
    while True:
        file = open(temporary, "wb", opener=_open_as_it_is)  # noqa: SIM115
        if try_lock(file.fileno()) and _is_at(file.fileno(), temporary):
            file.truncate()
            return file
        file.close()  # the process that has locked it is writing, or has renamed it
        if monotonic() > last_try:
            raise DigitsError(f"another process is writing {temporary}")
        sleep(_PERIOD)


def _open_as_it_is(path: str, flags: int) -> int:
    """Follow no link, wait at no pipe, and keep what another process is writing."""
    safe = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # Windows has neither
    return os.open(path, flags & ~os.O_TRUNC | safe, 0o666)


def _is_at(file: int, path: Path) -> bool:
    """Whether the path still leads to the open file."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
