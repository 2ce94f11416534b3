from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from digits import Classifier
from digits.data.mnist import Split
from digits.vision import frame
from digits.vision.split import split
from digits.vision.strokes import Box, Shape, shape
from tests.drawn import Sheet, chosen


def drawn(split: Split, number: str, gap: int, size: int = 60) -> Shape:
    sheet = Sheet(120, 400)
    sheet.write(chosen(split, number, start=3), 20, 20, size, gap)
    return shape(np.asarray(sheet.ink), Box(0, 0, 400, 120))


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier()


def test_touching_digits_are_split(classifier: Classifier, test_slice: Split) -> None:
    """All pairs, three pixels into each other. Not all can be told apart: 10 may look like a 6."""
    right = 0
    for number in (f"{pair:02}" for pair in range(100)):
        parts = classifier._apart(drawn(test_slice, number, -3), 45)
        answers = [int(row.argmax()) for _, row in classifier._look(parts)]
        right += "".join(map(str, answers)) == number
    assert right >= 75


def test_single_digits_stay_whole(classifier: Classifier, test_slice: Split) -> None:
    for number in "0123456789":
        whole = drawn(test_slice, number, 0)
        [kept] = classifier._apart(whole, 45)
        assert kept.box == whole.box, number


def doubtful(shapes: Sequence[Shape]) -> np.ndarray:
    return np.full(len(shapes), 0.5, np.float32)


def test_in_doubt_nothing_is_cut(test_slice: Split) -> None:
    whole = drawn(test_slice, "88", -4)
    [kept] = split(whole, 60, lambda shapes: np.ones(len(shapes), np.float32))
    assert kept.box == whole.box


def test_what_is_too_wide_for_a_digit_is_cut(test_slice: Split) -> None:
    whole = drawn(test_slice, "8888", -4)
    parts = split(whole, 45, lambda shapes: np.full(len(shapes), 0.2, np.float32))
    assert len(parts) >= 2
    assert all(part.box.width <= 1.5 * 45 for part in parts)


@settings(deadline=None)
@given(
    hnp.arrays(
        np.uint8,
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40),
        elements=st.sampled_from([0, 0, 120, 255]),
    ),
    st.floats(3, 50),
)
def test_no_ink_is_in_two_parts(ink: np.ndarray, height: float) -> None:
    if not ink.any():
        return
    whole = shape(ink, Box(7, 9, 7 + ink.shape[1], 9 + ink.shape[0]))
    seen = np.zeros((60, 60), int)
    for part in split(whole, height, doubtful):
        box = part.box
        seen[box.top : box.bottom, box.left : box.right] += part.ink
        assert frame.frame(part.ink).shape == (28, 28)
    own = np.zeros((60, 60), int)
    own[9 : 9 + ink.shape[0], 7 : 7 + ink.shape[1]] = ink
    assert (seen <= own).all()
