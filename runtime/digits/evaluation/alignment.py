"""What was read, paired with what is written, with as few errors as possible."""

from typing import NamedTuple

import numpy as np

INVENTED = -1  # instead of a partner


class Score(NamedTuple):
    """How a reading differs from what is written.

    symbols: how many are written. missed: of these, how many nothing was read for. wrong: how many
    were read as something else. invented: what was read where nothing is.
    """

    symbols: int
    missed: int
    wrong: int
    invented: int

    @property
    def errors(self) -> int:
        return self.missed + self.wrong + self.invented


class Alignment(NamedTuple):
    """The symbols read, paired with those that are written, both without blanks and lines.

    partners: for each symbol read the place of the one written, or INVENTED; those without a
    partner are missed.
    """

    read: str
    written: str
    partners: list[int]

    @property
    def right(self) -> list[bool]:
        """Whether each symbol read is right."""
        return [
            partner != INVENTED and symbol == self.written[partner]
            for symbol, partner in zip(self.read, self.partners, strict=True)
        ]

    @property
    def score(self) -> Score:
        paired = sum(partner != INVENTED for partner in self.partners)
        missed, invented = len(self.written) - paired, len(self.read) - paired
        return Score(len(self.written), missed, paired - sum(self.right), invented)


def align(read: str, written: str) -> Alignment:
    """Pair what was read with what is written, with as few errors as possible.

    Blanks and line breaks don't count. Of equally good alignments, it is one with the most symbols
    read right.

    >>> align("9128", "12 34").score
    Score(symbols=4, missed=1, wrong=1, invented=1)
    """
    read, written = "".join(read.split()), "".join(written.split())
    # An error costs more than all symbols that aren't read right, of which each costs 1 too.
    error = len(written) + 1
    missed = (error + 1) * np.arange(len(written) + 1, dtype=np.int32)
    codes = np.array([*map(ord, written)], np.int32)
    rows = [missed]  # the costs of pairing the first n symbols read with the first m written
    for symbol in read:
        row = rows[-1] + error
        np.minimum(row[1:], rows[-1][:-1] + (error + 1) * (codes != ord(symbol)), out=row[1:])
        # Or the cheapest at an earlier place, after which all symbols are missed.
        rows.append(np.minimum.accumulate(row - missed) + missed)
    partners, place = [INVENTED] * len(read), len(written)
    for index in range(len(read), 0, -1):
        row, before = rows[index], rows[index - 1]
        while place and row[place] == row[place - 1] + error + 1:
            place -= 1
        if row[place] != before[place] + error:
            place -= 1
            partners[index - 1] = place
    return Alignment(read, written, partners)
