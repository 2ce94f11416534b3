"""Read a CSV table of labelled pictures, as programs, people and spreadsheets write it."""

import csv
import os
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import TextIO

from digits.errors import DataError, DigitsError
from digits.text import unescape_name

_REQUIRED = {"file", "digit"}
_DIGITS = list("0123456789")
_SEPARATORS = ",;\t"  # spreadsheets write semicolons where the comma is decimal
_UTF_16 = b"\xff\xfe", b"\xfe\xff"  # byte order marks of spreadsheets
_MAX_LINE = 1 << 16  # characters; two paths have at most 8,192
_MAX_SHOWN = 200  # characters of a wrong header


def rows(path: Path, on_error: Callable[[DigitsError], None]) -> Iterator[tuple[Path, int]]:
    """Yield each picture and its digit.

    The header names the columns `file` (relative to the table) and `digit`, in any case; commas,
    semicolons or tabs separate them, and the text is UTF-8 or UTF-16. on_error: called for each
    invalid row. Raises DataError if it isn't such a table.
    """
    try:
        with path.open("rb") as file:
            wide = file.read(2) in _UTF_16
        encoding, errors = ("utf-16", "replace") if wide else ("utf-8-sig", "surrogateescape")
        with path.open(newline="", encoding=encoding, errors=errors) as text:
            lines = _lines(text, path)
            first = next(lines, "")
            separator = _separator(first, path)
            reader = csv.reader(chain([first], lines), delimiter=separator)
            columns = _columns(next(reader), path)
            for cells in reader:
                row = dict(zip(columns, map(str.strip, cells), strict=False))
                name, digit = row.get("file"), row.get("digit")
                if name and digit in _DIGITS:
                    yield _picture(path, name), _DIGITS.index(digit)
                elif any(row.values()):
                    on_error(DataError(f"{path}, line {reader.line_num}: file or digit is missing"))
    except OSError as error:
        raise DataError(f"can't read {path}: {error.strerror}") from error
    except csv.Error as error:
        raise DataError(f"{path}: {error}; is a quote unclosed?") from error


def _separator(header: str, path: Path) -> str:
    by_separator = {one: next(csv.reader([header], delimiter=one), []) for one in _SEPARATORS}
    for separator, cells in by_separator.items():
        if set(map(_column, cells)) >= _REQUIRED:
            return separator
    likeliest = max(by_separator.values(), key=len)
    if not any(likeliest):
        raise DataError(f"{path} has no header with the columns file and digit")
    if "\0" in header:
        raise DataError(f"{path} is not a CSV file")
    shown = ", ".join(likeliest)[:_MAX_SHOWN]
    raise DataError(f"{path}: its columns are {shown}; needs file and digit")


def _columns(header: list[str], path: Path) -> list[str]:
    columns = list(map(_column, header))
    for name in sorted(_REQUIRED):
        if columns.count(name) > 1:
            raise DataError(f"{path}: several columns are named {name}")
    if "confidence" in columns:
        raise DataError(
            f"{path} has predictions, not labels: correct the digits, and keep only the columns"
            " file and digit"
        )
    return columns


def _column(cell: str) -> str:
    return cell.strip().lower()


def _picture(table: Path, name: str) -> Path:
    """The file of this name, which may be escaped as in results."""
    unescaped = table.parent / unescape_name(name)
    return unescaped if os.path.lexists(unescaped) else table.parent / name


def _lines(text: TextIO, path: Path) -> Iterator[str]:
    """The lines of a file, of limited length."""
    while line := text.readline(_MAX_LINE):
        if len(line) == _MAX_LINE:
            raise DataError(f"{path} is not a CSV file: a line has {_MAX_LINE:,} characters")
        yield line
