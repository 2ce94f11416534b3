"""The one dialect of tables: rows as they are written, and read as spreadsheets change them."""

import csv
import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TextIO

from digits.errors import DataError, reporting
from digits.text import escape, escape_name, unescape_name

# What makes a spreadsheet compute a cell, or a part of it where `;` separates cells, but no number.
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = r"(?:^|(?<=;))(?!-?[0-9.]+\Z)[-+=@\uff0b\uff0d\uff1d\uff20]"
_SEPARATORS = ",;\t"  # spreadsheets write semicolons where the comma is decimal
_UTF_16 = b"\xff\xfe", b"\xfe\xff"  # byte order marks of spreadsheets
_MAX_LINE = 1 << 16  # characters; two paths have at most 8,192
_TITLE = re.compile(r"\W*[^\W\d]|\D*\Z")  # begins with a letter, or has no digit
_HEADER = re.compile(rb"[^\0\r\n]*[,;\t][^\0\r\n]*[\r\n]")  # which a picture's beginning isn't
_START = 1024  # bytes, in which a picture has a zero
_VARIANTS = str.maketrans(",\u2212\u2013", ".--")  # the comma, the minus sign and the dash


def csv_row(cells: Iterable[object]) -> str:
    """Format a line of CSV, without its line end: no formulas, and six decimals of a float.

    >>> csv_row(["=1+1", 0.5, None, "a,b"])
    '\\\\x3d1+1,0.500000,,"a,b"'
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(map(_cell, cells))
    return text.getvalue()


def csv_name(file: str) -> str:
    """Escape a file name as a cell."""
    return _escape_formula(escape_name(file))


def csv_cells(line: str) -> list[str]:
    """The cells of a line of CSV. Raises ValueError if it is malformed."""
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error as error:
        raise ValueError(str(error)) from error


def header(path: Path, *sought: str) -> list[str]:
    """The columns' names, in small letters. sought: those that may be there."""
    with _open(path) as (title, _):
        return _header(title, sought)[1]


def rows(path: Path, *needed: str) -> Iterator[tuple[int, dict[str, str], bool]]:
    """Yield the number of each row's first line, its cells by column, and whether it has others.

    needed: columns that the table must have. Raises DataError if it isn't such a table.
    """
    with _open(path) as (title, lines):
        separator, columns = _header(title, needed)
        _check_columns(columns, path, needed)
        reader = csv.reader(lines, delimiter=separator, strict=True)
        begin = 2  # the line where the row begins
        try:
            for cells in reader:
                row = dict(zip(columns, map(str.strip, cells), strict=False))
                yield begin, row, any(cells[len(columns) :])
                begin = 2 + reader.line_num
        except csv.Error as error:
            raise DataError(f"{path}, line {begin}: {error}; is a quote unclosed?") from error


def list_cells(path: Path, column: str | None = None) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each number in a list.

    The list is plain, a number a line, or a table. column: the table's; without, it
    is `number`. A title begins with a letter, or has no digit. Raises DataError if it is no list.
    """
    column = column and column.strip().lower()
    with _open(path) as (title, lines):
        _, names = _header(title, ())
        has_title = column is not None or _TITLE.match(title) is not None
        if not has_title or len(names) < 2 and column in (None, *names):
            lines = lines if has_title else chain([title], lines)
            for number, line in enumerate(lines, 1 + has_title):
                yield number, line.strip().strip('"')
            return
    for number, row, has_more in rows(path, column or "number"):
        if has_more:  # such as those after an unquoted decimal comma
            raise DataError(f"{path}, line {number}: more cells than columns")
        yield number, row.get(column or "number", "")


def plain_signs(text: str) -> str:
    """The text with points for commas, and minus signs as on a keyboard."""
    return text.translate(_VARIANTS)


def find_file(name: str, *folders: Path) -> Path:
    """The first file of this name, escaped as in results or not, in these folders."""
    paths = [folder / each for folder in folders for each in (unescape_name(name), name)]
    return next(filter(os.path.isfile, paths), paths[1])


@contextmanager
def _open(path: Path) -> Iterator[tuple[str, Iterator[str]]]:
    """The first line and the others. Raises DataError for what isn't text or can't be read."""
    with reporting(f"read {path}", DataError):
        if path.exists() and not path.is_file():
            raise DataError(f"{path} is not a file")
        with path.open("rb") as file:
            start = file.read(_START)
        wide = start.startswith(_UTF_16)
        if b"\0" in start and not (wide or _HEADER.match(start)):
            raise DataError(f"{path} is not a CSV file: it is not text")
        encoding, errors = ("utf-16", "replace") if wide else ("utf-8-sig", "surrogateescape")
        with path.open(newline="", encoding=encoding, errors=errors) as text:
            lines = _lines(text, path)
            yield next(lines, ""), lines


def _cell(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.6f}"
    return _escape_formula(value) if isinstance(value, str) else value


def _escape_formula(cell: str) -> str:
    return re.sub(_FORMULA, escape, cell)


def _lines(text: TextIO, path: Path) -> Iterator[str]:
    """The lines of a file, of limited length; an empty one for each that a power cut has torn."""
    for number, line in enumerate(iter(lambda: text.readline(_MAX_LINE), ""), 1):
        if len(line) == _MAX_LINE and "\0" not in line:
            raise DataError(f"{path} is not a CSV file: line {number} has {_MAX_LINE:,} characters")
        yield "\n" if "\0" in line else line


def _header(title: str, sought: Sequence[str]) -> tuple[str, list[str]]:
    """What separates most of the names that are sought, or else most names; and the names."""
    headers = {}
    for mark in _SEPARATORS:
        cells = next(csv.reader([title], delimiter=mark), [])
        headers[mark] = [cell.strip().lower() for cell in cells]
    return max(headers.items(), key=lambda each: (len({*sought} & {*each[1]}), len(each[1])))


def _check_columns(columns: list[str], path: Path, needed: tuple[str, ...]) -> None:
    wanted = " and ".join(needed)
    if not {*needed} <= {*columns}:
        shown = ", ".join(columns)[:200] or "none"
        raise DataError(f"{path}: its columns are {shown}; needs {wanted}")
    for name in needed:
        if columns.count(name) > 1:
            raise DataError(f"{path}: several columns are named {name}")
    if "file" in needed and {"confidence", "probability"} & {*columns}:
        raise DataError(
            f"{path} has predictions, not labels: correct the {needed[-1]}s, and keep only the"
            f" columns {wanted}"
        )
