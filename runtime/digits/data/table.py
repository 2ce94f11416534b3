"""Read a CSV table of labelled digits or pages, as programs, people and spreadsheets write it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from digits import tables
from digits.errors import DataError, DigitsError
from digits.inference.interface import SYMBOLS
from digits.text import unescape_name

_DIGITS = list("0123456789")
_MAX_SYMBOLS = 4096  # of a page; comparing two such texts takes 0.5 s

OnError = Callable[[DigitsError], None]
_Label = TypeVar("_Label", int, str)


def has_pages(path: Path) -> bool:
    """Whether it is a table with the columns `file` and `text`, and no `digit`.

    Raises DataError if it is a file that isn't text or can't be read.
    """
    return has_column(path, "text") and not has_column(path, "digit")


def has_column(path: Path, label: str) -> bool:
    """Whether it is a table with the columns `file` and this one; raises as `has_pages` does."""
    if not path.is_file():
        return False
    return any({"file", label} <= {*names} for names in tables.headers(path))


def rows(path: Path, on_error: OnError) -> Iterator[tuple[Path, int]]:
    """Yield each picture and its digit.

    The header names the columns `file` (relative to the table) and `digit`, in any case; commas,
    semicolons or tabs separate them, and the text is UTF-8 or UTF-16. on_error: called for each
    invalid row. Raises DataError if it isn't such a table.
    """
    return _labelled(path, "digit", _digit, on_error)


def page_rows(path: Path, on_error: OnError, label: str = "text") -> Iterator[tuple[Path, str]]:
    """Yield each page and what is written on it, in the form of `Reading.text`.

    The table is as for `rows`, with the column `label` instead of `digit`: digits, minus signs, and
    points or commas. There `/` or a line break begins a line, and a blank a column; it is empty for
    a page without any symbol.
    """
    return _labelled(path, label, _page_text, on_error)


def _digit(text: str) -> int:
    if text not in _DIGITS:
        raise DataError(f"the digit is {text[:20]!r}, not 0 to 9" if text else "digit is missing")
    return _DIGITS.index(text)


def _page_text(written: str) -> str:
    """Raises DataError if there is anything but symbols, or too many."""
    text = tables.plain_signs(unescape_name(written).replace("/", "\n"))
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
    for line, row, has_more in tables.rows(path, "file", label):
        name, cell = row.get("file"), row.get(label)
        try:
            if has_more and label != "digit":  # such as those after an unquoted decimal comma
                raise DataError("more cells than columns; a text with a separator needs quotes")
            if name and cell is not None:
                yield _picture(path, name), parse(cell)
            elif any(row.values()):
                raise DataError(f"file or {label} is missing")
        except DataError as error:
            on_error(DataError(f"{path}, line {line}: {error}"))


def _picture(table: Path, name: str) -> Path:
    """The file of this name, which may be escaped as in results."""
    unescaped = table.parent / unescape_name(name)
    return unescaped if os.path.lexists(unescaped) else table.parent / name
