"""A CSV file that one process appends to, and that outlives kills, full disks and power cuts."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from digits.commands import results
from digits.errors import DigitsError
from digits.files import try_lock
from digits.text import csv_row


class CantWrite(DigitsError):
    """The disk is full, or gone: it may pass."""


class Journal:
    """Rows are in the file whole or not at all; half a row from before is cut off.

    path: a CSV file with these columns, or one that isn't there yet. It may be moved away while it
    is written: then a new one begins.

    Raises DigitsError, and leaves the file as it is, when it can't be opened, has other columns, or
    another process has it.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path, self._columns = path, columns
        try:
            self._file = self._opened()
            try:
                self._cut()
            except (DigitsError, OSError):
                os.close(self._file)  # and so unlocks it
                raise
        except OSError as error:
            raise CantWrite(f"can't write {path}: {error.strerror or error}") from error

    def rows(self) -> Iterator[list[str]]:
        """The rows so far; a warning tells of damaged ones."""
        with self.path.open("rb") as file:
            end = os.fstat(file.fileno()).st_size
            for _, row in results.rows(file, self.path, end):
                yield row

    def append(self, cells: Sequence[object]) -> None:
        """Write a row. Raises CantWrite when that fails; the file is then as it was.

        Raises DigitsError when there is now another file under its name, with other columns.
        """
        try:
            self._follow()
            before = self._cut()
            lines = [] if before else [",".join(self._columns)]
            text = "".join(f"{line}\n" for line in [*lines, csv_row(cells)])
            self._write(text.encode(errors="backslashreplace"), before)
        except OSError as error:
            raise CantWrite(f"can't write {self.path}: {error.strerror or error}") from error

    def save(self) -> None:
        """Have the rows so far outlive a power cut."""
        with suppress(OSError):  # the rows are written; that a disk fails is told by the next one
            os.fsync(self._file)

    def _cut(self) -> int:
        """Cut off what is no whole row; gives the bytes that are left."""
        with open(self._file, "rb", closefd=False) as file:
            results.check(file, self.path, self._columns)
            end = results.whole(file)
        os.ftruncate(self._file, end)
        return end

    def _write(self, data: bytes, before: int) -> None:
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError:
            os.ftruncate(self._file, before)
            raise

    def _follow(self) -> None:
        """Open the file anew when it is no longer the one under its name."""
        try:
            same = os.path.samestat(os.stat(self.path), os.fstat(self._file))
        except FileNotFoundError:
            same = False
        if not same:
            fresh = self._opened()
            os.close(self._file)
            self._file = fresh

    def _opened(self) -> int:
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        if not try_lock(file):
            os.close(file)
            raise DigitsError(f"another process writes {self.path}")
        return file
