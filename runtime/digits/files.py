"""Files that are there whole or not at all."""

import glob
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from digits.errors import DigitsError

try:
    import fcntl
except ImportError:  # Windows, which deletes no file that a process has open
    fcntl = None  # type: ignore[assignment]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a new name in the folder of `path`; rename it to `path` when the block succeeds.

    The block writes the file under that name. A full disk, an exception or a kill leaves `path`
    as it was. Two processes that write the same file don't mix: the last rename wins.

    Raises DigitsError when the operating system refuses to write.
    """
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _claimed(temporary):
            yield temporary
            _flush(temporary)
            temporary.replace(path)
    except OSError as error:
        raise DigitsError(f"can't write {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # gone already, or never there
            temporary.unlink()


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` by rename. Raises DigitsError when that fails."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8 by rename. Raises DigitsError when that fails."""
    write_bytes(path, text.encode())


def write_all(files: Mapping[Path, bytes]) -> None:
    """Write all the files, and only then rename any; the first comes last.

    What an earlier process had begun to write of them when it was killed goes first: nobody else
    would ever delete it. Raises DigitsError when that fails.
    """
    for path in files:
        if os.path.isdir(path):
            raise DigitsError(f"can't write {path}: it is a folder")
        sweep(path)
    with ExitStack() as stack:
        for path, data in files.items():
            stack.enter_context(replacing(path)).write_bytes(data)


def sweep(path: Path) -> None:
    """Delete what `replacing` had begun to write of this file when the process was killed."""
    with suppress(OSError):  # what can't be deleted is in nobody's way
        stem, suffix = glob.escape(path.stem), glob.escape(path.suffix)
        for temporary in path.parent.glob(f".{stem}-????????{suffix}"):
            with temporary.open("rb") as file:
                left = lock(file.fileno())
            if left:
                temporary.unlink()


def lock(file: int) -> bool:
    """Lock an open file until it is closed. False when another process has it.

    Windows has no such lock, nor have some network disks: there it is always free.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def remove(path: Path) -> None:
    """Delete the file if it is there. Raises DigitsError when that fails."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise DigitsError(f"can't delete {path}: {error.strerror}") from error


@contextmanager
def _claimed(path: Path) -> Iterator[None]:
    """Make the file, and keep other processes' `sweep` from it: a lock ends with its process."""
    if fcntl is None:
        yield
        return
    with path.open("xb") as file:
        lock(file.fileno())
        yield


def _flush(path: Path) -> None:
    # Without fsync a power cut after the rename can leave an empty file under the final name.
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
