"""Ink: the strokes of a pen, and pieces of writing.

Composing a page from ready pieces costs a thousandth of drawing each stroke anew.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.interpolate import CubicHermiteSpline

from digits_train.raster import Bytes, cropped, ink_box, scaled

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

    def scaled(self, scale: float, wider: float = 1.0) -> "Glyph":
        """As large as in writing of another size; at least two pixels."""
        high, wide = self.coverage.shape
        width, height = (max(2, round(side)) for side in (wide * scale * wider, high * scale))
        coverage = scaled(self.coverage, width, height)
        return Glyph(coverage, self.below * scale, self.doubtful * np.float32(scale))

    def leaning(self, slant: float, slope: float) -> "Glyph":
        """Lean to the right by a share of the height, and descend by a share of the width."""
        size = np.array(self.coverage.shape[::-1])
        grown = size + np.round(np.abs((slant, slope)) * size[::-1]).astype(int)
        if min(size) < 3 or (grown == size).all():
            return self
        turn = np.array([(1, -slant), (slope, 1)])
        # PIL asks where a pixel of the result comes from; the middle stays the middle.
        back = np.linalg.inv(turn)
        places = tuple(np.column_stack([back, (size - back @ grown) / 2]).ravel())
        image = Image.fromarray(self.coverage).transform(
            tuple(grown.tolist()), Image.Transform.AFFINE, places, Image.Resampling.BILINEAR
        )
        coverage = np.asarray(image)
        rows, columns = ink_box(coverage)
        boxes = self.doubtful
        if len(boxes):  # digits, which are most of what is written, have none
            middles = (boxes[:, :2] + boxes[:, 2:] - size) / 2
            moved = middles @ (turn - np.eye(2)).T + (grown - size) / 2
            moved -= columns.start, rows.start
            boxes = (boxes + np.tile(moved, 2)).astype(np.float32)
        below = self.below + rows.stop - float(size[1] + grown[1]) / 2
        return Glyph(coverage[rows, columns], below, boxes)


def stroke(lines: Sequence[Points], width: float, filled: bool = False) -> Bytes:
    """Draw lines through points in pixels with a round pen: uint8 [h, w], cropped to the ink.

    filled: fill the outline that each line is.
    """
    points = np.concatenate(lines)
    low = points.min(0) - width
    size = 2 * np.ceil(points.max(0) + width - low + 1).astype(int)  # for soft edges
    image = Image.new("L", (int(size[0]), int(size[1])))
    pen, thick = ImageDraw.Draw(image), max(1, round(2 * width))
    for line in lines:
        at = [(float(x), float(y)) for x, y in (line - low) * 2]
        if filled:
            pen.polygon(at, 255)
        pen.line(at, fill=255, width=thick, joint="curve")
        for x, y in (at[0], at[-1]) if thick > 2 else ():
            pen.circle((x, y), thick / 2, 255)
    return cropped(np.asarray(image.reduce(2)))


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
