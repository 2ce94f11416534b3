"""Write files atomically, and lock them.

No library that digits has does both: a rename that outlives a power cut, and locks that tell a
dead process's temporary file from a live one's.
"""

import glob
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from digits import system
from digits.errors import DigitsError


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it to `path` if the block succeeds.

    A full disk, an exception or a kill leaves `path` as it was. If two processes write the same
    file, the last rename wins. Raises DigitsError if it can't be written.
    """
    try:
        check_folder_of(path)
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise DigitsError(f"can't write {path}: it is {kind_of(path)}, not a file")
        path.parent.mkdir(parents=True, exist_ok=True)
        with _temporary(path) as temporary:
            yield temporary
            _flush(temporary)
            temporary.replace(path)
    except OSError as error:
        raise DigitsError(f"can't write {path}: {error.strerror or error}") from error


def check_folder_of(path: Path) -> None:
    """Raise DigitsError if something else is where the file's folder is to be."""
    obstacle = next(filter(os.path.lexists, path.parents), None)
    if obstacle and not obstacle.is_dir():
        raise DigitsError(f"can't write {path}: {obstacle} is {kind_of(obstacle)}, not a folder")


def kind_of(path: Path) -> str:
    """What is at a path, for errors."""
    if path.is_file() or path.is_dir():
        return "a file" if path.is_file() else "a folder"
    return "a device or a pipe" if path.exists() else "a broken link"


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes atomically. Raises DigitsError."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write text atomically, as UTF-8. Raises DigitsError."""
    write_bytes(path, text.encode())


def write_all(files: Mapping[Path, bytes]) -> None:
    """Write all files before renaming any; the first is renamed last.

    Deletes what a killed process had begun to write of them. Raises DigitsError.
    """
    for path in files:
        if os.path.isdir(path):
            raise DigitsError(f"can't write {path}: it is a folder")
        remove_stale_temps(path)
    with ExitStack() as stack:
        for path, data in files.items():
            stack.enter_context(atomic_write(path)).write_bytes(data)


def remove_stale_temps(path: Path) -> None:
    """Delete the temporary files that killed processes left behind when writing `path`.

    What a live process is writing stays; on a disk without locks, everything does.
    """
    folder, stem, suffix = map(glob.escape, (str(path.parent), path.stem, path.suffix))
    for temporary in glob.glob(os.path.join(folder, f".{stem}-{'[0-9a-f]' * 8}{suffix}")):
        with suppress(OSError):  # it does no harm
            if not system.has_locks():
                os.unlink(temporary)
                continue
            with open(temporary, "r+b") as file:  # network disks lock only writable files
                system.flock(file.fileno())
                os.unlink(temporary)


def try_lock(file: int) -> bool:
    """Lock an open file until it is closed. False if another process has locked it.

    True where locks don't exist: on Windows and some network disks.
    """
    try:
        system.flock(file)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


@contextmanager
def locked_folder(folder: Path) -> Iterator[bool]:
    """Lock a folder during the block, without writing into it.

    False if another process has locked it, or if it has been replaced. True where locks don't
    exist, or if the folder can't be opened.
    """
    with ExitStack() as opened:
        free = True
        with suppress(OSError):
            file = system.open_folder(folder)
            opened.callback(os.close, file)
            free = try_lock(file) and _is_at(file, folder)
        yield free


def remove(path: Path) -> None:
    """Delete the file if it exists. Raises DigitsError."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise DigitsError(f"can't delete {path}: {error.strerror}") from error


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """Create a temporary file beside `path`, locked against `remove_stale_temps` by others.

    The lock ends with the process. The file is deleted after the block unless it was renamed.
    """
    while True:
        name = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
        with ExitStack() as cleanup:
            cleanup.callback(_discard, name)
            if system.has_locks():
                file = cleanup.enter_context(name.open("xb"))
                # Another process may have deleted it between the two calls.
                if not (try_lock(file.fileno()) and _is_at(file.fileno(), name)):
                    continue
            yield name
            return


def _is_at(file: int, path: Path) -> bool:
    """Whether the path still leads to the open file."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _discard(path: Path) -> None:
    with suppress(OSError):  # renamed, or never created
        path.unlink()


def _flush(path: Path) -> None:
    # Without fsync, a power cut after the rename can leave an empty file.
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
