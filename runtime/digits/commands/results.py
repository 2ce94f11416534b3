"""Read CSV files of results, which a later run continues.

A row is one line, so damage affects no other row. A line without its end is a partial row, left by
a full disk, a kill or a power cut; it counts as not written.
"""

import csv
import os
import sys
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from digits.errors import DigitsError
from digits.files import try_lock
from digits.terminal import print_stderr
from digits.text import escape_control, escape_formula

_BLOCK = 1 << 16


def load_processed(path: Path, columns: Sequence[str], as_csv: bool) -> tuple[set[str], bool]:
    """Return the files that have a row in the results, and whether this run appends to them.

    columns: of the command's CSV; with `line`, a file may have several rows. as_csv: whether this
    run writes CSV. If stdout is the results file, a partial row at its end is cut off, and so are
    the rows of the last file if some may be missing; until this process ends, no other may continue
    them. Raises DigitsError if the results can't be read, or have other columns.
    """
    try:
        if path.is_fifo():  # opening it would block
            raise DigitsError(f"can't continue {path}: it is a pipe")
        with path.open("rb") as file:
            appends = _is_stdout(file)
            if appends and not as_csv:
                raise DigitsError(f"{path} holds CSV: add --csv to append to it")
            # Opened anew, and never closed: the lock ends with this process, not with its children.
            if appends and not try_lock(os.open(path, os.O_RDWR)):
                raise DigitsError(f"another process is writing {path}")
            check_header(file, path, columns)
            end = complete_bytes(file)
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
        raise DigitsError(f"can't continue {path}: {error.strerror or error}") from error
    return names, appends and end > 0


def check_header(file: BinaryIO, path: Path, columns: Sequence[str]) -> None:
    """Raise DigitsError unless the file is empty or begins with the header, or part of it."""
    _seek_first(file)
    line = file.readline(_BLOCK)
    header = _cells(line)
    partial = not line.endswith(b"\n") and ",".join(columns).startswith(
        line.decode(errors="replace")
    )
    if not partial and header != list(columns):
        raise DigitsError(f"{path}: unexpected CSV header")


def complete_bytes(file: BinaryIO) -> int:
    """Count the bytes of the file up to its last line end."""
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
    """Yield the rows after the header in the first `end` bytes, each with its offset.

    Damaged rows are skipped, with one warning. File names are escaped as today; earlier versions
    escaped less.
    """
    start = _seek_first(file)
    header, damaged, whole = list[str](), 0, True
    while start < end:
        line = file.readline(_BLOCK)  # a longer line is no row, and comes in parts
        begins, whole = whole, line.endswith(b"\n")
        cells = _cells(line) if begins and whole else []
        if not header:
            header = cells
        elif len(cells) == len(header) and cells[0]:
            yield start, [escape_formula(escape_control(cells[0])), *cells[1:]]
        else:
            damaged += whole
        start += len(line)
    if damaged:
        lines = "a damaged line" if damaged == 1 else f"{damaged} damaged lines"
        print_stderr(f"warning: {path} has {lines}; such pictures are read again")


def _seek_first(file: BinaryIO) -> int:
    """Go to the first line, past a byte order mark of a spreadsheet. Returns its offset."""
    file.seek(0)
    return file.seek(len(BOM_UTF8) if file.read(3) == BOM_UTF8 else 0)


def _cells(line: bytes) -> list[str]:
    """Parse a line; empty if it is malformed."""
    try:
        return next(csv.reader([line.decode()], strict=True), [])
    except (csv.Error, UnicodeDecodeError):
        return []


def _is_stdout(file: BinaryIO) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.fstat(sys.stdout.fileno()))
    except (AttributeError, OSError, ValueError):  # stdout is closed or not a file
        return False
