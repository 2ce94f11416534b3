"""Lists of allowed numbers, of up to a million."""

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from digits import tables
from digits.errors import DataError

_MAX_LINES = 1 << 20
_MAX_SYMBOLS = 64  # of a number
_NUMBER = re.compile(r"(?!.*\..*\.)-?\.?[0-9]+(?:[-.][0-9]+)*\.?")  # or a date, as 2026-11-28


class AllowedNumbers:
    """The numbers of a list, as they are written there.

    numbers: each of them once.
    repeated: the first number that is there twice, or empty.
    """

    def __init__(self, numbers: Iterable[str]) -> None:
        """Parse numbers. Raises ValueError for what is no number, and if there are none."""
        if isinstance(numbers, str) or not isinstance(numbers, Iterable):
            raise ValueError(f"the numbers are a list of texts, not {numbers!r:.20}")
        counts = Counter(filter(None, map(_parse, numbers)))
        if not counts:
            raise ValueError("there is no number")
        self.numbers = frozenset(counts)
        self.repeated = next((number for number, count in counts.items() if count > 1), "")
        self._lengths = Counter(map(len, counts))

    @classmethod
    def load(cls, path: Path, column: str | None = None) -> "AllowedNumbers":
        """Read a file with a number a line, or a CSV table with one a row.

        column: which of the table's; None for its only one, or `number`. Raises DataError if the
        file can't be read, or is no such list.
        """
        line = 0

        def cells() -> Iterator[str]:
            nonlocal line
            for line, cell in tables.list_cells(path, column):
                if line > _MAX_LINES:
                    raise DataError(f"{path} has over {_MAX_LINES:,} lines, too many for a list")
                yield cell

        try:
            return cls(cells())
        except ValueError as error:
            raise DataError(f"{path}, line {max(line, 1)}: {error}") from error

    @classmethod
    def parse(cls, text: str, folder: Path = Path()) -> "AllowedNumbers":
        """Load FILE or FILE.csv:COLUMN. Raises ValueError for anything else, and DataError."""
        path, separator, column = text.rpartition(":")
        if text and (not separator or (folder / text).exists()):
            return cls.load(folder / text)
        if not path or not column.strip():
            raise ValueError(f"a list is FILE or FILE.csv:COLUMN, not {text!r}")
        return cls.load(folder / path, column)

    def without_signs(self) -> "AllowedNumbers":
        """The same numbers, of which only the digits are left."""
        return AllowedNumbers(map(digits_of, self))

    def __iter__(self) -> Iterator[str]:
        return iter(self.numbers)

    def __repr__(self) -> str:
        checksum = zlib.crc32("\n".join(sorted(self)).encode())
        return f"<{len(self.numbers):,} allowed numbers, CRC {checksum:08x}>"

    def count(self, length: int) -> int:
        """How many numbers have so many symbols."""
        return self._lengths[length]


def digits_of(number: str) -> str:
    """Leave out minus signs and points."""
    return number.replace("-", "").replace(".", "")


def _parse(text: str) -> str:
    """A number as it is written, but with a point and a minus sign; empty for a blank text."""
    if not isinstance(text, str):
        raise ValueError(f"{text!r:.20} is no text, such as '007'")
    if text.isdigit() and text.isascii() and len(text) <= _MAX_SYMBOLS:  # as a million may be
        return text
    number = tables.plain_number(text)
    if number and not _NUMBER.fullmatch(number) or re.search(",[0-9]{4}", text):  # two numbers
        raise ValueError(f"{text[:20]!r} is no number")
    if len(number) > _MAX_SYMBOLS:
        raise ValueError(f"a number has over {_MAX_SYMBOLS} digits and signs")
    return number
