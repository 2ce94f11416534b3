"""One digit into the frame of MNIST."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits.vision.ink import Floats, Ink

SIDE = 28  # pixels; the side of the picture that the network sees
DIGIT = 20  # pixels; MNIST scaled the longer side of every digit to this

# The darkest fifth of a digit's inked pixels is drawn at full contrast, as it is in MNIST (first
# 5,000 training digits: this quantile is 245 or more of 255 in 95 % of them).
_FULL_CONTRAST = 0.8
# Pixels; thinner strokes are drawn with a pen of this width (the thinnest of the first 5,000
# training digits have 1.28, half of them at least 2.36).
_THINNEST = 1.2
_FINE = 4  # a stroke is thickened in so many times as many pixels, where a fraction is a pixel


def frame(ink: Ink) -> NDArray[np.uint8]:
    """Draw the digit as MNIST did: longest side 20 px, centre of mass in the middle of 28x28.

    ink: uint8 [height, width], the digit alone, up to its edges. Y. LeCun, C. Cortes, C. Burges,
    "The MNIST database of handwritten digits". Returns uint8 [28, 28], 0 = paper, 255 = full ink.
    """
    digit = ink.astype(np.float32)
    small = _at_full_contrast(_scaled(digit, DIGIT))
    if stroke_width(small) < _THINNEST:
        # At full contrast a hairline looks a pixel wide, so it is measured in finer ones.
        fine = _at_full_contrast(_scaled(digit, _FINE * DIGIT))
        growth = round((_FINE * _THINNEST - stroke_width(fine)) / 2)  # on each side of a stroke
        if growth > 0:
            fine = _at_full_contrast(_scaled(digit, _FINE * DIGIT - 2 * growth))
            small = _at_full_contrast(_scaled(_thickened(fine, growth), DIGIT))
    canvas = np.zeros((SIDE, SIDE), np.float32)
    top, left = (_offset(small.sum(1 - axis)) for axis in (0, 1))
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    return (canvas * 255).round().astype(np.uint8)


def stroke_width(ink: Floats) -> float:
    """The mean width of the strokes, in pixels: twice their area by the length of their outline.

    ink: float32 [height, width], 0 (paper) to 1.
    """
    padded = np.pad(ink, 1)
    down, right = padded[1:, :-1] - padded[:-1, :-1], padded[:-1, 1:] - padded[:-1, :-1]
    return 2 * float(ink.sum()) / float(np.hypot(down, right).sum())


def _scaled(digit: Floats, longest: int) -> Floats:
    """The digit with that many pixels along its longer side; bicubic when that is more."""
    height, width = digit.shape
    scale = longest / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if scale > 1:
        return np.asarray(Image.fromarray(digit).resize(size, Image.Resampling.BICUBIC))
    return np.asarray(_area(height, size[1]) @ digit @ _area(width, size[0]).T, np.float32)


def _at_full_contrast(digit: Floats) -> Floats:
    inked = digit[digit > 0.1 * digit.max()]
    drawn: Floats = np.clip(digit / _quantile(inked, _FULL_CONTRAST), 0, 1)
    return drawn


def _quantile(values: Floats, share: float) -> np.float32:
    """The value below which that share lies: what np.quantile gives, which imports numpy.ma."""
    place = share * (values.size - 1)
    low, high = int(place), min(int(place) + 1, values.size - 1)
    ordered = np.partition(values, [low, high])
    step, way = ordered[high] - ordered[low], place - low
    between = ordered[low] + step * way if way < 0.5 else ordered[high] - step * (1 - way)
    return np.float32(between)


def _thickened(digit: Floats, growth: int) -> Floats:
    """Each stroke `growth` pixels wider on each side, and so the whole."""
    padded = np.pad(digit, growth)
    for _ in range(growth):
        around = np.pad(padded, 1)
        np.maximum(padded, around[1:-1, 2:], out=padded)
        np.maximum(padded, around[1:-1, :-2], out=padded)
        np.maximum(padded, around[2:, 1:-1], out=padded)
        np.maximum(padded, around[:-2, 1:-1], out=padded)
    return padded


def _area(length: int, reduced: int) -> Floats:
    """The matrix [reduced, length] that averages by area: each output pixel covers its share.

    Pillow's box filter rounds the share to whole pixels, which breaks thin strokes.
    """
    edges = np.arange(reduced + 1, dtype=np.float32) * (length / reduced)
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    matrix: Floats = (np.clip(overlap, 0, None) * (reduced / length)).astype(np.float32)
    return matrix


def _offset(mass: Floats) -> int:
    """Where a row or column profile starts so that its centre of mass is in the middle.

    In MNIST that is anywhere inside pixel 14, counted from 0 (all of the first 5,000 training
    digits), not on the line between pixels 13 and 14.
    """
    centre = float((mass * (np.arange(len(mass)) + 0.5)).sum() / mass.sum())
    return int(np.clip(round((SIDE + 1) / 2 - centre), 0, SIDE - len(mass)))
