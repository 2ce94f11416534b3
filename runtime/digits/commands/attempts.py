"""Pictures that a process died of: `digits watch` must not die of one again and again.

One may crash a decoder, or take more memory than the device has. Mostly a worker dies, but the
system may end the watcher with it, or the device; a service manager starts it anew, and it would
read that picture first. So its line is in a file while it is read: a line that is still there was
one's last.
"""

import csv
import os
from collections import Counter
from collections.abc import Container
from contextlib import suppress
from pathlib import Path

from digits.text import csv_row

_ENOUGH = 3  # deaths; one or two may be somebody's kill
_BLOCK = 1 << 16  # bytes at the file's end: 500 deaths

Cells = tuple[str, ...]


class Attempts:
    """The deaths so far, by picture.

    path: the file, which is there only while it says something. done: hashes of the pictures
    whose deaths no longer matter. A picture is known by the cells that tell it from others. A disk
    that can't be written or read costs the protection and nothing else.
    """

    def __init__(self, path: Path, done: Container[int]) -> None:
        self._path = path
        self._deaths = Counter(row for row in _rows(path) if row and hash(row) not in done)
        self._reading: list[Cells] = []
        self._save()

    def deaths(self, cells: Cells) -> int:
        """How many processes died while they read this picture."""
        return self._deaths[cells]

    def refusal(self, cells: Cells) -> str:
        """Why it isn't to be read again, or nothing."""
        died = self._deaths[cells] >= _ENOUGH
        return f"digits died {_ENOUGH} times while it read {cells[0]}" if died else ""

    def begin(self, cells: Cells) -> None:
        """It is read from now on."""
        self._reading.append(cells)
        self._save()

    def end(self, cells: Cells, died: bool = False) -> None:
        """It is no longer read, because a worker died of it or because it is done."""
        self._reading.remove(cells)
        if died:
            self._deaths[cells] += 1
        self._save()

    def forget(self, cells: Cells) -> None:
        """It won't be read again."""
        if self._deaths.pop(cells, 0):
            self._save()

    def _save(self) -> None:
        lines = [csv_row(cells) + "\n" for cells in [*self._deaths.elements(), *self._reading]]
        with suppress(OSError):
            if lines:
                self._path.write_text("".join(lines), encoding="utf-8")
            else:
                self._path.unlink()


def _rows(path: Path) -> list[Cells]:
    try:
        if not path.is_file():
            return []
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _BLOCK))
            lines = file.read().decode(errors="replace").splitlines()
        return list(map(tuple, csv.reader(lines)))
    except (OSError, csv.Error):
        return []
