import numpy as np
import pytest

from digits import Classifier
from digits.data.mnist import Split
from digits.vision.components import Box, Component, dilate
from digits_train import photographs


def test_same_seed_gives_same_photographs(train_slice: Split) -> None:
    one, same, other = (photographs.generate(train_slice, 30, seed) for seed in (0, 0, 1))
    assert one[0].shape == (30, 28, 28)
    assert one[1].shape == (30,)
    assert (one[0] == same[0]).all()
    assert (one[1] == same[1]).all()
    assert (one[0] != other[0]).any()


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


@pytest.mark.slow
def test_most_frames_are_legible(train_slice: Split) -> None:
    """Otherwise the labels would be wrong."""
    frames, labels = photographs.generate(train_slice, 300, 0)
    found = Classifier().model.probabilities(frames).argmax(1)
    assert (found == labels).mean() > 0.85


def test_blank_sheets_give_no_1() -> None:
    frames = photographs.generate_blank(60, 0)
    assert frames.shape == (60, 28, 28)
    for frame in frames:
        rows, columns = np.flatnonzero(frame.any(1)), np.flatnonzero(frame.any(0))
        assert np.ptp(rows) + 1 <= 3 * (np.ptp(columns) + 1) + 2  # rounding to whole pixels


def component(ink: np.ndarray, left: int, top: int) -> Component:
    height, width = ink.shape
    return Component(ink.astype(np.uint8) * 200, Box(left, top, left + width, top + height))


def test_matches() -> None:
    digit = np.zeros((60, 60), bool)
    digit[20:40, 28:32] = True
    frame = np.zeros((30, 20), bool)  # a box around it
    frame[[0, -1]] = frame[:, [0, -1]] = True
    boxed = frame | digit[15:45, 20:40]
    shows = photographs._matches
    assert shows(component(digit[20:40, 28:32], 28, 20), digit, 0.7)
    assert shows(component(boxed, 20, 15), digit, 0.4)
    assert not shows(component(boxed, 20, 15), digit, 0.7)  # too much else for one in company
    assert not shows(component(frame, 20, 15), digit, 0.4)  # the box alone
    assert not shows(component(digit[20:34, 28:32], 28, 20), digit, 0.4)  # a piece
    assert not shows(component(digit, 0, 0), digit, 0.4)  # it would be too small in the frame


def test_hairline_does_not_vanish() -> None:
    """A hairline once lost all of its ink when it was reduced."""
    hairline = np.zeros((1, 28, 28), np.uint8)
    hairline[0, 4:24, 14] = 90
    rng = np.random.default_rng(0)
    for _ in range(200):
        _, ink = photographs.photograph(Split(hairline, np.ones(1, np.uint8)), 0, rng)
        assert ink.any()
