import numpy as np
import pytest

from digits import Classifier
from digits.data.mnist import Split
from digits.vision.components import Box, Component
from digits_train import frames
from tests.train import small_materials

DIGIT = np.zeros((60, 60), bool)
DIGIT[20:40, 28:32] = True
FRAME = np.pad(np.zeros((28, 18), bool), 1, constant_values=True)  # a box around it


@pytest.mark.parametrize(
    ("ink", "left", "top", "expected"),
    [
        (DIGIT[20:40, 28:32], 28, 20, True),
        (FRAME | DIGIT[15:45, 20:40], 20, 15, False),  # more box than digit
        (FRAME, 20, 15, False),  # the box alone
        (DIGIT[20:34, 28:32], 28, 20, False),  # a piece
        (DIGIT, 0, 0, False),  # it would be too small in the frame
    ],
)
def test_matches(ink: np.ndarray, left: int, top: int, expected: bool) -> None:
    box = Box(left, top, left + ink.shape[1], top + ink.shape[0])
    assert frames.matches(Component(ink.astype(np.uint8) * 200, box), DIGIT) is expected


def test_the_seed_decides_and_most_are_what_they_should_be(train_slice: Split) -> None:
    materials, classifier = small_materials.make(train_slice), Classifier()
    images, labels = frames.digits(materials, 200, 0)
    others = frames.outliers(materials, 60, 0)
    assert (images.shape, others.shape) == ((200, 28, 28), (60, 28, 28))
    assert len({frame.tobytes() for frame in (*images, *others)}) > 240
    assert (frames.digits(materials, 60, 0)[0] == images[:60]).all()
    assert (frames.digits(materials, 60, 1)[0] != images[:60]).any()
    assert (classifier.model.probabilities(images).argmax(1) == labels).mean() > 0.85
    assert (classifier.model.probabilities(others).max(1) > classifier.threshold).mean() < 0.2


@pytest.mark.parametrize("kind", ["upright", "lying", "full", "no loops"])
def test_degenerate_digits(kind: str) -> None:
    """A user's own pictures may all be lines, blots or labelled wrong."""
    images = np.full((4, 28, 28), 255 if kind == "full" else 0, np.uint8)
    images[:, 14, 4:24] = 255 * (kind == "lying")
    images[:, 4:24, 14] = 255 * (kind != "lying")
    digits = Split(images, np.full(4, 8 if kind == "no loops" else 1, np.uint8))
    materials = small_materials.make(digits, 3)
    assert len(frames.outliers(materials, 5, 0)) == 5
