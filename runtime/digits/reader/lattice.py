"""The symbols of a column and their alternatives, as a lattice.

Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998, section V. Its
arcs are places where a symbol may be; where boxes overlap, they exclude each other. Its nodes are
positions between them, from left to right; a path may pass from one to the next without a symbol.
"""

from bisect import bisect_right
from typing import NamedTuple

import numpy as np

from digits.reader.detections import DIGITS, Detections, Floats, probabilities

# Of a box's width, its middle: those of two symbols in a row don't overlap, even if a slanted
# digit leans over the next.
_CORE = 0.6


class Arc(NamedTuple):
    """A place where a symbol may be, between two nodes.

    score: log odds that there is one. symbols: float64 [12], log probabilities of SYMBOLS, if
    there is one. box: left, top, right and bottom in the page's pixels.
    """

    start: int
    end: int
    score: float
    symbols: Floats
    box: tuple[float, float, float, float]

    @property
    def is_digit(self) -> bool:
        """Whether it is rather a digit than a minus or a point."""
        return int(self.symbols.argmax()) < DIGITS

    @property
    def probabilities(self) -> Floats:
        """Of SYMBOLS, float64 [12]; the rest is the probability that there is nothing."""
        present: Floats = probabilities(np.array(self.score)) * np.exp(self.symbols)
        return present


class Lattice(NamedTuple):
    """Arcs, ordered by their ends; arc k ends at node k + 1."""

    arcs: list[Arc]


def build_lattice(found: Detections) -> Lattice:
    """The lattice of detections in one row."""
    middles, halves = found.centres[:, 0], _CORE / 2 * found.widths
    order = np.argsort(middles + halves, kind="stable")
    ends = (middles + halves)[order].tolist()
    starts = (middles - halves)[order].tolist()
    return Lattice(
        [
            Arc(
                min(bisect_right(ends, starts[place]), place),
                place + 1,
                float(found.scores[number]),
                found.symbols[number],
                tuple(found.boxes[number].tolist()),
            )
            for place, number in enumerate(order.tolist())
        ]
    )


def best_path(lattice: Lattice) -> list[Arc]:
    """The arcs whose scores have the largest sum, from left to right.

    That is the likeliest choice of symbols: the log odds of independent places add up.
    """
    totals = [0.0]  # of the best path to each node
    taken: list[Arc | None] = [None]  # its last arc, if that ends there
    for arc in lattice.arcs:
        total = totals[arc.start] + arc.score
        better = total > totals[-1]
        taken.append(arc if better else None)
        totals.append(total if better else totals[-1])
    path: list[Arc] = []
    node = len(lattice.arcs)
    while node:
        last = taken[node]
        if last:
            path.append(last)
        node = last.start if last else node - 1
    return path[::-1]
