"""The paths of lattices, and how likely they are."""

import math
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.constraints.automaton import Check, accepts_text
from digits.inference.interface import SYMBOLS
from digits.reader.lattice import (
    FLOOR,
    Arc,
    accepted_states,
    best_path,
    build_lattice,
    forced_path,
    text_scores,
)
from digits.reader.opinions import EVERY_TEXT
from tests.drawings import arc, detections


def cores_overlap(first: Arc, second: Arc) -> bool:
    """Whether the middle 60 % of two boxes overlap: a digit may lean over the next."""
    gap = abs(first.box[0] + first.box[2] - second.box[0] - second.box[2]) / 2
    widths = first.box[2] - first.box[0] + second.box[2] - second.box[0]
    return gap < 0.3 * widths - 1e-9


@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(2, 40), st.integers(-20, 40)), max_size=8)
)
def test_best_path_is_the_best_of_all(sides: list[tuple[int, int, int]]) -> None:
    boxes = [(left, 0, left + width, 30) for left, width, _ in sides]
    lattice = build_lattice(detections(boxes, [score for _, _, score in sides]))
    path = best_path(lattice)
    assert not any(cores_overlap(*pair) for pair in combinations(path, 2))
    best = max(
        sum(edge.score for edge in some)
        for count in range(len(sides) + 1)
        for some in combinations(lattice, count)
        if not any(cores_overlap(*pair) for pair in combinations(some, 2))
    )
    assert sum(edge.score for edge in path) == pytest.approx(best)


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
        for indices in product(*((edge.symbols > math.log(0.1)).nonzero()[0] for edge in path)):
            pairs = zip(path, indices, strict=True)
            weight = sum(edge.score + edge.symbols[k] for edge, k in pairs)
            totals["".join(SYMBOLS[k] for k in indices)] += math.exp(weight)
    return totals


@given(lattices())
def test_scores_are_those_of_all_paths(lattice: list[Arc]) -> None:
    by_text = weights(lattice)
    total = sum(by_text.values())
    by_text = {text: weight / total for text, weight in by_text.items()}
    scores = text_scores(lattice, [*by_text, "55555"])  # the last has more symbols than arcs
    assert [*map(math.exp, scores)] == pytest.approx([*by_text.values(), 0])
    for automaton in (EVERY_TEXT, Check((1,), 3)):  # the sum of digits, by 3
        expected = sum(w for text, w in by_text.items() if accepts_text(automaton, text))
        states = accepted_states(lattice, automaton, 500).values()
        # A state below FLOOR of the likeliest is left out: of all that is accepted, some may be.
        assert sum(map(math.exp, states)) == pytest.approx(expected, abs=20 * math.exp(FLOOR))


@given(lattices(), st.text("12", min_size=1, max_size=4))
def test_forced_path_is_the_best_that_reads_a_text(lattice: list[Arc], text: str) -> None:
    def weight(path: list[Arc]) -> float:
        pairs = zip(path, text, strict=True)
        return sum(edge.score + float(edge.symbols[int(digit)]) for edge, digit in pairs)

    assert forced_path(lattice, "none") == []
    possible = [path for path in all_paths(lattice, len(lattice)) if len(path) == len(text)]
    if not possible:
        assert forced_path(lattice, text) == []
    else:
        assert weight(forced_path(lattice, text)) == pytest.approx(max(map(weight, possible)))
