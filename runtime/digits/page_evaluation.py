"""Errors and calibration of a reader on labelled pages, counted page by page."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.evaluation import calibration_gaps, ratio
from digits.prediction import Reading

MAX_WORST = 12  # pages kept to be looked at

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
    return Alignment(read, written, _partners(read, written, len(written) + 1))


def _partners(read: str, written: str, error: int) -> list[int]:
    """Pair two texts, in as much memory as they take (D. S. Hirschberg, CACM 18, 1975)."""
    if len(read) < 2 or not written:
        return [max(written.find(symbol), 0) if written else INVENTED for symbol in read]
    half = len(read) // 2
    before = _costs(read[:half], written, error)
    after = _costs(read[half:][::-1], written[::-1], error)[::-1]
    split = int((before + after).argmin())
    rest = _partners(read[half:], written[split:], error)
    shifted = (partner if partner == INVENTED else partner + split for partner in rest)
    return [*_partners(read[:half], written[:split], error), *shifted]


def _costs(read: str, written: str, error: int) -> NDArray[np.int64]:
    """The costs of pairing what was read with the first 0 to m symbols written: int64 [m + 1]."""
    missed = (error + 1) * np.arange(len(written) + 1)
    codes = np.array([ord(symbol) for symbol in written], np.int32)
    costs = missed
    for symbol in read:
        replaced = costs[:-1] + (error + 1) * (codes != ord(symbol))
        costs = costs + error
        np.minimum(costs[1:], replaced, out=costs[1:])
        # Or the cheapest at an earlier place, after which all symbols are missed.
        costs = np.minimum.accumulate(costs - missed) + missed
    return costs


@dataclass(frozen=True)
class PageResult:
    """A page as it was read.

    written: its text. reading: of the symbols that are compared, with boxes in `pixels`. alignment:
    of their symbols. pixels: uint8 [height, width].
    """

    name: str
    written: str
    reading: Reading
    alignment: Alignment
    pixels: NDArray[np.uint8]

    @property
    def read(self) -> str:
        """The symbols, in the form of `Reading.text`."""
        return _symbols(self.reading)

    @property
    def score(self) -> Score:
        return self.alignment.score


@dataclass
class PageEvaluation:
    """Running totals, whose size doesn't grow with the number of pages.

    signs: whether minus signs and points are read and compared, not the digits alone. exact: pages
    of which each symbol is right and none invented. same_layout: those of them whose lines and
    columns are right too. worst: those with the most errors, at most MAX_WORST.

    >>> from digits.prediction import Number, Symbol
    >>> seven = Symbol("7", 0.91, (0.0,) * 7 + (0.91,) + (0.0,) * 4, (12, 8, 40, 60))
    >>> evaluation = PageEvaluation(signs=False)
    >>> reading = Reading(((Number("7", 0.91, "review", "", "7", (seven,)),),))
    >>> evaluation.add("77.png", "77", reading, np.zeros((80, 80), np.uint8))
    >>> evaluation.error_rate, evaluation.score.missed
    (0.5, 1)
    """

    signs: bool
    pages: int = 0
    exact: int = 0
    same_layout: int = 0
    with_errors: int = 0
    symbols_read: int = 0
    score: Score = Score(0, 0, 0, 0)
    worst: list[PageResult] = field(default_factory=list)
    _gaps: NDArray[np.float64] = field(default_factory=lambda: calibration_gaps([], []))

    def add(self, name: str, written: str, reading: Reading, pixels: NDArray[np.uint8]) -> None:
        """Count a page. written: in the form of `Reading.text`. pixels: those that were read."""
        alignment = align(_symbols(reading), written)
        result = PageResult(name, written, reading, alignment, pixels)
        self.pages += 1
        self.score = Score(*(sum(two) for two in zip(self.score, result.score, strict=True)))
        self.symbols_read += len(reading.symbols)
        confidences = [symbol.confidence for symbol in reading.symbols]
        self._gaps += calibration_gaps(confidences, alignment.right)
        if result.score.errors:
            self.with_errors += 1
            self.worst = sorted([*self.worst, result], key=lambda page: -page.score.errors)
            del self.worst[MAX_WORST:]
        else:
            self.exact += 1
            self.same_layout += result.read == written

    @property
    def error_rate(self) -> float:
        """Symbols missed, wrong or invented, by those written: may be above 1; NaN without any."""
        return ratio(self.score.errors, self.score.symbols)

    @property
    def calibration_error(self) -> float:
        """The expected calibration error of the confidences of the symbols read, 0 to 1.

        A symbol that is wrong or invented has the confidence 0 in truth, any other 1; 15 bins.
        """
        return ratio(float(np.abs(self._gaps).sum()), self.symbols_read)


def _symbols(reading: Reading) -> str:
    return "\n".join(
        "  ".join("".join(symbol.symbol for symbol in number.symbols) for number in line)
        for line in reading.lines
    )
