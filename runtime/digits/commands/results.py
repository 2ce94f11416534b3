"""A file of results, as CSV or JSON lines, that a later run continues after any interruption.

A line without its end counts as not written. Where a picture has several, the first byte of the
first is a zero until all are on the disk. So a full disk or a power cut costs at most the last
picture, and a kill the sixteen that are read together.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from digits.errors import DigitsError, reporting
from digits.formats import CHECKSUM, FAILURES, Csv, Json, Stamp
from digits.system import try_lock
from digits.terminal import print_stderr

_MAX_LINE = 8 << 20  # bytes, as of 20,000 symbols; a power cut may leave zeros without end


class WriteFailed(DigitsError):
    """The disk is full or gone, perhaps for a while."""


class ResultsFile:
    """Appends complete lines to a file, which is locked; what is incomplete at its end is cut off.

    Whatever else changes or replaces the file meanwhile, it is opened again before the next line.

    path: a file with these columns, or a new one.
    key_columns: how many columns, from the first, identify a picture.
    checksum: of the form, if the pictures are its sheets.
    done_hashes, failed_hashes: hashes of the key columns, which take a third of the memory; among
        10^6 pictures, two collide once in 10^7 devices. The latter are of pictures without an
        answer.

    Raises DigitsError if it isn't a file, can't be opened, has other columns or sheets of another
    form, or is locked by another process.
    """

    def __init__(
        self,
        path: Path,
        columns: Sequence[str],
        output_format: Csv | Json | None = None,
        key_columns: int = 1,
        checksum: str = "",
    ) -> None:
        self.path, self._columns = path, list(columns)
        self._key_columns, self._checksum = key_columns, checksum
        self._format = output_format or Csv()
        header = self._format.header(columns)
        self._header = f"{header}\n".encode() if header else b""
        self.done_hashes, self.failed_hashes = set[int](), set[int]()
        self._state: tuple[int, ...]  # of the file as this has left it
        with reporting(f"write {path}", WriteFailed):
            self._open()

    def key(self, file: str, stamp: Stamp) -> int:
        """The hash of the cells that identify a picture, if these are its name and its stamp."""
        return hash((self._format.name(file), *map(str, stamp)))

    def append(self, lines: str) -> int:
        """Write the lines of a picture, the last without its end. Returns the size before.

        Raises WriteFailed, with the file as before, and DigitsError if another file, with other
        columns, has taken its place.
        """
        with reporting(f"write {self.path}", WriteFailed):
            if self._file.closed or _state(self.path) != self._state:
                self.close()
                self._open()
            size = self._state[-1]
            header = b"" if size else self._header
            data = f"{lines}\n".encode(errors="backslashreplace")
            try:
                self._file.seek(size)
                if "\n" not in lines:
                    self._write(header + data)
                else:
                    self._write(header + b"\0" + data[1:])
                    self.fsync()
                    self._file.seek(size + len(header))
                    self._write(data[:1])
            except OSError:
                self._file.truncate(size)
                raise
            finally:
                self._state = _state(self._file.fileno())
        return size

    def truncate_to(self, size: int) -> None:
        """Take back what was appended since the file had this size.

        Raises WriteFailed, and DigitsError if something else has changed or replaced the file.
        """
        with reporting(f"write {self.path}", WriteFailed):
            if _state(self.path) != self._state or not self._first_own <= size <= self._state[-1]:
                raise DigitsError(f"something else has changed {self.path}; correct it there")
            self._file.truncate(size)
            self._state = _state(self._file.fileno())

    def fsync(self) -> None:
        """Make the lines so far survive a power cut."""
        with suppress(OSError, ValueError):  # a failing disk is reported by the next line
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file, and so unlock it."""
        self._file.close()

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._file.fileno(), data) :]

    def _open(self) -> None:
        """Open and lock the file, and load it."""
        if self.path.exists() and not self.path.is_file():  # opening a pipe would block
            raise DigitsError(f"can't write {self.path}: it is not a file")
        self.path.touch()
        self._file = self.path.open("r+b", buffering=0)
        try:
            if not try_lock(self._file.fileno()):
                raise DigitsError(f"another process is writing {self.path}")
            self._load()
        except (DigitsError, OSError):
            self.close()
            raise
        self._state = _state(self._file.fileno())
        self._first_own = self._state[-1]  # the size from which on only this has written

    def _load(self) -> None:
        """Note which pictures are done, and cut off what is incomplete."""
        is_damaged, end = False, 0
        with open(self._file.fileno(), "rb", closefd=False) as file:
            while line := file.readline(_MAX_LINE):
                cells = self._parse(line)
                if not end and not self._is_first(line, cells):
                    raise DigitsError(
                        f"{self.path} holds something else: other columns, or no results"
                    )
                if line.startswith(b"\0") or not line.endswith(b"\n"):
                    break
                end += len(line)
                is_damaged = is_damaged or not cells
                if not cells or cells == self._columns:
                    continue
                checksum = cells[self._columns.index(CHECKSUM)] if self._checksum else ""
                if checksum not in ("", self._checksum):  # a person's row has none
                    raise DigitsError(
                        f"{self.path} has sheets of another form, or of this one before it was"
                        " changed: name another file"
                    )
                hashes = self.failed_hashes if self._has_failed(cells) else self.done_hashes
                hashes.add(hash(tuple(map(str, cells[: self._key_columns]))))
        if end < os.fstat(self._file.fileno()).st_size:
            self._file.truncate(end)
            print_stderr(f"warning: {self.path} had an incomplete end, which was cut off")
        if is_damaged:
            print_stderr(f"warning: {self.path} has damaged lines, whose pictures are read again")

    def _has_failed(self, cells: Sequence[object]) -> bool:
        """Whether a picture has no answer; a number or a field without one is no failure."""
        row = dict(zip(self._columns, cells, strict=True))
        return (row.get("status"), row.get("reason")) in FAILURES

    def _is_first(self, line: bytes, cells: Sequence[object]) -> bool:
        """Whether such results begin with this line, or with what is complete of it."""
        if line.endswith(b"\n"):
            return cells == self._columns if self._header else bool(cells)
        start = self._header or self._format.opening.encode()
        if self._header or start.startswith(line):
            return start.startswith(line)
        try:
            return bool(self._format.parse(line.decode(errors="replace"), self._columns))
        except ValueError:  # torn
            return line.startswith(start)

    def _parse(self, line: bytes) -> list[object]:
        """Return what the line says; nothing if it is damaged."""
        try:  # a spreadsheet puts a byte order mark before the first one
            return self._format.parse(line.decode("utf-8-sig"), self._columns)
        except ValueError:
            return []


def _state(file: Path | int) -> tuple[int, ...]:
    """Which file it is, when it was changed, and its size; empty if there is none."""
    try:
        status = os.stat(file)
    except FileNotFoundError:
        return ()
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size
