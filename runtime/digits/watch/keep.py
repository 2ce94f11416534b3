"""The folder where `digits watch` keeps the pictures that somebody should look at."""

import os
import shutil
from contextlib import suppress
from itertools import count
from pathlib import Path

from digits.commands.results import ResultsFile
from digits.errors import DigitsError, PictureError
from digits.files import atomic_write, write_text
from digits.tables import csv_row
from digits.watch.folder import FileStamp, open_picture, scan, stamp

MAX_BYTES = 200_000_000  # of all pictures in the folder


class KeepFolder:
    """Copies of pictures in `source`, and their rows in review.csv, until the folder is full.

    Raises DigitsError if the folder can't be written.
    """

    def __init__(self, folder: Path, source: str, columns: tuple[str, ...]) -> None:
        self._folder, self._source = folder, source
        if not folder.exists():
            write_text(folder / "review.csv", "")
        self._rows = ResultsFile(folder / "review.csv", columns, key=0)  # no memory per row

    def add(self, picture: FileStamp, rows: str) -> list[str]:
        """Append a picture's rows, then copy it. Returns what prevents that, if anything does."""
        try:
            with suppress(PictureError), open_picture(self._source, picture.name) as file:
                if stamp(self._source, picture.name, file) == picture:  # else it is read again
                    name = self._free_name(picture)
                    cells = picture._replace(name=name).cells
                    self._rows.append(rows.replace(csv_row(picture.cells), csv_row(cells)))
                    self._rows.fsync()
                    with atomic_write(self._folder / name) as copy:
                        shutil.copyfileobj(file, copy)
        except DigitsError as error:
            reason = getattr(error.__cause__, "strerror", None) or error
            return [f"can't keep pictures in {self._folder}: {reason}"]
        return []

    def _free_name(self, picture: FileStamp) -> str:
        """A name for the copy. Raises DigitsError if the folder is full."""
        sizes = (copy.size for copy in scan(str(self._folder), True, lambda _: None))
        if sum(sizes, picture.size) > MAX_BYTES:
            raise DigitsError(f"{MAX_BYTES // 10**6} MB are full; delete what you have reviewed")
        (stem, suffix), numbers = os.path.splitext(picture.name), count(picture.modified)
        name = picture.name
        while os.path.lexists(self._folder / name):
            name = f"{stem}-{next(numbers)}{suffix}"
        return name
