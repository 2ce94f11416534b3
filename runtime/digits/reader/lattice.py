"""The symbols of a column and their alternatives, as a lattice, and the searches of its paths.

Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998, section V. Its
arcs are places where a symbol may be; where boxes overlap, they exclude each other. Its nodes are
positions between them, from left to right; a path may pass from one to the next without a symbol.

An automaton walks beside the paths: those that have led to the same state are one, with the sum of
their weights (the forward algorithm; see L. R. Rabiner, "A tutorial on hidden Markov models",
1989). At each node the likeliest states are kept: a beam.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from heapq import nlargest
from operator import itemgetter
from typing import NamedTuple, TypeVar

import numpy as np

from digits.constraints.automaton import Automaton, State
from digits.inference.interface import SYMBOLS
from digits.reader.detections import DIGITS, Detections, Floats

# The middle of a box, as a share of its width: those of two symbols in a row don't overlap, even if
# a slanted digit leans over the next.
_CORE = 0.6
FLOOR = math.log(1e-4)  # relative to the likeliest: what is less likely is left out

Box = tuple[float, float, float, float]  # left, top, right and bottom in the page's pixels
S = TypeVar("S")


class Arc(NamedTuple):
    """A place where a symbol may be, from one node to another.

    start: the node where it starts; a lattice's k-th arc, counted from 0, ends at node k + 1.
    score: log odds that there is a symbol.
    symbols: float64 [12], log probabilities of SYMBOLS, if there is one.
    """

    start: int
    score: float
    symbols: Floats
    box: Box

    @property
    def is_digit(self) -> bool:
        """Whether it is rather a digit than a minus or a point."""
        return int(self.symbols.argmax()) < DIGITS

    @property
    def symbol(self) -> str:
        """The likeliest symbol."""
        return SYMBOLS[int(self.symbols.argmax())]


def build_lattice(detections: Detections) -> list[Arc]:
    """The lattice of detections in one row: its arcs, ordered by their ends."""
    lefts, _, rights, _ = detections.boxes.T
    middles, halves = (lefts + rights) / 2, _CORE / 2 * (rights - lefts)
    order = np.argsort(middles + halves, kind="stable")
    ends, starts = (middles + halves)[order], (middles - halves)[order]
    nodes = np.minimum(np.searchsorted(ends, starts, "right"), np.arange(len(order))).tolist()
    scores, symbols, boxes = detections.select(order)
    columns = zip(nodes, scores.tolist(), symbols, map(tuple, boxes.tolist()), strict=True)
    return [Arc(*column) for column in columns]


def has_digit(path: Iterable[Arc]) -> bool:
    """Whether a path has more than minus signs and points."""
    return any(arc.is_digit for arc in path)


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


def forced_path(lattice: Sequence[Arc], text: str) -> list[Arc]:
    """The likeliest path that reads a text, by Viterbi's algorithm; empty if there is none."""
    if not {*text} <= {*SYMBOLS}:
        return []
    totals = _totals(lattice, text, np.maximum)
    path: list[Arc] = []
    node, length = len(lattice), len(text)
    if totals[node][length] == -math.inf:
        return []
    while length:
        arc = lattice[node - 1]
        if totals[node][length] > totals[node - 1][length]:  # it ends with this arc
            path.append(arc)
            node, length = arc.start, length - 1
        else:
            node -= 1
    return path[::-1]


def accepted_states(lattice: Sequence[Arc], automaton: Automaton, beam: int) -> dict[State, float]:
    """The accepted states, with the logarithms of the probabilities of all paths to each.

    A path's probability is its share of the weight of all paths; its weight is the product of its
    symbols' odds: that each is there, and not nothing. beam: how many states are kept at a node.
    """
    nodes: list[dict[State, float]] = [{automaton.start: 0.0}]
    for index, arc in enumerate(lattice):
        reached = dict(nodes[index])
        likeliest = max(reached.values())
        odds = arc.score + arc.symbols
        likely = [
            (SYMBOLS[column], odds[column]) for column in np.flatnonzero(odds > odds.max() + FLOOR)
        ]
        for state, weight in nodes[arc.start].items():
            for symbol, symbol_odds in likely:
                total = weight + symbol_odds
                following = automaton.step(state, symbol) if total > likeliest + FLOOR else None
                if following is not None:
                    likeliest = max(likeliest, total)
                    reached[following] = log_sum(reached.get(following, -math.inf), total)
        nodes.append(keep_likeliest(reached, beam))
    all_paths = _total_weight(lattice)
    return {
        state: weight - all_paths for state, weight in nodes[-1].items() if automaton.accepts(state)
    }


def text_scores(lattice: Sequence[Arc], texts: Sequence[str]) -> list[float]:
    """The logarithms of the texts' probabilities; see `accepted_states`."""
    all_paths = _total_weight(lattice)
    return [float(_totals(lattice, text, np.logaddexp)[-1][-1]) - all_paths for text in texts]


def log_sum(first: float, second: float) -> float:
    """The logarithm of the sum of two numbers, from their logarithms."""
    if first < second:
        first, second = second, first
    return first if second == -math.inf else first + math.log1p(math.exp(second - first))


def keep_likeliest(states: Mapping[S, float], beam: int) -> dict[S, float]:
    """The likeliest states, at most `beam`, by the logarithms of their weights."""
    likeliest = nlargest(beam, states.items(), key=itemgetter(1))
    return {state: weight for state, weight in likeliest if weight >= likeliest[0][1] + FLOOR}


def _total_weight(lattice: Sequence[Arc]) -> float:
    """The logarithm of the weight of all paths, whatever they read."""
    totals = [0.0]
    for arc in lattice:
        totals.append(log_sum(totals[-1], totals[arc.start] + arc.score))
    return totals[-1]


def _totals(lattice: Sequence[Arc], text: str, combine: np.ufunc) -> list[Floats]:
    """The logarithms of the weights of paths to each node, by how many symbols of a text they read.

    combine: makes one weight of two.
    """
    nodes = [np.full(len(text) + 1, -np.inf)]
    nodes[0][0] = 0.0
    symbols = [*map(SYMBOLS.index, text)]
    for arc in lattice:
        reached = nodes[-1].copy()
        through_arc = nodes[arc.start][:-1] + arc.score + arc.symbols[symbols]
        combine(reached[1:], through_arc, out=reached[1:])
        nodes.append(reached)
    return nodes
