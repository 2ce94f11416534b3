from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.reader.detections import Detections
from digits.reader.lattice import Arc, best_path, build_lattice
from tests.runtime.reader.drawn import detections


def places(*sides: tuple[float, float, float]) -> Detections:
    """Symbols between a left and a right side, with a score."""
    boxes = [(left, 0, right, 30) for left, right, _ in sides]
    return detections(boxes, [score for _, _, score in sides])


def cores_overlap(first: Arc, second: Arc) -> bool:
    """Whether the middle 60 % of two boxes overlap."""
    gap = abs(first.box[0] + first.box[2] - second.box[0] - second.box[2]) / 2
    widths = first.box[2] - first.box[0] + second.box[2] - second.box[0]
    return gap < 0.3 * widths - 1e-9


@pytest.mark.parametrize(
    ("sides", "scores"),
    [
        ([], []),
        ([(50, 70, 1), (0, 20, 2), (25, 45, 3)], [2, 3, 1]),
        ([(0, 40, 3.5), (0, 14, 2), (26, 40, 2)], [2, 2]),
        ([(0, 40, 4.5), (0, 14, 2), (26, 40, 2)], [4.5]),
        ([(0, 20, 1), (14, 34, 1)], [1, 1]),  # a digit may lean over the next
        ([(0, 20, 1), (10, 30, 2)], [2]),
        ([(0, 20, -1)], []),
    ],
)
def test_best_path(sides: list[tuple[float, float, float]], scores: list[float]) -> None:
    assert [arc.score for arc in best_path(build_lattice(places(*sides)))] == scores


@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(2, 40), st.integers(-20, 40)), max_size=8)
)
def test_best_path_is_the_best_of_all(sides: list[tuple[int, int, int]]) -> None:
    lattice = build_lattice(places(*((left, left + width, score) for left, width, score in sides)))
    path = best_path(lattice)
    assert not any(cores_overlap(*pair) for pair in combinations(path, 2))
    best = max(
        sum(arc.score for arc in some)
        for count in range(len(sides) + 1)
        for some in combinations(lattice, count)
        if not any(cores_overlap(*pair) for pair in combinations(some, 2))
    )
    assert sum(arc.score for arc in path) == pytest.approx(best)
