"""Digits in the frame of MNIST."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits.vision.ink import Floats, Ink

SIDE = 28  # pixels; the side of the picture that the network sees
DIGIT_SIDE = 20  # pixels; MNIST scaled the longer side of every digit to this

# The darkest fifth of a digit's inked pixels is drawn at full contrast, as it is in MNIST (first
# 5,000 training digits: this quantile is 245 or more of 255 in 95 % of them).
_FULL_CONTRAST = 0.8
# Pixels; thinner strokes are drawn with a pen of this width (the thinnest of the first 5,000
# training digits have 1.28, half of them at least 2.36).
_MIN_STROKE_WIDTH = 1.2
_OVERSAMPLING = 8  # finer pixels than this don't show in the frame
_UPSAMPLE = 4  # strokes are thickened in finer pixels, by fractions of the frame's


def to_mnist(inks: Sequence[Ink]) -> NDArray[np.uint8]:
    """Draw digits as MNIST did: longest side 20 px, centre of mass in the middle of 28x28.

    inks: n times uint8 [height, width], each a digit cropped to its edges. Y. LeCun, C. Cortes,
    C. Burges, "The MNIST database of handwritten digits". Returns uint8 [n, 28, 28], 0 = paper,
    255 = full ink.
    """
    canvas = np.zeros((len(inks), SIDE, SIDE), np.float32)
    for index, ink in enumerate(inks):
        _draw(canvas[index], _resize(ink.astype(np.float32), DIGIT_SIDE))
    for index in np.flatnonzero(stroke_width(canvas) < _MIN_STROKE_WIDTH).tolist():
        _draw(canvas[index], _thicken(inks[index].astype(np.float32)))
    pixels = np.round(canvas * 255).astype(np.uint8)
    frames = np.zeros_like(pixels)
    for index, (down, right) in enumerate(_offsets(canvas).tolist()):
        # What is cut off is paper: no digit is larger than 20 pixels.
        frames[index, down:, right:] = pixels[index, : SIDE - down, : SIDE - right]
    return frames


def _draw(canvas: Floats, digit: Floats) -> None:
    canvas[:] = 0
    canvas[: digit.shape[0], : digit.shape[1]] = _stretch_contrast(digit)


def stroke_width(ink: Floats) -> Floats:
    """The mean stroke width in pixels, float32 [n]: twice the area by the length of the outline.

    ink: float32 [n, height, width], 0 (paper) to 1.
    """
    padded = np.zeros((len(ink), ink.shape[1] + 2, ink.shape[2] + 2), np.float32)
    padded[:, 1:-1, 1:-1] = ink
    corner = padded[:, :-1, :-1]
    down, right = padded[:, 1:, :-1] - corner, padded[:, :-1, 1:] - corner
    outline = np.sqrt(down * down + right * right).sum((1, 2))  # np.hypot is half as fast
    width: Floats = 2 * ink.sum((1, 2)) / np.maximum(outline, np.float32(1e-6))
    return width


def _resize(digit: Floats, longest: int) -> Floats:
    """Resize a digit to this longer side: by area, or bicubic when it is enlarged."""
    reduced = max(digit.shape) // (_OVERSAMPLING * longest)
    if reduced > 1:  # by an integer factor first, which is faster
        digit = np.asarray(Image.fromarray(digit).reduce(reduced))
    height, width = digit.shape
    scale = longest / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if scale > 1:
        return np.asarray(Image.fromarray(digit).resize(size, Image.Resampling.BICUBIC))
    if scale == 1:
        return digit
    return np.asarray(_area_matrix(height, size[1]) @ digit @ _area_matrix(width, size[0]).T)


def _stretch_contrast(digit: Floats) -> Floats:
    inked = digit[digit > 0.1 * digit.max()]
    full = int(_FULL_CONTRAST * (inked.size - 1))
    drawn: Floats = digit / np.partition(inked, full)[full]
    np.clip(drawn, 0, 1, out=drawn)
    return drawn


def _thicken(digit: Floats) -> Floats:
    """Resize a digit to 20 pixels, its strokes as thick as MNIST's thinnest."""
    # At full contrast a hairline looks a pixel wide, so measure it in finer pixels.
    fine = _stretch_contrast(_resize(digit, _UPSAMPLE * DIGIT_SIDE))
    missing = _UPSAMPLE * _MIN_STROKE_WIDTH - float(stroke_width(fine[None])[0])
    growth = round(missing / 2)  # on each side of a stroke
    if growth <= 0:
        return _resize(digit, DIGIT_SIDE)
    fine = _stretch_contrast(_resize(digit, _UPSAMPLE * DIGIT_SIDE - 2 * growth))
    for _ in range(growth):
        around = np.pad(fine, 2)
        rows, columns = around[:, 1:-1], around[1:-1]
        shifted = (rows[:-2], rows[2:], columns[:, :-2], columns[:, 2:])
        fine = np.maximum.reduce([rows[1:-1], *shifted])
    return _resize(fine, DIGIT_SIDE)


@lru_cache(64)  # 3 MB at most, where 640 pixels become 20
def _area_matrix(length: int, reduced: int) -> Floats:
    """The matrix that averages by area; Pillow's rounds to whole pixels, which breaks strokes."""
    edges = np.arange(reduced + 1, dtype=np.float32) * np.float32(length / reduced)
    pixels = np.arange(length, dtype=np.float32)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    matrix: Floats = np.maximum(overlap, 0) * np.float32(reduced / length)
    matrix.flags.writeable = False  # it is cached
    return matrix


def _offsets(ink: Floats) -> NDArray[np.int64]:
    """The rows and columns by which to move each digit to centre its mass: int64 [n, 2].

    ink: float32 [n, 28, 28], each digit in the upper left corner. In MNIST the centre is anywhere
    inside pixel 14, counted from 0, not on the line between pixels 13 and 14.
    """
    middles = np.arange(SIDE, dtype=np.float32) + np.float32(0.5)
    profiles = np.stack([ink.sum(2), ink.sum(1)], 1)  # of rows, and of columns
    centres = (profiles * middles).sum(2) / ink.sum((1, 2))[:, None]
    room = (profiles[:, :, ::-1] > 0).argmax(2)
    moves: NDArray[np.int64] = np.round((SIDE + 1) / 2 - centres).clip(0, room).astype(np.int64)
    return moves
