"""Ink: the strokes of a pen, and pieces of writing.

Composing a page from ready pieces costs a thousandth of drawing each stroke anew.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from digits_train.pixels import Bytes, cropped, scaled

EM = 56  # pixels: the height of the digits and capitals of which pages are composed
NO_BOXES = np.zeros((0, 4), np.float32)
# Six points on the way from one to the next, by these two and the slopes there: [6, 4].
_POWERS = (np.arange(6)[:, None] / 6) ** (3, 2, 1, 0)
_HERMITE = _POWERS @ np.array([(2, 1, -2, 1), (-3, -2, 3, -1), (0, 1, 0, 0), (1, 0, 0, 0)])

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
        high, wide = self.coverage.shape
        across, down = wide + round(abs(slant) * high), high + round(abs(slope) * wide)
        if min(high, wide) < 3 or (across, down) == (wide, high):
            return self
        # PIL asks where a pixel of the result comes from; the middle stays the middle.
        scale = 1 / (1 + slant * slope)
        from_x = wide - scale * (across + slant * down)
        from_y = high - scale * (down - slope * across)
        back = scale, scale * slant, from_x / 2, -scale * slope, scale, from_y / 2
        image = Image.fromarray(self.coverage).transform(
            (across, down), Image.Transform.AFFINE, back, Image.Resampling.BILINEAR
        )
        left, top, right, bottom = image.getbbox() or (0, 0, 1, 1)
        boxes = self.doubtful
        if len(boxes):  # digits, which are most of what is written, have none
            x, y = ((boxes[:, :2] + boxes[:, 2:] - (wide, high)) / 2).T
            x, y = (across - wide) / 2 - left - slant * y, (down - high) / 2 - top + slope * x
            boxes = boxes + np.stack([x, y, x, y], 1, dtype=np.float32)
        below = self.below + bottom - (high + down) / 2
        return Glyph(np.asarray(image)[top:bottom, left:right], below, boxes)


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
        corners = [(x, y) for x, y in ((line - low) * 2).tolist()]
        if filled:
            pen.polygon(corners, 255)
        pen.line(corners, fill=255, width=thick)
        for index, middle in enumerate(corners if thick > 2 else ()):  # PIL's own joints are slow
            pen.circle(middle, thick / 2 - (0 < index < len(corners) - 1), 255)
    return cropped(np.asarray(image.reduce(2)))


def around(angle: NDArray[Any], radius: NDArray[Any] | float) -> Points:
    """Points around (0, 0) in polar coordinates: float64 [n, 2]."""
    return np.asarray(np.stack([np.cos(angle), np.sin(angle)], 1) * np.reshape(radius, (-1, 1)))


def smooth(points: Points) -> Points:
    """A curve through points: float64 [m, 2].

    E. Catmull, R. Rom, "A class of local interpolating splines", 1974.
    """
    slopes = np.gradient(points, axis=0)
    ends = np.stack([points[:-1], slopes[:-1], points[1:], slopes[1:]], 1)
    return np.concatenate([(_HERMITE @ ends).reshape(-1, 2), points[-1:]])
