from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.reader.detections import Detections, overlaps
from digits.reader.suppression import settle, suppress


def detections(
    boxes: Sequence[tuple[float, ...]], scores: Sequence[float], symbol: int = 3
) -> Detections:
    symbols = np.log(np.full((len(boxes), 12), 0.01))
    symbols[:, symbol] = np.log(0.89)
    return Detections(np.array(scores), symbols, np.array(boxes, np.float64).reshape(-1, 4))


def test_overlaps() -> None:
    box = np.array([0.0, 0, 10, 10])
    others = np.array([[0.0, 0, 10, 10], [5, 0, 15, 10], [10, 10, 20, 20], [2, 2, 4, 4]])
    union, inside = overlaps(box, others)
    np.testing.assert_allclose(union, [1, 1 / 3, 0, 0.04])
    np.testing.assert_allclose(inside, [1, 0.5, 0, 1])


def test_surest_of_the_same_place_stays() -> None:
    boxes = [(0, 0, 20, 30), (2, 1, 21, 30), (40, 0, 60, 30)]
    assert suppress(detections(boxes, [1, 2, 0])).scores.tolist() == [2, 0]
    boxes = [(0, 0, 20, 30), (-14, 0, 34, 30), (20, 0, 40, 30), (-12, 0, 35, 28)]
    assert suppress(detections(boxes, [1, 3, 0, 2])).scores.tolist() == [1, 3, 0]


def test_neighbours_and_parts_stay_as_alternatives() -> None:
    boxes = [(0, 0, 40, 30), (0, 0, 14, 30), (26, 0, 40, 30)]
    assert len(suppress(detections(boxes, [3, 2, 1])).scores) == 3


@given(st.lists(st.tuples(*[st.integers(1, 30)] * 4), max_size=25), st.integers(0, 2**32))
def test_what_stays_overlaps_little(places: list[tuple[int, ...]], seed: int) -> None:
    boxes = [(x, y, x + width, y + height) for x, y, width, height in places]
    scores = np.random.default_rng(seed).normal(0, 3, len(boxes)).tolist()
    kept = suppress(detections(boxes, scores))
    assert (np.diff(kept.centres[:, 0]) >= 0).all()
    for number, box in enumerate(kept.boxes):
        shared, _ = overlaps(box, np.delete(kept.boxes, number, 0))
        assert (shared <= 0.5).all()
    for box, score in zip(boxes, scores, strict=True):  # a surer one is where each was
        shared, _ = overlaps(np.array(box, np.float64), kept.boxes)
        assert score <= kept.scores[(shared > 0.5)].max(initial=-np.inf)


SMALL = [(10.0, 10.0, 25.0, 30.0), (35.0, 10.0, 50.0, 30.0)]


@pytest.mark.parametrize(("large", "scores"), [(5.0, [5]), (3.0, [2, 2])])
def test_large_digit_against_the_small_ones_in_it(large: float, scores: list[float]) -> None:
    found = detections([(0, 0, 60, 80), *SMALL], [large, 2, 2])
    assert settle(found).scores.tolist() == scores


def test_improbable_small_ones_are_no_evidence() -> None:
    assert settle(detections([(0, 0, 60, 80), *SMALL], [1, -1, -2])).scores.tolist() == [1]


def test_neighbours_of_the_same_height_are_left_to_the_lattice() -> None:
    found = detections([(0, 0, 40, 30), (0, 0, 14, 28), (26, 0, 40, 28)], [3, 2, 2])
    assert len(settle(found).scores) == 3


def test_signs_inside_a_digit_are_left_to_the_lattice() -> None:
    digit, sign = detections([(0, 0, 60, 80)], [1]), detections(SMALL[:1], [4], 11)
    found = Detections(*(np.concatenate(pair) for pair in zip(digit, sign, strict=True)))
    assert len(settle(found).scores) == 2
