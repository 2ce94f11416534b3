"""The pictures in a folder, told apart by name, time and size. A link is none."""

import os
import stat
import sys
import time
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from digits.commands.inputs import OnError, walk
from digits.errors import PictureError, reporting
from digits.tables import csv_name


class FileStamp(NamedTuple):
    """A file's name, time and size.

    name: relative to the folder. modified: nanoseconds since 1970. size: bytes.
    """

    name: str
    modified: int
    size: int

    @property
    def cells(self) -> tuple[str, str, str]:
        """The cells that identify it in the results."""
        return csv_name(self.name), _utc(self.modified), str(self.size)


def stamp(folder: str, name: str, file: BinaryIO | None = None) -> FileStamp | None:
    """Look at a file, or at one that was opened; None if it is gone or not a regular file."""
    try:
        status = os.fstat(file.fileno()) if file else os.lstat(os.path.join(folder, name))
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return FileStamp(name, status.st_mtime_ns, status.st_size)


def open_picture(folder: str, name: str) -> BinaryIO:
    """Open a file in a folder, through no link. Raises PictureError.

    Who may write into the folder may not be allowed to read what a link leads to.
    """
    path = os.path.join(folder, name)
    with reporting(f"open {path}", PictureError):
        return open(path, "rb", opener=lambda *_: _open_inside(folder, name))


def _open_inside(folder: str, name: str) -> int:
    if sys.platform == "win32":  # where links need rights
        return os.open(os.path.join(folder, name), os.O_RDONLY | os.O_BINARY)
    file = os.open(folder, os.O_RDONLY)
    for part in name.split(os.sep):
        outer = file
        try:
            # A pipe is opened without waiting for a writer.
            file = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=outer)
        finally:
            os.close(outer)
    return file


def scan(folder: str, recursive: bool, on_error: OnError) -> Iterator[FileStamp]:
    """Yield the pictures in a folder.

    Hidden files are ignored: rsync and others write those first, and rename them when complete.
    on_error: called for each folder that can't be read.
    """
    for path in walk(folder, recursive, on_error, hidden=False):
        if picture := stamp(folder, path.removeprefix(os.path.join(folder, ""))):
            yield picture


def _utc(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 10**9)
    try:
        return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:09}Z"
    except (OverflowError, OSError, ValueError):  # a year that the C library can't handle
        return f"{nanoseconds} ns"
