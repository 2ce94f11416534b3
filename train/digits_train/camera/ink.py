"""Ink: the strokes of a pen, and pieces of writing.

Composing a page from ready pieces costs a thousandth of drawing each stroke anew.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.interpolate import CubicHermiteSpline

from digits_train.raster import Bytes, cropped

EM = 56  # pixels: the height of the digits and capitals of which pages are composed
NO_BOXES = np.zeros((0, 4), np.float32)
_STEPS = 6  # between two points of a smooth stroke

Points = NDArray[np.float64]  # [n, 2], x and y


class Glyph(NamedTuple):
    """A symbol, a word or a mark as ink, of writing whose digits are EM pixels high.

    coverage: uint8 [height, width], 255 = ink, cropped to it. below: pixels from the baseline down
    to the lowest ink, negative for what floats above it. doubtful: float32 [n, 4], left, top, right
    and bottom of what may be taken for a digit with good reason, neither wanted nor wrong.
    """

    coverage: Bytes
    below: float = 0.0
    doubtful: NDArray[np.float32] = NO_BOXES


def stroke(lines: Sequence[Points], width: float) -> Bytes:
    """Draw lines through points in pixels with a round pen: uint8 [h, w], cropped to the ink."""
    points = np.concatenate(lines)
    low = points.min(0) - width
    image = _canvas(points.max(0) + width - low + 1)
    pen = ImageDraw.Draw(image)
    thick = max(1, round(2 * width))
    for line in lines:
        at = [(float(x), float(y)) for x, y in (line - low) * 2]
        pen.line(at, fill=255, width=thick, joint="curve")
        for x, y in (at[0], at[-1]) if thick > 2 else ():
            r = thick / 2
            pen.ellipse((x - r, y - r, x + r, y + r), fill=255)
    return cropped(np.asarray(image.reduce(2)))


def filled(outline: Points) -> Bytes:
    """Fill a closed outline, points in pixels: uint8 [h, w], cropped to the ink."""
    low = outline.min(0) - 1
    image = _canvas(outline.max(0) - low + 1)
    ImageDraw.Draw(image).polygon([(x, y) for x, y in ((outline - low) * 2).tolist()], fill=255)
    return cropped(np.asarray(image.reduce(2)))


def _canvas(size: Points) -> Image.Image:
    """An image twice as wide and high, for soft edges."""
    width, height = (2 * np.ceil(size).astype(int)).tolist()
    return Image.new("L", (width, height))


def around(angle: NDArray[Any], radius: NDArray[Any] | float) -> Points:
    """Points around (0, 0) in polar coordinates: float64 [n, 2]."""
    return np.asarray(np.stack([np.cos(angle), np.sin(angle)], 1) * np.reshape(radius, (-1, 1)))


def smooth(points: Points) -> Points:
    """A curve through points: float64 [m, 2].

    E. Catmull, R. Rom, "A class of local interpolating splines", 1974.
    """
    slopes, last = np.gradient(points, axis=0), len(points) - 1
    curve = CubicHermiteSpline(np.arange(last + 1), points, slopes)
    return np.asarray(curve(np.linspace(0, last, last * _STEPS + 1)))
