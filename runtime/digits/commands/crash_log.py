"""Remember the pictures that crash a process, so that `digits watch` stops reading them.

A picture may crash a decoder or exhaust the memory, and so end a worker, the watcher or the device.
Its row is in the log while it is read: a row that is still there after a restart crashed.
"""

import csv
import os
from collections import Counter
from collections.abc import Container
from contextlib import suppress
from pathlib import Path

from digits import system
from digits.text import csv_row

_MAX_CRASHES = 3  # one or two may be kills by somebody
_MAX_BYTES = 1 << 16  # read from the end of the file: 500 rows

Cells = tuple[str, ...]


class CrashLog:
    """Counts the crashes of each picture.

    path: the file, which exists only while it has rows. done: hashes of pictures whose crashes no
    longer matter. A picture is identified by cells. If the file can't be written or read, only
    the protection is lost.
    """

    def __init__(self, path: Path, done: Container[int]) -> None:
        self._path = path
        self._crashes = Counter(row for row in _rows(path) if row and hash(row) not in done)
        self._reading: list[Cells] = []
        self._save()

    def crash_count(self, cells: Cells) -> int:
        """How many processes died while reading this picture."""
        return self._crashes[cells]

    def refusal(self, cells: Cells) -> str:
        """Why the picture must not be read again, or empty."""
        refused = self._crashes[cells] >= _MAX_CRASHES
        return f"digits died {_MAX_CRASHES} times while reading {cells[0]}" if refused else ""

    def begin(self, cells: Cells) -> None:
        """Log that the picture is being read."""
        self._reading.append(cells)
        self._save()

    def end(self, cells: Cells, died: bool = False) -> None:
        """Log that reading it ended. died: whether the worker did."""
        self._reading.remove(cells)
        if died:
            self._crashes[cells] += 1
        self._save()

    def forget(self, cells: Cells) -> None:
        """Drop a picture that won't be read again."""
        if self._crashes.pop(cells, 0):
            self._save()

    def _save(self) -> None:
        rows = [*self._crashes.elements(), *self._reading]
        with suppress(OSError):
            self._path.unlink(missing_ok=True)  # it may be a link to a file that nobody named
            if rows:
                text = "".join(f"{csv_row(cells)}\n" for cells in rows)
                with self._path.open("x", encoding="utf-8") as file:
                    file.write(text)


def _rows(path: Path) -> list[Cells]:
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
