"""A file of results, as CSV or JSON lines, that a later run continues after any interruption.

A line is written at once, so a kill, a full disk or a power cut damages at most the last one. A
line without its end counts as not written.
"""

import csv
import json
import os
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from digits import system
from digits.errors import DigitsError
from digits.files import kind_of
from digits.system import try_lock
from digits.terminal import print_stderr

_BLOCK = 1 << 12  # bytes
_MAX_LINE = 8 << 20  # bytes, as of 20,000 symbols; a power cut may leave zeros without end


class WriteFailed(DigitsError):
    """The disk is full or gone, perhaps for a while."""


class ResultsFile:
    """Appends complete lines to a file, which is locked; a partial one at its end is cut off.

    path: a file with these columns, or a new one. If it is moved away, a new one is begun. columns:
    of the CSV, or the keys of each JSON object. key: how many of them identify a picture.
    incomplete: the keys of pictures whose lines are cut off if they are the last, because others
    may be missing. done: hashes of the keys of the pictures with a line, which take a third of the
    memory; among 10^6 pictures, two collide once in 10^7 devices.

    Raises DigitsError if it isn't a file, can't be opened, has other columns or is locked by
    another process.
    """

    def __init__(
        self,
        path: Path,
        columns: Sequence[str],
        as_json: bool = False,
        key: int = 1,
        incomplete: Container[tuple[str, ...]] = (),
    ) -> None:
        self.path, self._columns, self._as_json = path, list(columns), as_json
        self.done = set[int]()
        self._written = 0, 0  # when, in nanoseconds, and the size then
        self._ours = 0  # from which size on only we have written
        if path.exists() and not path.is_file():  # opening a pipe would block
            raise DigitsError(f"can't write {path}: it is {kind_of(path)}, not a file")
        with self._reporting():
            self._file = self._open()
            try:
                self._load(key, incomplete)
            except OSError:
                self.close()
                raise

    def append(self, lines: str) -> int:
        """Write the lines of a picture, the last without its end. Returns the size before.

        Raises WriteFailed, with the file as before, and DigitsError if another file, with other
        columns, has taken its place.
        """
        with self._reporting():
            self._reopen_if_moved()
            unchanged = self._state() == self._written
            size = _cut_off_partial_line(self._file)
            self._ours = self._ours if unchanged else size
            header = "" if size or self._as_json else ",".join(self._columns) + "\n"
            data = f"{header}{lines}\n".encode(errors="backslashreplace")
            try:
                while data:
                    data = data[os.write(self._file, data) :]
            except OSError:
                os.ftruncate(self._file, size)
                raise
            self._written = self._state()
        return size

    def truncate_to(self, size: int) -> None:
        """Take back what was appended since the file had this size.

        Raises WriteFailed, and DigitsError if something else has changed or replaced the file.
        """
        with self._reporting():
            self._reopen_if_moved()
            if self._state() != self._written or not self._ours <= size <= self._written[1]:
                raise DigitsError(f"something else has changed {self.path}; correct it there")
            os.ftruncate(self._file, size)
            self._written = self._state()

    def fsync(self) -> None:
        """Make the lines so far survive a power cut."""
        with suppress(OSError):  # a failing disk is reported by the next line
            os.fsync(self._file)

    def close(self) -> None:
        """Close the file, and so unlock it."""
        os.close(self._file)

    def _state(self) -> tuple[int, int]:
        """When the file was changed, and its size: within a tick of the clock, the size tells."""
        status = os.fstat(self._file)
        return status.st_mtime_ns, status.st_size

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        """Raise WriteFailed for an OSError."""
        try:
            yield
        except OSError as error:
            raise WriteFailed(f"can't write {self.path}: {error.strerror or error}") from error

    def _open(self) -> int:
        """Open and lock the file, check its columns and cut off a partial line."""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | system.O_BINARY
        file = os.open(self.path, flags, 0o644)
        try:
            if not try_lock(file):
                raise DigitsError(f"another process is writing {self.path}")
            self._check_columns(file)
            _cut_off_partial_line(file)
        except (DigitsError, OSError):
            os.close(file)
            raise
        return file

    def _reopen_if_moved(self) -> None:
        """Reopen the file if its path leads to another one."""
        try:
            same = os.path.samestat(os.stat(self.path), os.fstat(self._file))
        except FileNotFoundError:
            same = False
        if not same:
            new = self._open()
            self.close()
            self._file = new

    def _check_columns(self, descriptor: int) -> None:
        """Raise DigitsError unless the file is empty or begins as such results do."""
        with open(descriptor, "rb", closefd=False) as file:
            line = file.readline(_MAX_LINE)
        start = b'{"file": ' if self._as_json else ",".join(self._columns).encode()
        if line.endswith(b"\n"):
            cells = self._parse(line)
            is_ours = bool(cells) if self._as_json else cells == self._columns
        else:
            is_ours = start.startswith(line) or (self._as_json and line.startswith(start))
        if not is_ours:
            raise DigitsError(f"{self.path} holds something else: other columns, or no results")

    def _load(self, key: int, incomplete: Container[tuple[str, ...]]) -> None:
        """Note which pictures are done, and cut off the last one's lines if some may be missing."""
        damaged, is_whole, last, last_start = 0, True, tuple[str, ...](), 0
        with open(self._file, "rb", closefd=False) as file:
            start = file.seek(0)
            while line := file.readline(_MAX_LINE):  # a longer one comes in parts
                is_start, is_whole = is_whole, line.endswith(b"\n")
                cells = self._parse(line) if is_start and is_whole else []
                if not cells:
                    damaged += is_whole
                elif cells != self._columns:  # the header
                    picture = tuple(map(str, cells[:key]))
                    if picture != last:
                        last, last_start = picture, start
                    self.done.add(hash(picture))
                start += len(line)
        if last in incomplete:
            self.done.discard(hash(last))
            os.ftruncate(self._file, last_start)
        if damaged:
            lines = "a damaged line" if damaged == 1 else f"{damaged} damaged lines"
            print_stderr(f"warning: {self.path} has {lines}; such pictures are read again")

    def _parse(self, line: bytes) -> list[Any]:
        """The cells of a line, or the values of its object; empty if it is malformed."""
        try:
            text = line.decode("utf-8-sig")  # a spreadsheet puts a byte order mark before it
            if not self._as_json:
                cells = next(csv.reader([text], strict=True), [])
                return cells if len(cells) == len(self._columns) else []
            values = json.loads(text)
            return list(values.values()) if list(values) == self._columns else []
        except (AttributeError, csv.Error, RecursionError, TypeError, ValueError):
            return []


def _cut_off_partial_line(file: int) -> int:
    """Returns the size of the file then."""
    size = end = os.lseek(file, 0, os.SEEK_END)
    line_end = -1
    while end > 0 and line_end < 0:
        start = max(0, end - _BLOCK)
        os.lseek(file, start, os.SEEK_SET)
        line_end = os.read(file, end - start).rfind(b"\n")
        end = start + line_end + 1
    if end < size:
        os.ftruncate(file, end)
    return end
