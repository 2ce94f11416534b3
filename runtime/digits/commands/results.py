"""CSV files of results that a later run goes on with.

A row is one line, so that damage costs no other row. A line without its end is what a full disk, a
kill or a power cut left of a row: it counts as not written.
"""

import csv
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from digits.errors import DigitsError
from digits.terminal import print_stderr
from digits.text import escape_formula

_BLOCK = 1 << 16


def done(path: Path, columns: Sequence[str], as_csv: bool) -> tuple[set[str], bool]:
    """The files that have a row in the results, and whether this run appends to these.

    columns: of the CSV that this command writes; with `line`, a file may have several rows. as_csv:
    whether this run writes it. When stdout is the results file, half a row at its end is cut off,
    and so are the rows of the last file where some may be missing: that file is then not done.

    Raises DigitsError when the results can't be read, or aren't what --csv writes.
    """
    try:
        if path.is_fifo():  # which would wait for somebody to write into it
            raise DigitsError(f"can't go on with {path}: it is a pipe")
        with path.open("rb") as file:
            appends = _is_stdout(file)
            if appends and not as_csv:
                raise DigitsError(f"{path} holds CSV: --csv is needed to append to it")
            check(file, path, columns)
            end = whole(file)
            names, last, last_start = set[str](), "", 0
            for start, row in rows(file, path, end):
                if row[0] != last:
                    last, last_start = row[0], start
                names.add(last)
        if appends and "line" in columns and names:
            names.discard(last)
            end = last_start
        if appends:
            os.truncate(path, end)
            os.lseek(sys.stdout.fileno(), 0, os.SEEK_END)
    except OSError as error:
        raise DigitsError(f"can't go on with {path}: {error.strerror or error}") from error
    return names, appends and end > 0


def check(file: BinaryIO, path: Path, columns: Sequence[str]) -> None:
    """Raise DigitsError unless the file is empty, or begins with the header, or with half of it."""
    file.seek(0)
    line = file.readline(_BLOCK)
    header = _cells(line)
    half = not line.endswith(b"\n") and ",".join(columns).startswith(line.decode(errors="replace"))
    if not half and header != list(columns):
        raise DigitsError(f"{path} isn't what this command writes: its header is another")


def whole(file: BinaryIO) -> int:
    """How many bytes of the file are whole lines."""
    position = file.seek(0, os.SEEK_END)
    while position > 0:
        start = max(0, position - _BLOCK)
        file.seek(start)
        found = file.read(position - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        position = start
    return 0


def rows(file: BinaryIO, path: Path, end: int) -> Iterator[tuple[int, list[str]]]:
    """The rows in the first `end` bytes after the header, each with the place where it begins.

    A damaged row is left out; one warning tells of all. The name of the file is as it is written
    now: earlier versions let it begin as a formula does.
    """
    file.seek(0)
    start, header, damaged, whole = 0, list[str](), 0, True
    while start < end:
        line = file.readline(_BLOCK)  # a longer one is no row, and comes in parts
        begins, whole = whole, line.endswith(b"\n")
        cells = _cells(line) if begins and whole else []
        if not header:
            header = cells
        elif len(cells) == len(header) and cells[0]:
            yield start, [escape_formula(cells[0]), *cells[1:]]
        else:
            damaged += whole
        start += len(line)
    if damaged:
        lines = "a damaged line" if damaged == 1 else f"{damaged} damaged lines"
        print_stderr(f"warning: {path} has {lines}; such pictures are read again")


def _cells(line: bytes) -> list[str]:
    """The fields of one line, or none. A spreadsheet may have put a byte order mark before it."""
    try:
        return next(csv.reader([line.decode("utf-8-sig")], strict=True), [])
    except (csv.Error, UnicodeDecodeError):
        return []


def _is_stdout(file: BinaryIO) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.fstat(sys.stdout.fileno()))
    except (AttributeError, OSError, ValueError):  # stdout is closed, or no file
        return False
