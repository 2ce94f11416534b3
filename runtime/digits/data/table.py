"""Read a CSV table of labelled digits or pages, as programs, people and spreadsheets write it."""

import csv
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TextIO, TypeVar

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

OnError = Callable[[DigitsError], None]
_Label = TypeVar("_Label", int, str)


def has_pages(path: Path) -> bool:
    """Whether it is a table with the columns `file` and `text`, and no `digit`.

    Raises DataError if it is a file that isn't text or can't be read.
    """
    if not path.is_file():
        return False
    with _open(path) as text:
        headers = _split(next(_lines(text, path), "")).values()
    columns = [_names(header) for header in headers]
    return any({"file", "text"} <= {*names} and "digit" not in names for names in columns)


def rows(path: Path, on_error: OnError) -> Iterator[tuple[Path, int]]:
    """Yield each picture and its digit.

    The header names the columns `file` (relative to the table) and `digit`, in any case; commas,
    semicolons or tabs separate them, and the text is UTF-8 or UTF-16. on_error: called for each
    invalid row. Raises DataError if it isn't such a table.
    """
    return _labelled(path, "digit", _digit, on_error)


def page_rows(path: Path, on_error: OnError) -> Iterator[tuple[Path, str]]:
    """Yield each page and what is written on it, in the form of `Reading.text`.

    The table is as for `rows`, with the column `text` instead of `digit`: digits, minus signs, and
    points or commas. There `/` or a line break begins a line, and a blank a column; it is empty for
    a page without any symbol.
    """
    return _labelled(path, "text", _page_text, on_error)


def _digit(text: str) -> int:
    if text not in _DIGITS:
        raise DataError(f"the digit is {text[:20]!r}, not 0 to 9" if text else "digit is missing")
    return _DIGITS.index(text)


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


def _labelled(
    path: Path, label: str, parse: Callable[[str], _Label], on_error: OnError
) -> Iterator[tuple[Path, _Label]]:
    """Yield each file and its label. label: the column's name. parse: raises DataError."""
    for line, row, has_more in _rows(path, label):
        name, cell = row.get("file"), row.get(label)
        try:
            if has_more and label == "text":  # such as those after an unquoted decimal comma
                raise DataError("more cells than columns; a text with a separator needs quotes")
            if name and cell is not None:
                yield _picture(path, name), parse(cell)
            elif any(row.values()):
                raise DataError(f"file or {label} is missing")
        except DataError as error:
            on_error(DataError(f"{path}, line {line}: {error}"))


def _rows(path: Path, label: str) -> Iterator[tuple[int, dict[str, str], bool]]:
    """Yield the number of each row's first line, its cells by column, and whether it has others.

    label: the column that is needed beside `file`. Raises DataError as `rows` does.
    """
    with _open(path) as text:
        lines = _lines(text, path)
        header = next(lines, "")
        separator = _separator(header, path, label)
        reader = csv.reader(chain([header], lines), delimiter=separator, strict=True)
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


@contextmanager
def _open(path: Path) -> Iterator[TextIO]:
    """Open a table in its encoding. Raises DataError for what isn't text or can't be read."""
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
            yield text
    except OSError as error:
        raise DataError(f"can't read {path}: {error.strerror}") from error


def _lines(text: TextIO, path: Path) -> Iterator[str]:
    """The lines of a file, of limited length."""
    for number, line in enumerate(iter(lambda: text.readline(_MAX_LINE), ""), 1):
        if len(line) == _MAX_LINE:
            raise DataError(f"{path} is not a CSV file: line {number} has {_MAX_LINE:,} characters")
        yield line


def _split(header: str) -> dict[str, list[str]]:
    """The cells of a header by what may separate them."""
    return {mark: next(csv.reader([header], delimiter=mark), []) for mark in _SEPARATORS}


def _names(header: list[str]) -> list[str]:
    return [cell.strip().lower() for cell in header]


def _separator(header: str, path: Path, label: str) -> str:
    cells = _split(header)
    for separator in _SEPARATORS:
        if {"file", label} <= {*_names(cells[separator])}:
            return separator
    likeliest = max(cells.values(), key=len)
    if not any(likeliest):
        raise DataError(f"{path} has no header with the columns file and {label}")
    shown = ", ".join(likeliest)[:_MAX_SHOWN]
    raise DataError(f"{path}: its columns are {shown}; needs file and {label}")


def _columns(header: list[str], path: Path, label: str) -> list[str]:
    columns = _names(header)
    for name in ("file", label):
        if columns.count(name) > 1:
            raise DataError(f"{path}: several columns are named {name}")
    if "confidence" in columns:
        raise DataError(
            f"{path} has predictions, not labels: correct the {label}s, and keep only the columns"
            f" file and {label}"
        )
    return columns


def _picture(table: Path, name: str) -> Path:
    """The file of this name, which may be escaped as in results."""
    unescaped = table.parent / unescape_name(name)
    return unescaped if os.path.lexists(unescaped) else table.parent / name
