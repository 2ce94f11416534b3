"""Read a CSV table of labelled digits or pages, as programs, people and spreadsheets write it."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from digits import tables
from digits.errors import DataError, DigitsError
from digits.inference.interface import SYMBOLS

NO_DIGIT = 10  # the label of a picture without a digit

LABELS = [*"0123456789", "none"]  # of single pictures
_MAX_SYMBOLS = 4096  # of a page; comparing two such texts takes 0.5 s

OnError = Callable[[DigitsError], None]
Box = tuple[int, int, int, int]  # left, top, right and bottom
# A box, or None for the whole picture; the digit or text there; and the picture's group, or "".
Label = tuple[Box | None, str, str]


def has_column(path: Path, column: str) -> bool:
    """Whether it is a table with `file` and another column.

    Raises DataError if it is a file that isn't text or can't be read.
    """
    if not path.is_file():
        return False
    return {"file", column} <= {*tables.header(path, "file", column)}


def read_labels(
    path: Path, on_error: OnError, column: str = "digit"
) -> Iterator[tuple[Path, Label]]:
    """Yield each picture of a table, and its label: the text in a column.

    The header names the columns in any case; commas, semicolons or tabs separate them, and the text
    is UTF-8 or UTF-16. A file is sought beside the table, then in the current folder. A digit is
    one of LABELS. Any other text says what is written on a page: digits, minus signs, and points or
    commas; `/` or a line break begins a line, and a blank a column; it is yielded in the form of
    `Reading.text`, empty for a page without any symbol. The column `box`, if there is one, says
    where that is written ("left top right bottom", in pixels of the upright picture). Pictures with
    the same text in the column `group`, if there is one, belong together.

    on_error: called for each invalid row.
    column: the name of the labels' column.

    Raises DataError if it isn't such a table.
    """
    parse = _digit if column == "digit" else page_text
    has_boxes = column != "digit" and has_column(path, "box")
    required = ("file", "box", column) if has_boxes else ("file", column)
    for line, row, has_more in tables.rows(path, *required):
        try:
            if has_more and column != "digit":  # such as those after an unquoted decimal comma
                raise DataError("more cells than columns; a text with a separator needs quotes")
            if row.get("file") and {*required} <= {*row}:
                box = _box(row["box"]) if has_boxes else None
                file = tables.find_file(row["file"], path.parent, Path())
                yield file, (box, parse(row[column]), row.get("group", ""))
            elif any(row.values()):
                raise DataError(f"{' or '.join(required)} is missing")
        except DataError as error:
            on_error(DataError(f"{path}, line {line}: {error}"))


def _box(text: str) -> Box:
    sides = re.fullmatch(r"([0-9]{1,6}) +([0-9]{1,6}) +([0-9]{1,6}) +([0-9]{1,6})", text)
    left, top, right, bottom = map(int, sides.groups()) if sides else (0, 0, 0, 0)
    if left >= right or top >= bottom:
        raise DataError(f"the box is {text[:40]!r}, not left, top, right and bottom in pixels")
    return left, top, right, bottom


def _digit(text: str) -> str:
    if text not in LABELS:
        raise DataError(f"the digit is {text[:20]!r}, not 0 to 9 or none")
    return text


def page_text(label: str) -> str:
    """Return a label in the form of `Reading.text`.

    Raises DataError if there is anything but symbols, or too many.
    """
    text = tables.normalize_signs(label.replace("/", "\n"))
    symbols = "".join(text.split())
    if unknown := sorted({*symbols} - {*SYMBOLS}):
        raise DataError(f"the text may have digits, minus signs and points, not {unknown[0]!r}")
    if len(symbols) > _MAX_SYMBOLS:
        raise DataError(f"the text has {len(symbols):,} symbols; at most {_MAX_SYMBOLS:,} are read")
    lines = ("  ".join(line.split()) for line in text.splitlines())
    return "\n".join(filter(None, lines))
