"""Read a CSV table of labelled digits or pages, as programs, people and spreadsheets write it."""

import csv
import os
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import TextIO

from digits.errors import DataError, DigitsError
from digits.files import kind_of
from digits.inference.interface import SYMBOLS
from digits.text import unescape_name

_DIGITS = list("0123456789")
_SEPARATORS = ",;\t"  # spreadsheets write semicolons where the comma is decimal
_UTF_16 = b"\xff\xfe", b"\xfe\xff"  # byte order marks of spreadsheets
_MAX_LINE = 1 << 16  # characters; two paths have at most 8,192
_START = 1024  # bytes, in which a picture has a zero, and text has none
_MAX_SHOWN = 200  # characters of a wrong header
_MAX_SYMBOLS = 4096  # of a page; comparing two such texts takes 0.5 s
_VARIANTS = str.maketrans(",\u2212\u2013", ".--")  # the comma, the minus sign and the dash


def rows(path: Path, on_error: Callable[[DigitsError], None]) -> Iterator[tuple[Path, int]]:
    """Yield each picture and its digit.

    The header names the columns `file` (relative to the table) and `digit`, in any case; commas,
    semicolons or tabs separate them, and the text is UTF-8 or UTF-16. on_error: called for each
    invalid row. Raises DataError if it isn't such a table.
    """
    for line, row, _ in _rows(path, "digit"):
        name, digit = row.get("file"), row.get("digit")
        if name and digit in _DIGITS:
            yield _picture(path, name), _DIGITS.index(digit)
        elif any(row.values()):
            on_error(DataError(f"{path}, line {line}: file or digit is missing"))


def page_rows(path: Path, on_error: Callable[[DigitsError], None]) -> Iterator[tuple[Path, str]]:
    """Yield each page and what is written on it, in the form of `Reading.text`.

    The table is as for `rows`, with the column `text` instead of `digit`: digits, minus signs, and
    points or commas. There `/` or a line break begins a line, and a blank a column; it is empty for
    a page without any symbol.
    """
    for line, row, has_more in _rows(path, "text"):
        name, text = row.get("file"), row.get("text")
        try:
            if has_more:  # such as those after an unquoted decimal comma
                raise DataError("more cells than columns; a text with a separator needs quotes")
            if name and text is not None:
                yield _picture(path, name), _page_text(text)
            elif any(row.values()):
                raise DataError("file or text is missing")
        except DataError as error:
            on_error(DataError(f"{path}, line {line}: {error}"))


def _page_text(written: str) -> str:
    """Raises DataError if there is anything but symbols, or too many."""
    text = written.replace("/", "\n").translate(_VARIANTS)
    symbols = "".join(text.split())
    if unknown := sorted({*symbols} - {*SYMBOLS}):
        raise DataError(f"the text may have digits, minus signs and points, not {unknown[0]!r}")
    if len(symbols) > _MAX_SYMBOLS:
        raise DataError(f"the text has {len(symbols):,} symbols; at most {_MAX_SYMBOLS:,} are read")
    lines = ("  ".join(line.split()) for line in text.splitlines())
    return "\n".join(filter(None, lines))


def _rows(path: Path, label: str) -> Iterator[tuple[int, dict[str, str], bool]]:
    """Yield the number of each row's first line, its cells by column, and whether it has others.

    label: the column that is needed beside `file`. Raises DataError as `rows` does.
    """
    try:
        if path.exists() and not path.is_file():
            raise DataError(f"{path} is {kind_of(path)}, not a CSV file")
        with path.open("rb") as file:
            start = file.read(_START)
        wide = start.startswith(_UTF_16)
        if b"\0" in start and not wide:
            raise DataError(f"{path} is not a CSV file: it is not text")
        encoding, errors = ("utf-16", "replace") if wide else ("utf-8-sig", "surrogateescape")
        with path.open(newline="", encoding=encoding, errors=errors) as text:
            yield from _parse(text, path, label)
    except OSError as error:
        raise DataError(f"can't read {path}: {error.strerror}") from error


def _parse(text: TextIO, path: Path, label: str) -> Iterator[tuple[int, dict[str, str], bool]]:
    lines = _lines(text, path)
    first = next(lines, "")
    separator = _separator(first, path, label)
    reader = csv.reader(chain([first], lines), delimiter=separator, strict=True)
    begin = 1  # the line where the row begins
    try:
        columns = _columns(next(reader), path, label)
        begin = 1 + reader.line_num
        for cells in reader:
            row = dict(zip(columns, map(str.strip, cells), strict=False))
            yield begin, row, any(cells[len(columns) :])
            begin = 1 + reader.line_num
    except csv.Error as error:
        raise DataError(f"{path}, line {begin}: {error}; is a quote unclosed?") from error


def _separator(header: str, path: Path, label: str) -> str:
    by_separator = {one: next(csv.reader([header], delimiter=one), []) for one in _SEPARATORS}
    for separator, cells in by_separator.items():
        if {"file", label} <= set(map(_column, cells)):
            return separator
    likeliest = max(by_separator.values(), key=len)
    if not any(likeliest):
        raise DataError(f"{path} has no header with the columns file and {label}")
    shown = ", ".join(likeliest)[:_MAX_SHOWN]
    raise DataError(f"{path}: its columns are {shown}; needs file and {label}")


def _columns(header: list[str], path: Path, label: str) -> list[str]:
    columns = list(map(_column, header))
    for name in ("file", label):
        if columns.count(name) > 1:
            raise DataError(f"{path}: several columns are named {name}")
    if "confidence" in columns:
        raise DataError(
            f"{path} has predictions, not labels: correct the {label}s, and keep only the columns"
            f" file and {label}"
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
    for number, line in enumerate(iter(lambda: text.readline(_MAX_LINE), ""), 1):
        if len(line) == _MAX_LINE:
            raise DataError(f"{path} is not a CSV file: line {number} has {_MAX_LINE:,} characters")
        yield line
