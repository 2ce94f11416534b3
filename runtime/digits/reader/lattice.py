"""The symbols of a column and their alternatives, as a lattice.

Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998, section V. Its
arcs are places where a symbol may be; where boxes overlap, they exclude each other. Its nodes are
positions between them, from left to right; a path may pass from one to the next without a symbol.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.reader.detections import DIGITS, Detections, Floats

# Of a box's width, its middle: those of two symbols in a row don't overlap, even if a slanted
# digit leans over the next.
_CORE = 0.6

PAGE_STEPS = 1_000_000  # that a search in all lattices of a page takes at most: two seconds
LEAST_STEPS = 50  # for an arc, so that a search without constraints always ends


class Arc(NamedTuple):
    """A place where a symbol may be, from one node to another.

    start: the first node; the last one of a lattice's k-th arc is k + 1. score: log odds that there
    is a symbol. symbols: float64 [12], log probabilities of SYMBOLS, if there is one. box: left,
    top, right and bottom in the page's pixels. steps: how many a search may take because of it.
    disputed: whether both networks are sure, of different digits. frame: uint8 [28, 28], what the
    classifier saw, if it looked at the whole picture.
    """

    start: int
    score: float
    symbols: Floats
    box: tuple[float, float, float, float]
    steps: int = PAGE_STEPS
    disputed: bool = False
    frame: "NDArray[np.uint8] | None" = None

    @property
    def is_digit(self) -> bool:
        """Whether it is rather a digit than a minus or a point."""
        return int(self.symbols.argmax()) < DIGITS

    @property
    def probabilities(self) -> Floats:
        """Of SYMBOLS, float64 [12]; the rest is the probability that there is nothing."""
        present: Floats = np.exp(self.symbols - np.logaddexp(0, -self.score))
        return present


def build_lattice(detections: Detections, steps: int = PAGE_STEPS) -> list[Arc]:
    """The lattice of detections in one row: its arcs, ordered by their ends. steps: of each."""
    lefts, _, rights, _ = detections.boxes.T
    middles, halves = (lefts + rights) / 2, _CORE / 2 * (rights - lefts)
    order = np.argsort(middles + halves, kind="stable")
    ends, starts = (middles + halves)[order], (middles - halves)[order]
    first = np.minimum(np.searchsorted(ends, starts, "right"), np.arange(len(order))).tolist()
    scores, symbols, boxes = detections.select(order)
    columns = zip(first, scores.tolist(), symbols, map(tuple, boxes.tolist()), strict=True)
    return [Arc(*column, steps) for column in columns]


def best_path(lattice: Sequence[Arc]) -> list[Arc]:
    """The arcs whose scores have the largest sum, from left to right.

    That is the likeliest choice of symbols: the log odds of independent places add up.
    """
    totals = [0.0]  # of the best path to each node
    for arc in lattice:
        totals.append(max(totals[arc.start] + arc.score, totals[-1]))
    path: list[Arc] = []
    node = len(lattice)
    while node:
        arc = lattice[node - 1]
        if totals[node] > totals[node - 1]:  # it ends with this arc
            path.append(arc)
            node = arc.start
        else:
            node -= 1
    return path[::-1]
