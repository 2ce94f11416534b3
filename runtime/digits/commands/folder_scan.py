"""The pictures in a folder, told apart by name, time and size."""

import os
import stat
import time
from collections.abc import Iterator
from typing import NamedTuple

from digits.commands.inputs import OnError, is_picture, walk
from digits.text import csv_name


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


def stamp(folder: str, name: str) -> FileStamp | None:
    """Look at the file; None if it is gone or not a regular file."""
    try:
        status = os.stat(os.path.join(folder, name))
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return FileStamp(name, status.st_mtime_ns, status.st_size)


def scan(folder: str, recursive: bool, on_error: OnError) -> Iterator[FileStamp]:
    """Yield the pictures in a folder.

    Hidden files are ignored: rsync and others write those first, and rename them when complete.
    on_error: called for each folder that can't be read.
    """
    for path, is_folder in walk(folder, recursive, on_error, hidden=False):
        if not is_folder and is_picture(path):
            picture = stamp(folder, path.removeprefix(os.path.join(folder, "")))
            if picture:
                yield picture


def _utc(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 10**9)
    try:
        return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:09}Z"
    except (OverflowError, OSError, ValueError):  # a year that the C library can't handle
        return f"{nanoseconds} ns"
