"""Digits in the frame of MNIST."""

import numpy as np
import pytest
from PIL import Image

from digits.data.split import Split
from digits.vision.components import trim
from digits.vision.frame import stroke_width, to_mnist


@pytest.mark.parametrize("side", [14, 500])
def test_frame_like_mnist(test_slice: Split, side: int) -> None:
    images = [Image.fromarray(image) for image in test_slice.images[:50]]
    enlarged = [image.resize((side, side), Image.Resampling.BICUBIC) for image in images]
    frames = to_mnist([trim(np.asarray(image)).ink for image in enlarged])
    assert frames.shape == (50, 28, 28) and frames.dtype == np.uint8
    for framed in frames:
        assert trim(framed).box.longer in (18, 19, 20)
        assert framed.max() == 255
        for axis in (0, 1):
            middle = (framed.sum(axis) * (np.arange(28) + 0.5)).sum() / framed.sum()
            assert abs(middle - 14.5) <= 0.51


@pytest.mark.parametrize("side", [60, 400])
def test_hairline_drawn_thicker(side: int) -> None:
    ring = np.zeros((side, side), np.uint8)
    ring[[0, -1]] = ring[:, [0, -1]] = 200
    [framed] = to_mnist([ring])
    [width] = stroke_width(framed[None].astype(np.float32))
    assert 1.1 <= width <= 1.8
    assert trim(framed).box.longer in (19, 20)
    ink = trim(framed).ink
    np.testing.assert_allclose(ink, ink[::-1, ::-1], atol=2)  # on all sides alike


@pytest.mark.parametrize("turns", range(4))
def test_lopsided_digit_is_not_cut_off(turns: int) -> None:
    """Its centre of mass can't be in the middle: the end of its tail would be outside."""
    ink = np.zeros((20, 20), np.uint8)
    ink[:, :5] = ink[9:11] = 255
    [framed] = to_mnist([np.rot90(ink, turns)])
    assert (framed > 0).sum() == (ink > 0).sum()
