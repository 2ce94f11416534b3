"""The one dialect of tables: rows as they are written, and read as spreadsheets change them."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TextIO

from digits.errors import DataError, reporting
from digits.images.formats import split_page
from digits.text import escape, escape_name

# What makes a spreadsheet compute a cell, or a part of it where `;` separates cells, but no number.
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = r"(?:^|(?<=;))(?!-?[0-9.]+\Z)[-+=@\uff0b\uff0d\uff1d\uff20]"
_ESCAPED_FORMULA = r"(?:^|(?<=;))\\(x2b|x2d|x3d|x40|uff0b|uff0d|uff1d|uff20)"
_SEPARATORS = ",;\t"  # spreadsheets write semicolons where the comma is decimal
_UTF_16 = b"\xff\xfe", b"\xfe\xff"  # byte order marks of spreadsheets
_MAX_LINE = 1 << 16  # characters; two paths have at most 8,192
_TITLE = re.compile(r"\W*[^\W\d]|\D*\Z")  # begins with a letter, or has no digit
_HEADER = re.compile(rb"[^\0\r\n]*[,;\t][^\0\r\n]*[\r\n]")  # which a picture's beginning isn't
_START = 1024  # bytes, in which a picture has a zero
_TWO_READINGS = re.compile(r"-?[1-9][0-9]{0,2},[0-9]{3}")  # by the comma
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
    """Split a line of CSV into its cells, as they are. Raises ValueError if it is malformed."""
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error as error:
        raise ValueError(str(error)) from error


def header(path: Path, *expected: str) -> list[str]:
    """Return the names of the columns, in small letters. expected: those that may be there."""
    with _open(path) as (title, _):
        return _split_title(title, expected)[1]


def rows(path: Path, *required: str) -> Iterator[tuple[int, dict[str, str], bool]]:
    """Yield the number of each row's first line, its cells by column, and whether it has others.

    Cells are as they were before `csv_row` escaped formulas. required: columns that the table must
    have. Raises DataError if it isn't such a table.
    """
    with _open(path) as (title, lines):
        separator, columns = _split_title(title, required)
        _check_columns(columns, path, required)
        reader = csv.reader(lines, delimiter=separator, strict=True)
        first_line = 2
        try:
            for cells in reader:
                row = dict(zip(columns, map(_unescape_formula, cells), strict=False))
                yield first_line, row, any(cells[len(columns) :])
                first_line = 2 + reader.line_num
        except csv.Error as error:
            message = f"{path}, line {first_line}: {error}; is a quote unclosed?"
            raise DataError(message) from error


def list_cells(path: Path, column: str | None = None) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each number in a list.

    The list is plain, a number a line, or a table. column: the table's; without, it
    is `number`. A title begins with a letter, or has no digit. Raises DataError if it is no list.
    """
    column = column and column.strip().lower()
    with _open(path) as (title, lines):
        _, names = _split_title(title, ())
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
    """Replace commas by points, and dashes and minus signs by the keyboard's."""
    return text.translate(_VARIANTS)


def plain_number(text: str) -> str:
    """Strip a number, and replace its signs. Raises ValueError if 1,000 may be 1000 or 1.000."""
    number = text.strip()
    if _TWO_READINGS.fullmatch(number):
        whole, decimal = number.replace(",", ""), number.replace(",", ".")
        raise ValueError(f"{number} may be {whole} or {decimal}: write one of these")
    return plain_signs(number)


def find_file(name: str, *folders: Path) -> Path:
    """Return the path in the first folder that has this file, else in the first.

    name: the file's, or that of a page in it, `scan.pdf#3`.
    """
    file = split_page(name).file
    folder = next((f for f in folders if (f / file).is_file()), folders[0])
    return folder / name


@contextmanager
def _open(path: Path) -> Iterator[tuple[str, Iterator[str]]]:
    """Yield the first line and the others. Raises DataError unless it is text that can be read."""
    with reporting(f"read {path}", DataError):
        if path.exists() and not path.is_file():
            raise DataError(f"{path} is not a file")
        with path.open("rb") as file:
            start = file.read(_START)
        is_utf_16 = start.startswith(_UTF_16)
        if b"\0" in start and not (is_utf_16 or _HEADER.match(start)):
            raise DataError(f"{path} is not a CSV file: it is not text")
        encoding, errors = ("utf-16", "replace") if is_utf_16 else ("utf-8-sig", "surrogateescape")
        with path.open(newline="", encoding=encoding, errors=errors) as text:
            lines = _lines(text, path)
            yield next(lines, ""), lines


def _cell(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.6f}"
    return _escape_formula(value) if isinstance(value, str) else value


def _escape_formula(cell: str) -> str:
    return re.sub(_FORMULA, escape, cell)


def _unescape_formula(cell: str) -> str:
    """Strip a cell, and undo `_escape_formula`."""
    return re.sub(_ESCAPED_FORMULA, lambda match: chr(int(match[1][1:], 16)), cell.strip())


def _lines(text: TextIO, path: Path) -> Iterator[str]:
    """Yield lines of limited length; an empty one for each that a power cut has torn."""
    for number, line in enumerate(iter(lambda: text.readline(_MAX_LINE), ""), 1):
        if len(line) == _MAX_LINE and "\0" not in line:
            raise DataError(f"{path} is not a CSV file: line {number} has {_MAX_LINE:,} characters")
        yield "\n" if "\0" in line else line


def _split_title(title: str, expected: Sequence[str]) -> tuple[str, list[str]]:
    """Return the separator that gives most of the expected names, or else most names; and these."""
    splits = list[tuple[int, int, str, list[str]]]()
    for separator in _SEPARATORS:
        cells = next(csv.reader([title], delimiter=separator), [])
        names = [cell.strip().lower() for cell in cells]
        splits.append((len({*expected} & {*names}), len(names), separator, names))
    *_, separator, names = max(splits, key=lambda split: split[:2])
    return separator, names


def _check_columns(columns: list[str], path: Path, required: tuple[str, ...]) -> None:
    names = " and ".join(required)
    if not {*required} <= {*columns}:
        existing = ", ".join(columns)[:200] or "none"
        raise DataError(f"{path}: its columns are {existing}; needs {names}")
    for name in required:
        if columns.count(name) > 1:
            raise DataError(f"{path}: several columns are named {name}")
    if "file" in required and "confidence" in columns:
        raise DataError(
            f"{path} has predictions, not labels: correct the {required[-1]}s, and keep only the"
            f" columns {names}"
        )
