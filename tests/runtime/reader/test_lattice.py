from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.reader.detections import Detections
from digits.reader.lattice import Arc, best_path, build_lattice


def detections(*places: tuple[float, float, float]) -> Detections:
    """Symbols between a left and a right side, with a score; the k-th is the digit k % 10."""
    boxes = np.array([(left, 0, right, 30) for left, right, _ in places], np.float64)
    symbols = np.log(np.full((len(places), 12), 0.01))
    symbols[np.arange(len(places)), np.arange(len(places)) % 10] = np.log(0.89)
    scores = np.array([score for _, _, score in places], np.float64)
    return Detections(scores, symbols, boxes.reshape(-1, 4))


def cores_overlap(one: Arc, other: Arc) -> bool:
    """Whether the middle 60 % of two boxes overlap."""
    gap = abs(one.box[0] + one.box[2] - other.box[0] - other.box[2]) / 2
    widths = one.box[2] - one.box[0] + other.box[2] - other.box[0]
    return gap < 0.3 * widths - 1e-9


def test_no_arcs_have_an_empty_path() -> None:
    assert best_path(build_lattice(detections())) == []


def test_arcs_are_sorted_and_end_at_their_node() -> None:
    lattice = build_lattice(detections((50, 70, 1), (0, 20, 2), (25, 45, 3)))
    assert [arc.box[0] for arc in lattice.arcs] == [0, 25, 50]
    assert [(arc.start, arc.end) for arc in lattice.arcs] == [(0, 1), (1, 2), (2, 3)]
    assert [arc.score for arc in best_path(lattice)] == [2, 3, 1]


@pytest.mark.parametrize(("wide", "scores"), [(3.5, [2, 2]), (4.5, [4.5])])
def test_one_wide_arc_against_two_narrow_ones(wide: float, scores: list[float]) -> None:
    lattice = build_lattice(detections((0, 40, wide), (0, 14, 2), (26, 40, 2)))
    assert [arc.score for arc in best_path(lattice)] == scores


def test_digit_that_leans_over_the_next_excludes_it_not() -> None:
    lattice = build_lattice(detections((0, 20, 1), (14, 34, 1)))
    assert len(best_path(lattice)) == 2
    lattice = build_lattice(detections((0, 20, 1), (10, 30, 2)))
    assert [arc.score for arc in best_path(lattice)] == [2]


@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(2, 40), st.integers(-20, 40)), max_size=8)
)
def test_best_path_is_the_best_of_all(places: list[tuple[int, int, int]]) -> None:
    found = detections(*((left, left + width, score) for left, width, score in places))
    lattice = build_lattice(found)
    path = best_path(lattice)
    assert not any(cores_overlap(*pair) for pair in combinations(path, 2))
    best = max(
        sum(arc.score for arc in some)
        for count in range(len(places) + 1)
        for some in combinations(lattice.arcs, count)
        if not any(cores_overlap(*pair) for pair in combinations(some, 2))
    )
    assert sum(arc.score for arc in path) == pytest.approx(best)


def test_probabilities_of_an_arc() -> None:
    [arc] = build_lattice(detections((0, 10, 0.0))).arcs
    assert arc.is_digit
    assert arc.probabilities[0] == pytest.approx(0.445)
    assert arc.probabilities.sum() == pytest.approx(0.5)
