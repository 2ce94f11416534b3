"""Pictures in a classifier's frame."""

import numpy as np
import pytest

from digits import Reader
from digits.vision.components import Box, Component
from digits_train.camera.materials import Materials
from digits_train.data import frames

DIGIT = np.zeros((60, 60), bool)
DIGIT[20:40, 28:32] = True
FRAME = np.pad(np.zeros((28, 18), bool), 1, constant_values=True)  # a box around it


@pytest.mark.parametrize(
    ("ink", "left", "top", "expected"),
    [
        (DIGIT[20:40, 28:32], 28, 20, True),
        (FRAME | DIGIT[15:45, 20:40], 20, 15, False),  # more box than digit
        (DIGIT[20:34, 28:32], 28, 20, False),  # a piece
        (DIGIT, 0, 0, False),  # it would be too small in the frame
    ],
)
def test_matches(ink: np.ndarray, left: int, top: int, expected: bool) -> None:
    box = Box(left, top, left + ink.shape[1], top + ink.shape[0])
    assert frames.covers(Component(ink.astype(np.uint8) * 200, box), DIGIT) is expected


@pytest.mark.slow
def test_most_frames_are_what_they_should_be(materials: Materials, reader: Reader) -> None:
    images, labels = frames.draw_digits(materials, 60, 0)
    others = frames.draw_outliers(materials, 30, 0)
    assert (images.shape, others.shape) == ((60, 28, 28), (30, 28, 28))
    assert len({frame.tobytes() for frame in (*images, *others)}) > 80
    assert (reader.model.probabilities(images).argmax(1) == labels).mean() > 0.85
    assert (reader.model.probabilities(others).max(1) > reader.threshold).mean() < 0.2
