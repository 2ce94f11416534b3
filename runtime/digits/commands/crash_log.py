"""Remember the pictures that crash a process, so that `digits watch` stops reading them.

A picture may crash a decoder or exhaust the memory, and so end a worker, the watcher or the device.
Its row is in the log while it is read: a row that is still there after a restart crashed. So it is
while several rows of results are written, of which a kill may have left some.
"""

import csv
import os
from collections.abc import Container
from contextlib import suppress
from pathlib import Path

from digits import system
from digits.text import csv_row

MAX_CRASHES = 3  # one or two may be kills by somebody
_MAX_BYTES = 1 << 16  # read from the end of the file: 500 rows

Cells = tuple[str, ...]


class CrashLog:
    """Counts the crashes of each picture, which cells identify.

    path: the file, which exists only while it has rows. done: hashes of pictures whose crashes no
    longer matter. If the file can't be written or read, only the protection is lost.
    """

    def __init__(self, path: Path, done: Container[int]) -> None:
        self._path = path
        self._rows = [row for row in rows(path) if row and hash(row) not in done]
        self._save()

    def count(self, cells: Cells) -> int:
        """How many times the picture was begun and not ended."""
        return self._rows.count(cells)

    def begin(self, cells: Cells) -> None:
        """Log that the picture is being read."""
        self._rows.append(cells)
        self._save()

    def end(self, cells: Cells) -> None:
        """Log that reading it, once more, didn't crash."""
        self._rows.remove(cells)
        self._save()

    def forget(self, cells: Cells) -> None:
        """Drop a picture that won't be read again."""
        if cells in self._rows:
            self._rows = [row for row in self._rows if row != cells]
            self._save()

    def _save(self) -> None:
        with suppress(OSError):
            self._path.unlink(missing_ok=True)  # it may be a link to a file that nobody named
            if self._rows:
                with self._path.open("x", encoding="utf-8") as file:
                    file.writelines(f"{csv_row(cells)}\n" for cells in self._rows)


def rows(path: Path) -> list[Cells]:
    """The rows of a log: of pictures that are being read, or whose reading has crashed."""
    try:
        if not path.is_file():
            return []
        flags = os.O_RDONLY | system.O_BINARY | system.O_NOFOLLOW
        with open(os.open(path, flags), "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _MAX_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
        return list(map(tuple, csv.reader(lines)))
    except (OSError, csv.Error):
        return []
