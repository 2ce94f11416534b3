"""The watched folder, and the one where copies of its doubtful pictures are kept."""

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO, NamedTuple

from digits.commands.inputs import OnError, to_utc, walk
from digits.commands.results import ResultsFile
from digits.errors import DigitsError, PictureError, reporting
from digits.files import atomic_write, write_text
from digits.images.formats import page_names
from digits.tables import csv_name, csv_row

MAX_KEPT_BYTES = 200_000_000  # of all pictures in the folder of copies

_BLOCK = 4096  # bytes; no less is written at once


class FileStamp(NamedTuple):
    """A file's name, time and size, which tell pictures apart.

    name: relative to the folder.
    modified: in nanoseconds since 1970.
    size: in bytes.
    """

    name: str
    modified: int
    size: int

    @property
    def cells(self) -> tuple[str, str, str]:
        """The cells that identify it in the results."""
        return csv_name(self.name), to_utc(self.modified), str(self.size)


def stamp(folder: str, name: str, file: BinaryIO | None = None) -> FileStamp | None:
    """Return the stamp of a file, opened or not; None if it is gone or not a regular file."""
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


def may_be_partial(folder: str, name: str) -> bool:
    """Whether a BMP, TIFF or PPM ends in zeros, as a copy does whose size was set first.

    Its decoder wouldn't notice. So does a picture with a black corner, which can wait.
    """
    with suppress(PictureError, OSError), open_picture(folder, name) as file:
        if file.read(4).startswith((b"BM", b"II*", b"MM\0", b"P")):
            file.seek(-_BLOCK, os.SEEK_END)
            return not any(file.read())
    return False


def _open_inside(folder: str, name: str) -> int:
    if sys.platform == "win32":  # where links need rights
        return os.open(os.path.join(folder, name), os.O_RDONLY | os.O_BINARY)
    file = os.open(folder, os.O_RDONLY)
    for entry in name.split(os.sep):
        outer = file
        try:
            # A pipe is opened without waiting for a writer.
            file = os.open(entry, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=outer)
        finally:
            os.close(outer)
    return file


def scan(folder: str, recursive: bool, on_error: OnError) -> Iterator[FileStamp]:
    """Yield the pictures in a folder. A link is none.

    Hidden files are ignored: rsync and others write those first, and rename them when complete.

    on_error: called for each folder that can't be read.
    """
    for path in walk(folder, recursive, on_error, hidden=False):
        if picture := stamp(folder, path.removeprefix(os.path.join(folder, ""))):
            yield picture


class KeepFolder:
    """Copies of pictures in a watched folder, and their rows in review.csv, until it is full.

    folder: of the copies.
    source: the watched folder.
    checksum: see `ResultsFile`.

    Raises DigitsError if the folder can't be written.
    """

    def __init__(self, folder: Path, source: str, columns: tuple[str, ...], checksum: str) -> None:
        self._folder, self._source = folder, source
        if not folder.exists():
            write_text(folder / "review.csv", "")
        # No key columns, and so no memory per row.
        self._rows = ResultsFile(folder / "review.csv", columns, key_columns=0, checksum=checksum)

    def add(self, picture: FileStamp, rows: str, page_count: int = 1) -> list[str]:
        """Append the rows of a picture or of its pages, then copy it.

        Returns what prevents that, if anything does.
        """
        try:
            with suppress(PictureError), open_picture(self._source, picture.name) as file:
                if stamp(self._source, picture.name, file) == picture:  # else it is read again
                    name = self._free_name(picture)
                    pages = page_names(picture.name, page_count), page_names(name, page_count)
                    for pair in zip(*pages, strict=True):
                        old, new = (csv_row(picture._replace(name=page).cells) for page in pair)
                        rows = rows.replace(old, new)
                    self._rows.append(rows)
                    self._rows.fsync()
                    with atomic_write(self._folder / name) as copy:
                        shutil.copyfileobj(file, copy)
        except DigitsError as error:
            reason = getattr(error.__cause__, "strerror", None) or error
            return [f"can't keep pictures in {self._folder}: {reason}"]
        return []

    def _free_name(self, picture: FileStamp) -> str:
        """Find a name for the copy. Raises DigitsError if the folder is full."""
        sizes = (copy.size for copy in scan(str(self._folder), True, lambda _: None))
        if sum(sizes, picture.size) > MAX_KEPT_BYTES:
            raise DigitsError(
                f"{MAX_KEPT_BYTES // 10**6} MB are full; delete what you have reviewed"
            )
        (stem, suffix), counter = os.path.splitext(picture.name), count(picture.modified)
        name = picture.name
        while os.path.lexists(self._folder / name):
            name = f"{stem}-{next(counter)}{suffix}"
        return name
