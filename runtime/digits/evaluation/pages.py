"""Errors and calibration of a reader on labelled pages, counted page by page."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.alignment import Score, align
from digits.evaluation.statistics import Calibration, ratio
from digits.prediction import Reading

MAX_WORST = 12  # pages kept to be looked at


class PageResult(NamedTuple):
    """A page as it was read.

    written: its text.
    read: the symbols that were read, in the form of `Reading.text`.
    reading: what was read, with boxes in `pixels`.
    right: for each symbol of the reading, whether it is what is written.
    pixels: uint8 [height, width].
    """

    name: str
    written: str
    read: str
    reading: Reading
    right: list[bool]
    score: Score
    pixels: NDArray[np.uint8]


@dataclass
class PageEvaluation:
    """Running totals, whose size doesn't grow with the number of pages.

    signs: whether minus signs and points are read and compared, not the digits alone.
    exact: how many pages have each symbol right and none invented.
    same_layout: how many of these have their lines and columns right, too.
    worst: the pages with the most errors, at most MAX_WORST.
    calibration: a symbol that is wrong or invented has the confidence 0 in truth, any other 1.

    >>> from digits.prediction import Number, Symbol
    >>> seven = Symbol("7", 0.91, (0.0,) * 7 + (0.91,) + (0.0,) * 4, (12, 8, 40, 60))
    >>> evaluation = PageEvaluation(signs=False)
    >>> reading = Reading(((Number("7", 0.91, "review", "unsure", "", "7", (seven,)),),))
    >>> evaluation.add("77.png", "77", reading, np.zeros((80, 80), np.uint8))
    >>> evaluation.error_rate, evaluation.score.missed
    (0.5, 1)
    """

    signs: bool
    pages: int = 0
    exact: int = 0
    same_layout: int = 0
    score: Score = Score(0, 0, 0, 0)
    worst: list[PageResult] = field(default_factory=list)
    calibration: Calibration = field(default_factory=Calibration)

    def add(self, name: str, written: str, reading: Reading, pixels: NDArray[np.uint8]) -> None:
        """Count a page.

        written: what is written, in the form of `Reading.text`.
        pixels: the page, uint8 [height, width].
        """
        read = "\n".join(
            "  ".join("".join(symbol.symbol for symbol in number.symbols) for number in line)
            for line in reading.lines
        )
        score, right, _ = align(read, written)
        self.pages += 1
        self.score = Score(*map(sum, zip(self.score, score, strict=True)))
        self.calibration.add([symbol.confidence for symbol in reading.symbols], right)
        self.exact += not score.errors
        self.same_layout += read == written
        if score.errors:
            result = PageResult(name, written, read, reading, right, score, pixels)
            worst = sorted([*self.worst, result], key=lambda page: -page.score.errors)
            self.worst = worst[:MAX_WORST]

    @property
    def error_rate(self) -> float:
        """Symbols missed, wrong or invented, by those written: may be above 1; NaN without any."""
        return ratio(self.score.errors, self.score.symbols)
