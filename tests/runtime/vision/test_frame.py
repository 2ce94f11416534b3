import numpy as np
import pytest
from PIL import Image

from digits.data.mnist import Split
from digits.vision.frame import stroke_width, to_mnist
from tests.runtime.vision.drawn import arrays

INKS = arrays(60).filter(lambda ink: bool(ink.any()))


def cut(ink: np.ndarray) -> np.ndarray:
    """Crop to the bounding box of the ink."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def enlarged(split: Split, side: int, count: int = 20) -> list[np.ndarray]:
    """The first digits, cropped from pictures of this size."""
    images = map(Image.fromarray, split.images[:count])
    size = side, side
    return [cut(np.asarray(image.resize(size, Image.Resampling.BICUBIC))) for image in images]


def ring(height: int, width: int) -> np.ndarray:
    """The outline of a box, one pixel wide."""
    drawn = np.zeros((height, width), np.uint8)
    drawn[[0, -1]] = drawn[:, [0, -1]] = 200
    return drawn


def width_of(ink: np.ndarray) -> float:
    """The mean width of the strokes of one picture, uint8 [height, width]."""
    return float(stroke_width(ink[None].astype(np.float32) / np.float32(255))[0])


def test_mnist_digit_unchanged(test_slice: Split) -> None:
    """MNIST's digits are framed by the same rule, so framing must hardly change them."""
    images = test_slice.images[:200]
    inks = [cut(image) for image in images]
    before = [ink.copy() for ink in inks]
    frames = to_mnist(inks)
    differences = np.abs(frames.astype(int) - images).mean((1, 2))
    assert np.median(differences) < 4
    assert np.quantile(differences, 0.9) < 12
    for ink, same, framed in zip(inks, before, frames, strict=True):
        np.testing.assert_array_equal(ink, same)
        if width_of(ink) > 2:  # wide strokes aren't thickened
            assert width_of(framed) == pytest.approx(width_of(ink), rel=0.15)


@pytest.mark.parametrize("side", [14, 28, 100, 500])
def test_frame_like_mnist(test_slice: Split, side: int) -> None:
    centres = np.arange(28) + 0.5
    frames = to_mnist(enlarged(test_slice, side, 50))
    assert frames.shape == (50, 28, 28) and frames.dtype == np.uint8
    for framed in frames:
        assert max(cut(framed).shape) in (18, 19, 20)
        assert framed.max() == 255
        for axis in (0, 1):
            middle = (framed.sum(axis) * centres).sum() / framed.sum()
            assert abs(middle - 14.5) <= 0.51


def test_batch_of_thick_and_thin_strokes(test_slice: Split) -> None:
    """Only the ones with hairlines are drawn again."""
    inks = [ring(90, 60), *(cut(image) for image in test_slice.images[:20]), ring(60, 90)]
    alone = np.concatenate([to_mnist([ink]) for ink in inks])
    np.testing.assert_array_equal(to_mnist(inks), alone)


@pytest.mark.parametrize("side", [60, 200, 400])
def test_hairline_drawn_thicker(side: int) -> None:
    [framed] = to_mnist([ring(side, side)])
    assert 1.1 <= width_of(framed) <= 1.8
    assert max(cut(framed).shape) in (19, 20)
    np.testing.assert_allclose(cut(framed), cut(framed)[::-1, ::-1], atol=2)  # on all sides alike


def test_stroke_width_of_bars() -> None:
    thick = [0, 1, 2, 3, 5]
    bars = np.zeros((len(thick), 80, 12), np.float32)
    for bar, width in zip(bars, thick, strict=True):
        bar[:, :width] = 1
    widths = stroke_width(bars)
    assert widths.dtype == np.float32
    assert widths == pytest.approx(thick, rel=0.1)
    for bar, width in zip(bars, widths, strict=True):
        assert stroke_width(bar[None]) == pytest.approx(width)


@pytest.mark.parametrize("turns", range(4))
def test_lopsided_digit_is_not_cut_off(turns: int) -> None:
    """Its centre of mass can't be in the middle: the end of its tail would be outside."""
    ink = np.zeros((20, 20), np.uint8)
    ink[:, :5] = ink[9:11] = 255
    [framed] = to_mnist([np.rot90(ink, turns)])
    assert (framed > 0).sum() == (ink > 0).sum()
