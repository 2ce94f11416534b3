"""Lists of allowed numbers, of up to a million, as automata."""

import re
import zlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from digits import tables
from digits.constraints.automaton import State
from digits.errors import DataError

_MAX_LINES = 1 << 20
_MAX_SYMBOLS = 64  # of a number
_NUMBER = re.compile(r"(?!.*\..*\.)-?\.?[0-9]+(?:[-.][0-9]+)*\.?")  # or a date, as 2026-11-28


class AllowedNumbers:
    """Accepts the numbers of a list, as they are written there. A state is the text so far.

    repeated: the first number that is there twice, or empty.
    """

    start: State = ""

    def __init__(self, numbers: Iterable[str]) -> None:
        """Sort numbers. Raises ValueError for what is no number, and if there are none."""
        import numpy as np  # without a list, `watch` needs none but in its worker

        if isinstance(numbers, str) or not isinstance(numbers, Iterable):
            raise ValueError(f"the numbers are a list of texts, not {numbers!r:.20}")
        parsed = [*filter(None, map(_parse, numbers))]
        if not parsed:
            raise ValueError("there is no number")
        # Sorted as a list, a million take twice as long as all the rest; np.unique, even longer.
        ordered = np.sort(np.array(parsed, np.bytes_))
        is_new = np.append(True, ordered[1:] != ordered[:-1])
        self._numbers = b"\n".join(ordered[is_new].tolist()).decode().split()
        self.repeated = b"".join(ordered[~is_new][:1].tolist()).decode()
        self._lengths = Counter(map(len, self._numbers))

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
        return AllowedNumbers(re.sub("[-.]", "", "\n".join(self._numbers)).split())

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __repr__(self) -> str:
        width = max(self._lengths)
        checksum = zlib.crc32("".join(n.ljust(width, "\0") for n in self._numbers).encode())
        return f"<{len(self._numbers):,} allowed numbers, CRC {checksum:08x}>"

    def step(self, state: State, symbol: str) -> State | None:
        text = f"{state}{symbol}"
        return text if self._next(text).startswith(text) else None

    def accepts(self, state: State) -> bool:
        return self._next(str(state)) == state

    def _next(self, text: str) -> str:
        """The first number that isn't before a text in alphabetical order, or an empty text."""
        index = bisect_left(self._numbers, text)
        return self._numbers[index] if index < len(self._numbers) else ""

    def count(self, length: int) -> int:
        """How many numbers have so many symbols."""
        return self._lengths[length]


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
