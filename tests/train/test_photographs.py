import numpy as np
import pytest

from digits import Classifier
from digits.data.mnist import Split
from digits.vision.components import Box, Component, dilate
from digits_train import photographs


@pytest.mark.slow
def test_most_frames_are_legible_and_the_same_for_the_same_seed(train_slice: Split) -> None:
    """Otherwise the labels would be wrong."""
    frames, labels = photographs.generate(train_slice, 300, 0)
    read = Classifier().model.probabilities(frames).argmax(1)
    assert (read == labels).mean() > 0.85
    again, same_labels = photographs.generate(train_slice, 300, 0)
    assert np.array_equal(frames, again) and np.array_equal(labels, same_labels)
    assert (photographs.generate(train_slice, 30, 1)[0] != frames[:30]).any()


def test_photograph_returns_ink_of_digit(train_slice: Split) -> None:
    """Most ink is clearly lighter or darker than its surroundings."""
    rng = np.random.default_rng(0)
    stronger = 0
    for index in range(60):
        picture, ink = photographs.photograph(train_slice, index, rng)
        assert picture.shape == ink.shape
        around = dilate(dilate(ink)) & ~dilate(ink)
        stronger += int(abs(np.median(picture[ink]) - np.median(picture[around])) > 20)
    assert stronger > 50


def test_hairline_does_not_vanish() -> None:
    """A hairline once lost all of its ink when it was reduced."""
    hairline = np.zeros((1, 28, 28), np.uint8)
    hairline[0, 4:24, 14] = 90
    rng, split = np.random.default_rng(0), Split(hairline, np.ones(1, np.uint8))
    assert all(photographs.photograph(split, 0, rng)[1].any() for _ in range(200))


def test_blank_sheets_give_no_1() -> None:
    frames = photographs.generate_blank(60, 0)
    assert frames.shape == (60, 28, 28)
    for frame in frames:
        rows, columns = np.flatnonzero(frame.any(1)), np.flatnonzero(frame.any(0))
        assert np.ptp(rows) + 1 <= 3 * (np.ptp(columns) + 1) + 2  # rounding to whole pixels


DIGIT = np.zeros((60, 60), bool)
DIGIT[20:40, 28:32] = True
FRAME = np.pad(np.zeros((28, 18), bool), 1, constant_values=True)  # a box around it


@pytest.mark.parametrize(
    ("ink", "left", "top", "min_share", "expected"),
    [
        (DIGIT[20:40, 28:32], 28, 20, 0.7, True),
        (FRAME | DIGIT[15:45, 20:40], 20, 15, 0.4, True),
        (FRAME | DIGIT[15:45, 20:40], 20, 15, 0.7, False),  # too much else for one in company
        (FRAME, 20, 15, 0.4, False),  # the box alone
        (DIGIT[20:34, 28:32], 28, 20, 0.4, False),  # a piece
        (DIGIT, 0, 0, 0.4, False),  # it would be too small in the frame
    ],
)
def test_matches(ink: np.ndarray, left: int, top: int, min_share: float, expected: bool) -> None:
    box = Box(left, top, left + ink.shape[1], top + ink.shape[0])
    component = Component(ink.astype(np.uint8) * 200, box)
    assert photographs.matches(component, DIGIT, min_share) is expected
