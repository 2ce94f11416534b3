"""The likeliest reading of a lattice that an automaton accepts, and the weight of all of them.

The automaton walks beside the lattice: at each node, the paths that have led to the same state are
one, with the sum of their weights (the forward algorithm) and the best of them (Viterbi's; see L.
R. Rabiner, "A tutorial on hidden Markov models", 1989). So a symbol that is missing, doubled or
wrong on the best path is repaired by the likeliest other path.
"""

import math
from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

from digits.constraints.automaton import Automaton, State
from digits.inference.interface import SYMBOLS
from digits.reader.lattice import Arc

_FLOOR = math.log(1e-5)  # states and symbols so much less likely than the best ones are left out
_BEAM = 500  # states at a node, if more are left: scribbles, and a list of a million numbers


class _Link(NamedTuple):
    """The last symbol of a path, and the path before it."""

    before: "_Link | None"
    symbol: str
    arc: Arc


class Paths(NamedTuple):
    """Paths of the same state. total: logarithm of their summed weights. best: of the best one."""

    total: float
    best: float
    last: _Link | None

    @property
    def symbols(self) -> list[tuple[str, Arc]]:
        """Those of the best path, from left to right."""
        symbols, link = [], self.last
        while link:
            symbols.append((link.symbol, link.arc))
            link = link.before
        return symbols[::-1]


NO_PATHS = Paths(-math.inf, -math.inf, None)


def search(lattice: Sequence[Arc], automaton: Automaton, temperature: float = 1.0) -> Paths:
    """The accepted paths of a lattice: their summed weight, and the best of them.

    For the arguments, and where there are none, see `accepted_paths`.
    """
    accepted = accepted_paths(lattice, automaton, temperature).values()
    total = reduce(log_sum, (paths.total for paths in accepted), -math.inf)
    return max(accepted, key=lambda paths: paths.best, default=NO_PATHS)._replace(total=total)


def accepted_paths(
    lattice: Sequence[Arc], automaton: Automaton, temperature: float
) -> dict[State, Paths]:
    """The accepted paths of a lattice, by the state that they lead to.

    A path's weight is the product of its symbols' odds: that each is there, and not nothing.
    temperature: divides the logarithms of these odds. No path if that takes more steps than the
    arcs allow.
    """
    left = sum(arc.steps for arc in lattice)
    nodes = [{automaton.start: Paths(0.0, 0.0, None)}]
    step = automaton.step
    for index, arc in enumerate(lattice):
        reached = dict(nodes[index])
        likeliest = max(paths.total for paths in reached.values())
        symbols = _likely_symbols(arc, temperature)
        left -= len(symbols) * len(nodes[arc.start])
        if left < 0:
            return {}
        for state, paths in nodes[arc.start].items():
            for symbol, weight in symbols:
                total, best = paths.total + weight, paths.best + weight
                following = step(state, symbol) if total > likeliest + _FLOOR else None
                if following is None:
                    continue
                likeliest = max(likeliest, total)
                known = reached.get(following)
                if known is None:
                    reached[following] = Paths(total, best, _Link(paths.last, symbol, arc))
                elif best > known.best:
                    link = _Link(paths.last, symbol, arc)
                    reached[following] = Paths(log_sum(total, known.total), best, link)
                else:
                    reached[following] = known._replace(total=log_sum(total, known.total))
        nodes.append(_likely_states(reached))
    return {state: paths for state, paths in nodes[-1].items() if automaton.accepts(state)}


def log_sum(first: float, second: float) -> float:
    """The logarithm of the sum of two numbers that are given by their logarithms."""
    if first < second:
        first, second = second, first
    return first if second == -math.inf else first + math.log1p(math.exp(second - first))


def _likely_symbols(arc: Arc, temperature: float) -> list[tuple[str, float]]:
    """The symbols that an arc may be, with the logarithms of their odds."""
    odds = (arc.score + arc.symbols) / temperature
    likely = odds > odds.max() + _FLOOR
    return [(SYMBOLS[index], float(odds[index])) for index in likely.nonzero()[0]]


def _likely_states(reached: dict[State, Paths]) -> dict[State, Paths]:
    if len(reached) < 2:
        return reached
    totals = sorted((paths.total for paths in reached.values()), reverse=True)
    least = max(totals[0] + _FLOOR, totals[min(_BEAM, len(totals)) - 1])
    return {state: paths for state, paths in reached.items() if paths.total >= least}
