"""Digits in the frame of MNIST."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits.vision.ink import Float32s, Ink

SIDE = 28  # pixels; the side of the picture that the network sees
DIGIT_SIDE = 20  # pixels; MNIST scaled the longer side of every digit to this

# The darkest fifth of a digit's inked pixels is drawn at full contrast, as it is in MNIST (first
# 5,000 training digits: this quantile is 245 or more of 255 in 95 % of them).
_FULL_CONTRAST = 0.8
# Pixels; thinner strokes are drawn with a pen of this width (the thinnest of the first 5,000
# training digits have 1.28, half of them at least 2.36).
_MIN_STROKE_WIDTH = 1.2
_OVERSAMPLING = 8  # finer pixels than this don't show in the frame
# For each pixel in a canvas whose digit begins at (1, 1): how far its middle is from the digit's
# corner, down and to the right, and 1. Summed with these weights, ink gives its moments and mass.
_OFFSETS = np.arange(SIDE + 1, dtype=np.float32) - np.float32(0.5)
_ONES = np.ones_like(_OFFSETS)
_MOMENTS = np.stack([*np.meshgrid(_OFFSETS, _OFFSETS, indexing="ij"), np.outer(_ONES, _ONES)], -1)
_UPSAMPLE = 4  # strokes are thickened in finer pixels, by fractions of the frame's


def to_mnist(inks: Sequence[Ink]) -> NDArray[np.uint8]:
    """Draw digits as MNIST did: longest side 20 px, centre of mass in the middle of 28x28.

    inks: n times uint8 [height, width], each a digit cropped to its edges. Y. LeCun, C. Cortes,
    C. Burges, "The MNIST database of handwritten digits". Returns uint8 [n, 28, 28], 0 = paper,
    255 = full ink.
    """
    canvas = np.zeros((len(inks), SIDE + 1, SIDE + 1), np.float32)  # paper is before each digit
    sizes = [
        _draw(square, _resize(ink.astype(np.float32), DIGIT_SIDE))
        for square, ink in zip(canvas, inks, strict=True)
    ]
    for index in np.flatnonzero(stroke_width(canvas) < _MIN_STROKE_WIDTH).tolist():
        canvas[index] = 0
        sizes[index] = _draw(canvas[index], _thicken(inks[index].astype(np.float32)))
    frames = np.zeros((len(inks), SIDE, SIDE), np.uint8)
    pixels = np.rint(canvas * 255).astype(np.uint8)
    moments = canvas.reshape(-1, (SIDE + 1) ** 2) @ _MOMENTS.reshape(-1, 3)
    # In MNIST the centre is anywhere inside pixel 14, counted from 0, not on the line between
    # pixels 13 and 14.
    moves = ((SIDE + 1) / 2 - moments[:, :2] / moments[:, 2:]).tolist()
    for frame, drawn, (height, width), (down, right) in zip(
        frames, pixels, sizes, moves, strict=True
    ):
        top = min(max(round(down), 0), SIDE - height)
        left = min(max(round(right), 0), SIDE - width)
        frame[top : top + height, left : left + width] = drawn[1 : 1 + height, 1 : 1 + width]
    return frames


def _draw(canvas: Float32s, digit: Float32s) -> tuple[int, int]:
    """Draw a digit beside the upper left corner; return its height and width."""
    height, width = digit.shape
    canvas[1 : 1 + height, 1 : 1 + width] = _stretch_contrast(digit)
    return height, width


def stroke_width(ink: Float32s) -> Float32s:
    """The mean stroke width in pixels, float32 [n]: twice the area by the length of the outline.

    ink: float32 [n, height, width], 0 (paper) to any maximum, with a pixel of paper on each side.
    """
    corner = ink[:, :-1, :-1]
    down, right = ink[:, 1:, :-1] - corner, ink[:, :-1, 1:] - corner
    down *= down
    right *= right
    outline = np.sqrt(down + right).sum((1, 2))  # np.hypot is half as fast
    width: Float32s = 2 * ink.sum((1, 2)) / np.maximum(outline, np.float32(1e-6))
    return width


def _resize(digit: Float32s, longer_side: int) -> Float32s:
    """Resize a digit to this longer side: by area, or bicubic when it is enlarged."""
    factor = max(digit.shape) // (_OVERSAMPLING * longer_side)
    if factor > 1:  # by an integer factor first, which is faster
        digit = np.asarray(Image.fromarray(digit).reduce(factor))
    height, width = digit.shape
    scale = longer_side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if scale > 1:
        return np.asarray(Image.fromarray(digit).resize(size, Image.Resampling.BICUBIC))
    if scale == 1:
        return digit
    return np.asarray(_area_matrix(height, size[1]) @ digit @ _area_matrix(width, size[0]).T)


def _stretch_contrast(digit: Float32s) -> Float32s:
    """Draw the darkest fifth of the inked pixels at full contrast: 0 to 1."""
    levels = np.sort(digit, axis=None)
    first = int(levels.searchsorted(0.1 * levels[-1], "right"))  # of the inked pixels
    full = levels[first + int(_FULL_CONTRAST * (levels.size - 1 - first))]
    stretched: Float32s = digit / full
    np.maximum(stretched, 0, out=stretched)  # np.clip takes three times as long
    np.minimum(stretched, 1, out=stretched)
    return stretched


def _thicken(digit: Float32s) -> Float32s:
    """Resize a digit to 20 pixels, its strokes as thick as MNIST's thinnest."""
    # At full contrast a hairline looks a pixel wide, so measure it in finer pixels.
    fine = _stretch_contrast(_resize(digit, _UPSAMPLE * DIGIT_SIDE))
    missing = _UPSAMPLE * _MIN_STROKE_WIDTH - float(stroke_width(np.pad(fine, 1)[None])[0])
    growth = round(missing / 2)  # on each side of a stroke
    if growth <= 0:
        return _resize(digit, DIGIT_SIDE)
    fine = _stretch_contrast(_resize(digit, _UPSAMPLE * DIGIT_SIDE - 2 * growth))
    for _ in range(growth):
        padded = np.pad(fine, 2)
        rows, columns = padded[:, 1:-1], padded[1:-1]
        shifted = (rows[:-2], rows[2:], columns[:, :-2], columns[:, 2:])
        fine = np.maximum.reduce([rows[1:-1], *shifted])
    return _resize(fine, DIGIT_SIDE)


@lru_cache(64)  # 3 MB at most, where 640 pixels become 20
def _area_matrix(length: int, reduced: int) -> Float32s:
    """The matrix that averages by area; Pillow's rounds to whole pixels, which breaks strokes."""
    edges = np.arange(reduced + 1, dtype=np.float32) * np.float32(length / reduced)
    pixels = np.arange(length, dtype=np.float32)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    matrix: Float32s = np.maximum(overlap, 0) * np.float32(reduced / length)
    matrix.flags.writeable = False  # it is cached
    return matrix
