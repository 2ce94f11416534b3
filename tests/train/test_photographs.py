import numpy as np
import pytest

from digits import Classifier
from digits.data.mnist import Split
from digits.vision.components import Box
from digits_train import photographs


def test_the_same_seed_photographs_the_same(train_slice: Split) -> None:
    one, same, other = (photographs.make(train_slice, 30, seed) for seed in (0, 0, 1))
    assert one[0].shape == (30, 28, 28)
    assert one[1].shape == (30,)
    assert (one[0] == same[0]).all()
    assert (one[1] == same[1]).all()
    assert (one[0] != other[0]).any()


def test_the_digit_is_where_it_is_said_to_be(train_slice: Split) -> None:
    """It has more contrast than the sheet around it."""
    random = np.random.default_rng(0)
    stronger = 0
    for index in range(60):
        picture, box = photographs.photograph(train_slice, index, random)
        assert 0 <= box.left < box.right <= picture.shape[1]
        assert 0 <= box.top < box.bottom <= picture.shape[0]
        inside = np.zeros(picture.shape, bool)
        inside[box.top : box.bottom, box.left : box.right] = True
        if not inside.all():
            stronger += picture[inside].std() > picture[~inside].std()
    assert stronger > 45


@pytest.mark.slow
def test_most_frames_can_be_read(train_slice: Split) -> None:
    """Or the labels would be wrong."""
    frames, labels = photographs.make(train_slice, 300, 0)
    found = Classifier().model.probabilities(frames).argmax(1)
    assert (found == labels).mean() > 0.85


def test_blank_sheets_give_nothing_upright_and_narrow() -> None:
    frames = photographs.make_blank(60, 0)
    assert frames.shape == (60, 28, 28)
    for frame in frames:
        rows, columns = np.flatnonzero(frame.any(1)), np.flatnonzero(frame.any(0))
        assert np.ptp(rows) + 1 <= 1.5 * (np.ptp(columns) + 1) + 2  # rounding to whole pixels


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (Box(0, 0, 10, 10), 1.0),
        (Box(5, 0, 15, 10), 1 / 3),
        (Box(10, 0, 20, 10), 0.0),
        (Box(-5, -5, 15, 15), 0.25),
    ],
)
def test_overlap(other: Box, expected: float) -> None:
    assert photographs._overlap(Box(0, 0, 10, 10), other) == pytest.approx(expected)
