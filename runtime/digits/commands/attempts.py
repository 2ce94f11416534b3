"""Pictures that the process died of: `digits watch` must not die of one again and again.

One may crash a decoder, or take more memory than the device has; a service manager starts the
process anew, which would read that picture first. So its line is in a file while it is read: a
line that is still there was one's last.
"""

import csv
import os
from collections import Counter
from collections.abc import Container, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from digits.commands import output
from digits.errors import PictureError

_ENOUGH = 3  # deaths; one or two may be somebody's kill
_BLOCK = 1 << 16  # bytes at the file's end: 500 deaths


class Attempts:
    """The deaths so far, by picture.

    path: the file, which is there only while it says something. done: hashes of the pictures
    whose deaths no longer matter. A picture is known by the cells that tell it from others. A disk
    that can't be written or read costs the protection and nothing else.
    """

    def __init__(self, path: Path, done: Container[int]) -> None:
        self._path = path
        rows = [row for row in _rows(path) if row and hash(row) not in done]
        self._deaths = Counter(rows)
        self._kept = "".join(map(_line, rows)).encode()
        with suppress(OSError):
            if rows:
                path.write_bytes(self._kept)
            else:
                path.unlink()

    def deaths(self, cells: tuple[str, ...]) -> int:
        """How many processes died while they read this picture."""
        return self._deaths[cells]

    @contextmanager
    def reading(self, cells: tuple[str, ...]) -> Iterator[None]:
        """Should the process die in the block, this picture has one death more.

        Raises PictureError when it has enough of them.
        """
        if self._deaths[cells] >= _ENOUGH:
            raise PictureError(f"digits died {_ENOUGH} times while it read {cells[0]}")
        with suppress(OSError), self._path.open("ab") as file:
            file.write(_line(cells).encode())
        try:
            yield
        finally:
            with suppress(OSError):
                if self._kept:
                    os.truncate(self._path, len(self._kept))
                else:
                    self._path.unlink()


def _rows(path: Path) -> list[tuple[str, ...]]:
    try:
        if not path.is_file():
            return []
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _BLOCK))
            lines = file.read().decode(errors="replace").splitlines()
        return list(map(tuple, csv.reader(lines)))
    except (OSError, csv.Error):
        return []


def _line(cells: tuple[str, ...]) -> str:
    return f"{output.row(cells)}\n"
