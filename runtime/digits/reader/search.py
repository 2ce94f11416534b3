"""Searches for texts that an automaton accepts keep the likeliest states at each step: a beam.

The automaton walks beside what a network says: paths that have led to the same state are one, with
the sum of their weights (the forward algorithm; see L. R. Rabiner, "A tutorial on hidden Markov
models", 1989).
"""

import math
from collections.abc import Mapping
from heapq import nlargest
from operator import itemgetter
from typing import TypeVar

FLOOR = math.log(1e-4)  # what is so much less likely than the best is left out

S = TypeVar("S")


def log_sum(first: float, second: float) -> float:
    """The logarithm of the sum of two numbers that are given by their logarithms."""
    if first < second:
        first, second = second, first
    return first if second == -math.inf else first + math.log1p(math.exp(second - first))


def keep_likeliest(states: Mapping[S, float], beam: int) -> dict[S, float]:
    """At most so many states, by the logarithms of their weights."""
    kept = nlargest(beam, states.items(), key=itemgetter(1))
    return {state: weight for state, weight in kept if weight >= kept[0][1] + FLOOR}
