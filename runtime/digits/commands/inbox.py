"""A folder in which pictures arrive: which are there, and how to open one that a stranger wrote."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO, NamedTuple

from digits.commands.inputs import OnError, to_utc, walk
from digits.errors import PictureError, reporting

_BLOCK = 4096  # bytes; no less is written at once


class Arrival(NamedTuple):
    """A picture's path, time and size, which tell it from others.

    modified: in nanoseconds since 1970.
    size: in bytes.
    """

    path: str
    modified: int
    size: int

    @property
    def stamp(self) -> tuple[str, int]:
        """As `inputs.stamp_of` returns it."""
        return to_utc(self.modified), self.size


def find(path: str) -> Arrival | None:
    """Describe a picture; None if it is gone, or a link or another thing that is no file."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return Arrival(path, status.st_mtime_ns, status.st_size)


def scan(folder: str, recursive: bool, on_error: OnError) -> Iterator[Arrival]:
    """Yield the pictures in a folder. A link is none.

    Hidden files are ignored: rsync and others write those first, and rename them when complete.

    on_error: called for each folder that can't be read.
    """
    for path in walk(folder, recursive, on_error, hidden=False):
        if picture := find(path):
            yield picture


def open_picture(folder: str, path: str) -> BinaryIO:
    """Open a file in a folder, through no link inside it. Raises PictureError.

    Who may write into the folder may not be allowed to read what a link leads to.
    """
    with reporting(f"open {path}", PictureError):
        return open(path, "rb", opener=lambda *_: _open_inside(folder, path))


def may_be_partial(folder: str, path: str) -> bool:
    """Whether a BMP, TIFF or PPM ends in zeros, as a copy does whose size was set first.

    Its decoder wouldn't notice. So does a picture with a black corner, which can wait.
    """
    with suppress(PictureError, OSError), open_picture(folder, path) as file:
        if file.read(4).startswith((b"BM", b"II*", b"MM\0", b"P")):
            file.seek(-_BLOCK, os.SEEK_END)
            return not any(file.read())
    return False


def _open_inside(folder: str, path: str) -> int:
    if sys.platform == "win32":  # where links need rights
        return os.open(path, os.O_RDONLY | os.O_BINARY)
    file = os.open(folder, os.O_RDONLY)
    for entry in path.removeprefix(os.path.join(folder, "")).split(os.sep):
        outer = file
        try:
            # A pipe is opened without waiting for a writer.
            file = os.open(entry, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=outer)
        finally:
            os.close(outer)
    return file
