"""Lists of allowed numbers, of up to millions, as automata."""

import os
import re
import zlib
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from digits import tables
from digits.constraints.automaton import State
from digits.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MAX_BYTES = 64 << 20  # of a file
_MAX_LINES = 1 << 20
_MAX_SYMBOLS = 64  # of a number
_NUMBER = re.compile(r"(?!.*\..*\.)-?\.?[0-9]+(?:[-.][0-9]+)*\.?")  # or a date, as 2026-11-28


class AllowedNumbers:
    """Accepts the numbers of a list, as they are written there. A state is the text so far."""

    start: State = ""

    def __init__(self, numbers: Iterable[str]) -> None:
        """Raises ValueError for what is no number, and if there are none."""
        if isinstance(numbers, str) or not isinstance(numbers, Iterable):
            raise ValueError(f"the numbers are a list of texts, not {numbers!r:.20}")
        self._numbers = _sorted(map(_number, numbers))

    @classmethod
    def load(cls, path: Path, column: str | None = None) -> "AllowedNumbers":
        """Read a file with a number a line, or a CSV table with one a row.

        column: the table's; without, its only one, or `number`. Raises DataError if it can't be
        read, or is no such list.
        """
        with tables.open_table(path) as text:
            if os.fstat(text.fileno()).st_size > _MAX_BYTES:
                raise DataError(f"{path} has over {_MAX_BYTES >> 20} MB, too much for a list")
            raw = text.buffer.read().replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if raw.count(b"\n") > _MAX_LINES:
            raise DataError(f"{path} has over {_MAX_LINES:,} lines, too many for a list")
        numbers = raw.split()
        is_plain = not raw.translate(None, b"0123456789\n") and column is None
        if not is_plain or any(len(number) > _MAX_SYMBOLS for number in numbers):
            numbers = []  # else a million are read at once
            for line, cell in tables.list_cells(path, column):
                try:
                    numbers.append(_number(cell))
                except ValueError as error:
                    raise DataError(f"{path}, line {line}: {error}") from error
        allowed = cls.__new__(cls)
        try:
            allowed._numbers = _sorted(numbers)
        except ValueError as error:
            raise DataError(f"{path}: {error}") from error
        return allowed

    def without_signs(self) -> "AllowedNumbers":
        """The digits of each number."""
        lines = b"\n".join(self._numbers.tolist())
        digits = lines.translate(None, b"-.")
        return self if digits == lines else AllowedNumbers(digits.decode().split())

    def __repr__(self) -> str:
        checksum = zlib.crc32(self._numbers.tobytes())
        return f"<{len(self._numbers):,} allowed numbers, CRC {checksum:08x}>"

    def step(self, state: State, symbol: str) -> State | None:
        text = f"{state}{symbol}"
        is_short = len(text) <= self._numbers.itemsize  # else NumPy would copy all to compare
        return text if is_short and self._at(text).startswith(text.encode()) else None

    def accepts(self, state: State) -> bool:
        text = str(state)
        return self._at(text) == text.encode()

    def _at(self, text: str) -> bytes:
        """The number itself, or the next one in alphabetical order; nothing after the last."""
        index = self._numbers.searchsorted(text.encode())
        return self._numbers[index] if index < len(self._numbers) else b""

    def count(self, length: int) -> int:
        """How many have so many symbols."""
        return int(self._counts[length]) if length < len(self._counts) else 0

    @cached_property
    def _counts(self) -> "NDArray[np.int64]":
        import numpy as np

        return np.bincount(np.char.str_len(self._numbers))


def _number(text: str) -> bytes:
    """Empty if the text is blank."""
    if not isinstance(text, str):
        raise ValueError(f"{text!r:.20} is no text, such as '007'")
    number = tables.plain_signs(text.strip())
    if number and not _NUMBER.fullmatch(number) or re.search(",[0-9]{4}", text):  # two numbers
        raise ValueError(f"{text[:20]!r} is no number")
    if len(number) > _MAX_SYMBOLS:
        raise ValueError(f"a number has over {_MAX_SYMBOLS} digits and signs")
    return number.encode()


def _sorted(numbers: Iterable[bytes]) -> "NDArray[np.bytes_]":
    """In alphabetical order, once each, without the empty ones. Raises ValueError for none."""
    import numpy as np  # without a list, `watch` needs none but in its worker

    if not (given := [*filter(None, numbers)]):
        raise ValueError("there is no number")
    ordered = np.sort(np.array(given))
    once: NDArray[np.bytes_] = ordered[np.append(True, ordered[1:] != ordered[:-1])]
    return once
