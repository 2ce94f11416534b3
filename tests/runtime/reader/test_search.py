import math
from collections import defaultdict
from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.constraints.automaton import accepts_text
from digits.constraints.checks import Check
from digits.inference.interface import SYMBOLS
from digits.reader.lattice import Arc
from digits.reader.numbers import ANY_TEXT, OnlyText, excluding, to_text
from digits.reader.search import NO_PATHS, search
from tests.runtime.reader.drawn import arc


@st.composite
def lattices(draw: st.DrawFn) -> list[Arc]:
    """Up to four arcs, of which each may be one of three symbols."""
    arcs = []
    for index in range(draw(st.integers(1, 4))):
        start = draw(st.integers(max(0, index - 2), index))
        three = {"1": 0.5, "2": 0.3, draw(st.sampled_from("37.")): 0.2}
        arcs.append(arc(start, draw(st.floats(-3, 3)), three))
    return arcs


def all_paths(lattice: list[Arc], node: int) -> Iterator[list[Arc]]:
    if not node:
        yield []
        return
    yield from all_paths(lattice, node - 1)
    last = lattice[node - 1]
    for path in all_paths(lattice, last.start):
        yield [*path, last]


def weights(lattice: list[Arc]) -> dict[str, float]:
    """The summed weight of each text, by trying all paths."""
    totals: dict[str, float] = defaultdict(float)
    for path in all_paths(lattice, len(lattice)):
        for chosen in product(*((each.symbols > math.log(0.1)).nonzero()[0] for each in path)):
            weight = sum(each.score + each.symbols[k] for each, k in zip(path, chosen, strict=True))
            totals["".join(SYMBOLS[k] for k in chosen)] += math.exp(weight)
    return totals


@given(lattices())
def test_total_and_best_are_those_of_all_paths(lattice: list[Arc]) -> None:
    by_text, divisible = weights(lattice), Check((1,), 3)  # the sum of digits, by 3
    for automaton in (ANY_TEXT, divisible, excluding(divisible, ["12"], False)):
        accepted = {text: w for text, w in by_text.items() if accepts_text(automaton, text)}
        paths = search(lattice, automaton)
        assert math.exp(paths.total) == pytest.approx(sum(accepted.values()), rel=1e-3)
        if accepted:
            assert accepts_text(automaton, to_text(paths.symbols))
            assert paths.best <= paths.total + 1e-9
    text = to_text(search(lattice, ANY_TEXT).symbols)
    assert search(lattice, OnlyText(text)).total == pytest.approx(math.log(by_text[text]), abs=1e-6)
    assert search(lattice, OnlyText("999")) == NO_PATHS
