"""What people wrote with pens whose way was recorded, and who validates."""

import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DIGITS = "0123456789"

Stroke = NDArray[np.float32]  # [n, 2], x to the right, y down


class Writing(NamedTuple):
    """A character or a word.

    writer: DONOR/NAME. strokes: float32 [n, 2] each, x to the right, y down, in the tablet's units.
    """

    text: str
    writer: str
    strokes: Sequence[Stroke]

    @property
    def donor(self) -> str:
        """Who collected it: an institute, with pens and a country of its own."""
        return self.writer.partition("/")[0]


def held_out_donors(writings: Sequence[Writing], count: int = 4) -> set[str]:
    """The donors whose people validate and never train: by the CRC-32 of their names.

    As many of those with a hundred digits as of those with twenty whole numbers.
    """
    digits = Counter(writing.donor for writing in writings if is_digit(writing.text))
    numbers = Counter(writing.donor for writing in writings if is_number(writing.text))
    donors = set[str]()
    for counts, min_count in ((digits, 100), (numbers, 20)):
        eligible = sorted(donor for donor in counts if counts[donor] >= min_count)
        donors |= set(sorted(eligible, key=lambda name: zlib.crc32(name.encode()))[:count])
    return donors


def by_writer(writings: Iterable[Writing]) -> dict[str, list[Writing]]:
    """The writings of each person."""
    people = defaultdict[str, list[Writing]](list)
    for writing in writings:
        people[writing.writer].append(writing)
    return people


def is_digit(text: str) -> bool:
    return len(text) == 1 and text in DIGITS


def has_digit(text: str) -> bool:
    return any(character in DIGITS for character in text)


def is_number(text: str) -> bool:
    """Whether a text is a number of two digits or more, and nothing else."""
    return re.fullmatch("[0-9]{2,}", text) is not None
