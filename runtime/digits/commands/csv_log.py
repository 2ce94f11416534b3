"""Append to a CSV file that survives kills, full disks and power cuts."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from digits import system
from digits.commands import results
from digits.errors import DigitsError
from digits.files import try_lock
from digits.text import csv_row


class WriteFailed(DigitsError):
    """The disk is full or gone, perhaps for a while."""


class CsvLog:
    """Writes complete rows; a partial one from an earlier run is cut off.

    path: a CSV file with these columns, or a new one. If it is moved away, a new one is begun.
    Raises DigitsError if it can't be opened, has other columns or is locked by another process.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path, self._columns = path, columns
        try:
            self._file = self._open()
            try:
                self._drop_partial_row()
            except (DigitsError, OSError):
                os.close(self._file)  # and unlock it
                raise
        except OSError as error:
            raise WriteFailed(f"can't write {path}: {error.strerror or error}") from error

    def rows(self) -> Iterator[list[str]]:
        """Yield the rows so far; damaged ones are skipped with a warning."""
        with open(self._file, "rb", closefd=False) as file:  # umask may forbid to open it again
            end = os.fstat(file.fileno()).st_size
            for _, row in results.rows(file, self.path, end):
                yield row

    def append(self, cells: Sequence[object]) -> None:
        """Write a row. Raises WriteFailed, with the file as before.

        Raises DigitsError if another file, with other columns, has taken its place.
        """
        try:
            self._reopen_if_moved()
            before = self._drop_partial_row()
            lines = [] if before else [",".join(self._columns)]
            text = "".join(f"{line}\n" for line in [*lines, csv_row(cells)])
            self._write(text.encode(errors="backslashreplace"), before)
        except OSError as error:
            raise WriteFailed(f"can't write {self.path}: {error.strerror or error}") from error

    def fsync(self) -> None:
        """Make the rows so far survive a power cut."""
        with suppress(OSError):  # a failing disk is reported by the next row
            os.fsync(self._file)

    def _drop_partial_row(self) -> int:
        """Cut off a partial row. Returns the size of the file."""
        with open(self._file, "rb", closefd=False) as file:
            results.check_header(file, self.path, self._columns)
            end = results.complete_bytes(file)
        os.ftruncate(self._file, end)
        return end

    def _write(self, data: bytes, before: int) -> None:
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError:
            os.ftruncate(self._file, before)
            raise

    def _reopen_if_moved(self) -> None:
        """Reopen the file if its path leads to another one."""
        try:
            same = os.path.samestat(os.stat(self.path), os.fstat(self._file))
        except FileNotFoundError:
            same = False
        if not same:
            fresh = self._open()
            os.close(self._file)
            self._file = fresh

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | system.O_BINARY
        file = os.open(self.path, flags, 0o644)
        if not try_lock(file):
            os.close(file)
            raise DigitsError(f"another process is writing {self.path}")
        return file
