"""What was read, paired with what is written, with as few errors as possible."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

UNMATCHED = -1  # instead of a partner


class Score(NamedTuple):
    """How a reading differs from what is written.

    symbols: how many are written.
    deletions: for how many of these nothing was read.
    substitutions: how many of these were read as something else.
    insertions: how many were read where nothing is written.
    """

    symbols: int
    deletions: int
    substitutions: int
    insertions: int

    @property
    def errors(self) -> int:
        return self.deletions + self.substitutions + self.insertions


class Alignment(NamedTuple):
    """What was read, paired with what is written.

    right: for each symbol that was read, whether it is what is written.
    partners: for each symbol that was read, the index of the written one, or UNMATCHED. Written
        symbols that are nobody's partner are deletions.
    """

    score: Score
    right: list[bool]
    partners: list[int]


def align(read: Sequence[str], written: Sequence[str]) -> Alignment:
    """Pair symbols, or numbers, with as few errors as possible.

    Blanks and line breaks don't count. Of equally good alignments, it is one with the most symbols
    read right.

    >>> align("9128", "12 34").score
    Score(symbols=4, deletions=1, substitutions=1, insertions=1)
    """
    read = [symbol for symbol in read if not symbol.isspace()]
    written = [symbol for symbol in written if not symbol.isspace()]
    numbers = {symbol: number for number, symbol in enumerate({*read, *written})}
    codes = np.array([numbers[symbol] for symbol in written], np.int32)
    # An error costs more than all symbols that aren't read right, of which each costs 1 too.
    error = len(written) + 1
    deleted = (error + 1) * np.arange(len(written) + 1, dtype=np.int32)
    rows = [deleted]  # the costs of pairing the first n symbols read with the first m written
    for symbol in read:
        row = rows[-1] + error
        is_wrong = codes != numbers[symbol]
        np.minimum(row[1:], rows[-1][:-1] + (error + 1) * is_wrong, out=row[1:])
        # Or the cheapest for fewer of them, after which all symbols are deletions.
        rows.append(np.minimum.accumulate(row - deleted) + deleted)
    partners, end = [UNMATCHED] * len(read), len(written)
    for index in range(len(read), 0, -1):
        row, before = rows[index], rows[index - 1]
        while end and row[end] == row[end - 1] + error + 1:
            end -= 1
        if row[end] != before[end] + error:
            end -= 1
            partners[index - 1] = end
    pairs = zip(read, partners, strict=True)
    right = [partner != UNMATCHED and written[partner] == symbol for symbol, partner in pairs]
    paired = len(read) - partners.count(UNMATCHED)
    score = Score(len(written), len(written) - paired, paired - sum(right), len(read) - paired)
    return Alignment(score, right, partners)


def edit_distance(text: str, other: str) -> int:
    """Count the symbols to change, add or leave out, to turn one text into the other.

    V. Levenshtein, "Binary codes capable of correcting deletions, insertions, and reversals", 1966.

    >>> edit_distance("9128", "1234")
    3
    """
    while text and other and text[0] == other[0]:
        text, other = text[1:], other[1:]
    while text and other and text[-1] == other[-1]:
        text, other = text[:-1], other[:-1]
    distances = [*range(len(other) + 1)]  # from the text so far to each start of the other
    for count, symbol in enumerate(text, 1):
        before, distances[0] = distances[0], count
        for index, another in enumerate(other, 1):
            cheapest = min(distances[index - 1], distances[index]) + 1
            before, distances[index] = distances[index], min(cheapest, before + (symbol != another))
    return int(distances[-1])
