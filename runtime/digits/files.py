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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _temporary(path) as temporary:
            yield temporary
            _flush(temporary)
            temporary.replace(path)
    except OSError as error:
        raise DigitsError(f"can't write {path}: {error.strerror or error}") from error


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
    """Delete what `replacing` had begun to write of this file when its process was killed.

    What a process is writing stays. On a disk without locks, where nobody can tell, all stays.
    """
    folder, stem, suffix = map(glob.escape, (str(path.parent), path.stem, path.suffix))
    for temporary in glob.glob(os.path.join(folder, f".{stem}-{'[0-9a-f]' * 8}{suffix}")):
        with suppress(OSError):  # what can't be deleted is in nobody's way
            if fcntl is None:
                os.unlink(temporary)
                continue
            with open(temporary, "r+b") as file:  # network disks lock no file that is only read
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(temporary)


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


@contextmanager
def locked_folder(folder: Path) -> Iterator[bool]:
    """Lock a folder while the block runs: nothing is written, and a kill leaves nothing behind.

    False when another process has it, or when there is another folder under that name by now.
    Where `lock` knows no lock, or the folder can't be opened, it is always free.
    """
    with ExitStack() as opened:
        free = True
        if fcntl is not None:
            with suppress(OSError):
                file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)  # a pipe would wait
                opened.callback(os.close, file)
                free = lock(file) and _is_at(file, folder)
        yield free


def remove(path: Path) -> None:
    """Delete the file if it is there. Raises DigitsError when that fails."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise DigitsError(f"can't delete {path}: {error.strerror}") from error


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """A new file beside `path` that other processes' `sweep` leaves alone while the block runs.

    It is locked, and a lock ends with its process. When the block ends the file is gone, unless it
    has another name then.
    """
    while True:
        name = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
        with ExitStack() as cleanup:
            cleanup.callback(_forget, name)
            if fcntl is not None:
                file = cleanup.enter_context(name.open("xb"))
                # A sweep may have come between the two calls: then it has that file, and not we.
                if not (lock(file.fileno()) and _is_at(file.fileno(), name)):
                    continue
            yield name
            return


def _is_at(file: int, path: Path) -> bool:
    """Whether the open file is still the one under this name."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _forget(path: Path) -> None:
    with suppress(OSError):  # gone already, or never there
        path.unlink()


def _flush(path: Path) -> None:
    # Without fsync a power cut after the rename can leave an empty file under the final name.
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
