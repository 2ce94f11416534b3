import numpy as np
import pytest
from PIL import Image

from digits.data.mnist import Split
from digits.vision.frame import stroke_width, to_mnist
from tests.synthetic import arrays

INKS = arrays(60).filter(lambda ink: bool(ink.any()))


def cut(ink: np.ndarray) -> np.ndarray:
    """Crop to the bounding box of the ink."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def ring(height: int, width: int) -> np.ndarray:
    """The outline of a box, one pixel wide."""
    drawn = np.zeros((height, width), np.uint8)
    drawn[[0, -1]] = drawn[:, [0, -1]] = 200
    return drawn


def width_of(ink: np.ndarray) -> float:
    """The mean width of the strokes of one picture, uint8 [height, width]."""
    return float(stroke_width(ink[None].astype(np.float32) / np.float32(255))[0])


@pytest.mark.parametrize("side", [14, 28, 500])
def test_frame_like_mnist(test_slice: Split, side: int) -> None:
    images = [Image.fromarray(image) for image in test_slice.images[:50]]
    enlarged = [image.resize((side, side), Image.Resampling.BICUBIC) for image in images]
    frames = to_mnist([cut(np.asarray(image)) for image in enlarged])
    assert frames.shape == (50, 28, 28) and frames.dtype == np.uint8
    for framed in frames:
        assert max(cut(framed).shape) in (18, 19, 20)
        assert framed.max() == 255
        for axis in (0, 1):
            middle = (framed.sum(axis) * (np.arange(28) + 0.5)).sum() / framed.sum()
            assert abs(middle - 14.5) <= 0.51


def test_mnist_digit_unchanged(test_slice: Split) -> None:
    """MNIST's digits are framed by the same rule, so framing must hardly change them."""
    images = test_slice.images[:200]
    frames = to_mnist([cut(image) for image in images])
    differences = np.abs(frames.astype(int) - images).mean((1, 2))
    assert np.median(differences) < 4
    assert np.quantile(differences, 0.9) < 12
    for image, framed in zip(images, frames, strict=True):
        if width_of(image) > 2:  # wide strokes aren't thickened
            assert width_of(framed) == pytest.approx(width_of(image), rel=0.15)


@pytest.mark.parametrize("side", [60, 200, 400])
def test_hairline_drawn_thicker(side: int) -> None:
    [framed] = to_mnist([ring(side, side)])
    assert 1.1 <= width_of(framed) <= 1.8
    assert max(cut(framed).shape) in (19, 20)
    np.testing.assert_allclose(cut(framed), cut(framed)[::-1, ::-1], atol=2)  # on all sides alike


@pytest.mark.parametrize("turns", range(4))
def test_lopsided_digit_is_not_cut_off(turns: int) -> None:
    """Its centre of mass can't be in the middle: the end of its tail would be outside."""
    ink = np.zeros((20, 20), np.uint8)
    ink[:, :5] = ink[9:11] = 255
    [framed] = to_mnist([np.rot90(ink, turns)])
    assert (framed > 0).sum() == (ink > 0).sum()
