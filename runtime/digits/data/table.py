"""A table of labelled pictures: CSV as programs, people and spreadsheets write it."""

import csv
import os
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import TextIO

from digits.errors import DataError, DigitsError
from digits.names import unescape_name

_NEEDED = {"file", "digit"}
_DIGITS = list("0123456789")
_SEPARATORS = ",;\t"  # where a comma stands in numbers, spreadsheets write semicolons
_UTF_16 = b"\xff\xfe", b"\xfe\xff"  # as spreadsheets mark it
_LINE = 1 << 16  # characters; two paths of the longest kind have 8,192
_SHOWN = 200  # characters of a header that isn't one


def rows(path: Path, report: Callable[[DigitsError], None]) -> Iterator[tuple[Path, int]]:
    """Each picture and its digit. report: called with what costs one row.

    The header names the columns `file`, relative to the table, and `digit`, in small or capital
    letters. Commas, semicolons or tabs separate them; the text is UTF-8 or UTF-16.

    Raises DataError when it is no such table.
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
                    report(DataError(f"{path}, line {reader.line_num}: no file, or no digit"))
    except OSError as error:
        raise DataError(f"can't read {path}: {error.strerror}") from error
    except csv.Error as error:
        raise DataError(f"{path}: {error}; is a quotation mark left open?") from error


def _separator(header: str, path: Path) -> str:
    by_separator = {one: next(csv.reader([header], delimiter=one), []) for one in _SEPARATORS}
    for separator, cells in by_separator.items():
        if set(map(_column, cells)) >= _NEEDED:
            return separator
    likeliest = max(by_separator.values(), key=len)
    if not any(likeliest):
        raise DataError(f"{path} has no header with the columns file and digit")
    shown = ", ".join(likeliest)[:_SHOWN]
    raise DataError(f"{path}: its columns are {shown}; file and digit are needed")


def _columns(header: list[str], path: Path) -> list[str]:
    columns = list(map(_column, header))
    for name in sorted(_NEEDED):
        if columns.count(name) > 1:
            raise DataError(f"{path}: several of its columns are called {name}")
    if "confidence" in columns:
        raise DataError(
            f"{path} holds what a network said, not what is written there: correct the digits, and"
            " keep the columns file and digit alone"
        )
    return columns


def _column(cell: str) -> str:
    return cell.strip().lower()


def _picture(table: Path, name: str) -> Path:
    """The file that is called so in results, of which many a table is made; or else just so."""
    unescaped = table.parent / unescape_name(name)
    return unescaped if os.path.lexists(unescaped) else table.parent / name


def _lines(text: TextIO, path: Path) -> Iterator[str]:
    """The lines of a file, of which none may fill the memory."""
    while line := text.readline(_LINE):
        if len(line) == _LINE:
            raise DataError(f"{path} is not a CSV file: it has a line of {_LINE:,} characters")
        yield line
