"""Lists of allowed numbers, of up to millions, as automata."""

import os
import re
import zlib
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from digits import tables
from digits.constraints.automaton import State
from digits.errors import DataError

_MAX_BYTES = 64 << 20  # of a file, and of the numbers in memory
_MAX_SYMBOLS = 64  # of a number
_NUMBER = re.compile(r"[0-9.-]*")
_FIRST_BYTES = np.array([(1 << 8 * count) - 1 for count in range(9)], "<u8")  # of a word


class AllowedNumbers:
    """Accepts the numbers of a list, as they are written there. A state is the text so far."""

    start: State = ""

    def __init__(self, numbers: Iterable[str]) -> None:
        """Raises ValueError for what is no number, and if there are none or too many."""
        if isinstance(numbers, str):
            raise ValueError("the numbers are a single text")
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
        if column is not None or lines.translate(None, b"0123456789-.\n"):
            lines = bytearray()  # else a million are read at once
            for line, cell in tables.list_cells(path, column):
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
    def _counts(self) -> npt.NDArray[np.int64]:
        return np.bincount(np.char.str_len(self._numbers))


def _line(number: str) -> bytes:
    text = tables.plain_signs(number.strip())
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{number[:20]!r} is no number")
    if len(text) > _MAX_SYMBOLS:
        raise ValueError(f"a number has over {_MAX_SYMBOLS} digits and signs")
    return text.encode() + b"\n"


def _sorted(lines: bytes | bytearray) -> npt.NDArray[np.bytes_]:
    """The lines in alphabetical order, once each, without the blank ones.

    Raises ValueError if there are none, or they are too long or too many.
    """
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
    for column in range(size):  # zeros after a number's end
        words[:, column] &= _FIRST_BYTES[np.clip(lengths, 8 * column, 8 * column + 8) - 8 * column]
    if size == 1:  # which is compared faster as a number
        words.byteswap(inplace=True)
        words.sort(axis=0, kind="stable")  # at once if they are in order already
        words = words[np.append(True, words[1:] != words[:-1])].byteswap(inplace=True)
    numbers: npt.NDArray[np.bytes_] = words.view(f"S{8 * size}")[:, 0]
    if size > 1:
        numbers.sort(kind="stable")
        numbers = numbers[np.append(True, numbers[1:] != numbers[:-1])]
    return numbers
