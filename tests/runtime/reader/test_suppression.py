import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.reader.detections import Detections, concatenate, overlaps
from digits.reader.page import drop_contained, suppress
from tests.runtime.reader.drawn import detections


def test_overlaps() -> None:
    box = np.array([0.0, 0, 10, 10])
    others = np.array([[0.0, 0, 10, 10], [5, 0, 15, 10], [10, 10, 20, 20], [2, 2, 4, 4]])
    union, inside = overlaps(box, others)
    np.testing.assert_allclose(union, [1, 1 / 3, 0, 0.04])
    np.testing.assert_allclose(inside, [1, 0.5, 0, 1])


@pytest.mark.parametrize(
    ("boxes", "scores", "rest"),
    [
        ([(0, 0, 20, 30), (2, 1, 21, 30), (40, 0, 60, 30)], [1, 2, 0], [2, 0]),
        (
            [(0, 0, 20, 30), (-14, 0, 34, 30), (20, 0, 40, 30), (-12, 0, 35, 28)],
            [1, 3, 0, 2],
            [1, 3, 0],
        ),
        # Neighbours and parts stay as alternatives.
        ([(0, 0, 40, 30), (0, 0, 14, 30), (26, 0, 40, 30)], [3, 2, 1], [2, 3, 1]),
    ],
)
def test_surest_of_the_same_place_stays(
    boxes: list[tuple[float, ...]], scores: list[float], rest: list[float]
) -> None:
    assert suppress(detections(boxes, scores)).scores.tolist() == rest


@given(st.lists(st.tuples(*[st.integers(1, 30)] * 4), max_size=25), st.integers(0, 2**32))
def test_what_stays_overlaps_little(places: list[tuple[int, ...]], seed: int) -> None:
    boxes = [(x, y, x + width, y + height) for x, y, width, height in places]
    scores = np.random.default_rng(seed).normal(0, 3, len(boxes)).tolist()
    rest = suppress(detections(boxes, scores))
    assert (np.diff(rest.centres[:, 0]) >= 0).all()
    for number, box in enumerate(rest.boxes):
        shared, _ = overlaps(box, np.delete(rest.boxes, number, 0))
        assert (shared <= 0.5).all()
    for box, score in zip(boxes, scores, strict=True):  # a surer one is where each was
        shared, _ = overlaps(np.array(box, np.float64), rest.boxes)
        assert score <= rest.scores[(shared > 0.5)].max(initial=-np.inf)


LARGE, SMALL = [(0, 0, 60, 80)], [(10, 10, 25, 30), (35, 10, 50, 30)]


@pytest.mark.parametrize(
    ("detected", "scores"),
    [
        (detections([*LARGE, *SMALL], [5, 2, 2]), [5]),
        (detections([*LARGE, *SMALL], [3, 2, 2]), [2, 2]),
        (detections([*LARGE, *SMALL], [1, -1, -2]), [1]),  # improbable ones are no evidence
        # Neighbours of the same height, and signs, are left to the lattice.
        (
            detections([(0, 0, 40, 30), (0, 0, 14, 28), (26, 0, 40, 28)], [3, 2, 2]),
            [2, 3, 2],
        ),
        (concatenate([detections(LARGE, [1]), detections(SMALL[:1], [4], 11)]), [4, 1]),
    ],
)
def test_large_digit_against_small_ones_in_it(detected: Detections, scores: list[float]) -> None:
    assert drop_contained(detected).scores.tolist() == scores
