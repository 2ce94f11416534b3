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

_MAX_BYTES = 64 << 20  # of a file, and of the numbers in memory
_MAX_LINES = 2_000_000  # of a file that has more than digits; they take 3 seconds
_MAX_SYMBOLS = 64  # of a number
_NUMBER = re.compile(r"(?!.*\..*\.)-?\.?[0-9]+(?:[-.][0-9]+)*\.?")  # or a date, as 2026-11-28


class AllowedNumbers:
    """Accepts the numbers of a list, as they are written there. A state is the text so far."""

    start: State = ""

    def __init__(self, numbers: Iterable[str]) -> None:
        """Raises ValueError for what is no number, and if there are none or too many."""
        if isinstance(numbers, str) or not isinstance(numbers, Iterable):
            raise ValueError(f"the numbers are a list of texts, not {numbers!r:.20}")
        self._numbers = _sorted(b"".join(map(_line, numbers)))

    @classmethod
    def load(cls, path: Path, column: str | None = None) -> "AllowedNumbers":
        """Read a file with a number a line, or a CSV table with one a row.

        column: the table's; without, its only one, or `number`. Raises DataError if it can't be
        read, or is no such list.
        """
        with tables.open_table(path) as text:
            if os.fstat(text.fileno()).st_size > _MAX_BYTES:
                raise DataError(f"{path} has over {_MAX_BYTES >> 20} MB, too much for a list")
            lines: bytes | bytearray = text.buffer.read()
        lines = lines.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if column is not None or lines.translate(None, b"0123456789\n"):
            lines = bytearray()  # else a million are read at once
            for line, cell in tables.list_cells(path, column):
                if line > _MAX_LINES:
                    raise DataError(f"{path} has over {_MAX_LINES:,} lines, too many for a list")
                try:
                    lines += _line(cell)
                except ValueError as error:
                    raise DataError(f"{path}, line {line}: {error}") from error
        allowed = cls.__new__(cls)
        try:
            allowed._numbers = _sorted(lines)
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
        return text if self._at(text).startswith(text.encode()) else None

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


def _line(number: str) -> bytes:
    if not isinstance(number, str):
        raise ValueError(f"{number!r:.20} is no text, such as '007'")
    text = tables.plain_signs(number.strip())
    if text and not _NUMBER.fullmatch(text) or re.search(",[0-9]{4}", number):  # two numbers
        raise ValueError(f"{number[:20]!r} is no number")
    if len(text) > _MAX_SYMBOLS:
        raise ValueError(f"a number has over {_MAX_SYMBOLS} digits and signs")
    return text.encode() + b"\n"


def _sorted(lines: bytes | bytearray) -> "NDArray[np.bytes_]":
    """The lines in alphabetical order, once each, without the blank ones.

    Raises ValueError if there are none, or they are too long or too many.
    """
    import numpy as np  # without a list, `watch` needs none but in its worker

    symbols = np.frombuffer(lines + b"\n" + bytes(_MAX_SYMBOLS), np.uint8)
    ends = np.flatnonzero(symbols == ord("\n"))
    lengths = np.diff(ends, prepend=-1) - 1
    if lengths.max() > _MAX_SYMBOLS:
        raise ValueError(f"line {lengths.argmax() + 1} has over {_MAX_SYMBOLS} digits and signs")
    lengths = lengths.astype(np.uint8)  # as memory counts here
    starts = (ends - lengths)[lengths > 0]
    lengths = lengths[lengths > 0]
    del ends
    if not len(lengths):
        raise ValueError("there is no number")
    longest = int(lengths.max())
    size = -(-longest // 8)  # in words of eight bytes, with which NumPy is fast
    if 8 * size * len(lengths) > _MAX_BYTES:
        raise ValueError(f"{len(lengths):,} numbers of up to {longest} symbols are too many")
    words = np.lib.stride_tricks.sliding_window_view(symbols, 8 * size)[starts].view("<u8")
    del symbols, starts
    first_bytes = np.array([(1 << 8 * count) - 1 for count in range(9)], "<u8")  # of a word
    for column in range(size):  # zeros after a number's end
        words[:, column] &= first_bytes[np.clip(lengths, 8 * column, 8 * column + 8) - 8 * column]
    if size == 1:  # which sorts faster as a number
        words.byteswap(inplace=True)
        words.sort(axis=0, kind="stable")
        words.byteswap(inplace=True)
    numbers: NDArray[np.bytes_] = words.view(f"S{8 * size}")[:, 0]
    numbers.sort(kind="stable")  # at once if they are in order already
    numbers = numbers[np.append(True, numbers[1:] != numbers[:-1])]
    return numbers
