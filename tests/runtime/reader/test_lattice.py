from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.reader.lattice import Arc, best_path, build_lattice
from tests.runtime.reader.drawn import detections


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
        sum(arc.score for arc in some)
        for count in range(len(sides) + 1)
        for some in combinations(lattice, count)
        if not any(cores_overlap(*pair) for pair in combinations(some, 2))
    )
    assert sum(arc.score for arc in path) == pytest.approx(best)
