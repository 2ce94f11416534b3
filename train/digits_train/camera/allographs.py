"""Forms of digits that schools teach and hands shorten, and that MNIST and fonts rarely show.

A form is its strokes, each a few points (x, y) that a smooth curve goes through, with digits 1 high
and y down; a corner is where one stroke ends and the next begins.
"""

import numpy as np
from numpy.typing import NDArray

from digits_train.camera import marks
from digits_train.raster import Coverage, Random

Stroke = tuple[tuple[float, float], ...]

_WOBBLE = 0.03  # of the points: standard deviation, in heights
_WIDTH = 0.2  # of all widths: standard deviation of the logarithm
_STEPS = 6  # between two points of a stroke

_FORMS: dict[int, tuple[tuple[Stroke, ...], ...]] = {
    0: (
        (((0.35, 0.05), (0.1, 0.15), (0, 0.5), (0.2, 0.97), (0.5, 0.9), (0.6, 0.45), (0.5, 0.1)),),
        (
            ((0.3, 0), (0, 0.5), (0.3, 1), (0.6, 0.5), (0.3, 0)),
            ((0, 0.95), (0.6, 0.05)),
        ),
    ),
    1: (
        (((0, 0.38), (0.32, 0)), ((0.32, 0), (0.32, 1))),
        (((0, 0.85), (0.2, 0.45), (0.45, 0)), ((0.45, 0), (0.42, 1))),
        (((0.05, 0.3), (0.32, 0)), ((0.32, 0), (0.32, 1)), ((0.02, 1), (0.62, 1))),
    ),
    2: ((((0, 0.05), (0.55, 0.02)), ((0.55, 0.02), (0, 0.98)), ((0, 0.98), (0.6, 1))),),
    3: (
        (
            ((0, 0.02), (0.5, 0.02)),
            ((0.5, 0.02), (0.2, 0.4)),
            ((0.2, 0.4), (0.5, 0.5), (0.55, 0.8), (0.3, 1), (0, 0.92)),
        ),
    ),
    4: (
        (((0.1, 0), (0.02, 0.6)), ((0.02, 0.6), (0.65, 0.6)), ((0.5, 0.1), (0.48, 1))),
        (((0.05, 0.05), (0, 0.55)), ((0, 0.55), (0.6, 0.55)), ((0.82, 0), (0.8, 1))),
        (((0.5, 0), (0, 0.65)), ((0, 0.65), (0.7, 0.65)), ((0.5, 0), (0.5, 1))),
    ),
    5: (
        (
            ((0.12, 0.08), (0.08, 0.45)),
            ((0.08, 0.45), (0.3, 0.38), (0.55, 0.65), (0.4, 0.96), (0, 0.92)),
            ((0.22, 0), (0.68, -0.02)),
        ),
    ),
    7: (
        (
            ((0, 0.22), (0.04, 0.04), (0.2, 0.1), (0.4, 0.1), (0.62, 0.02)),
            ((0.62, 0.02), (0.42, 0.45), (0.3, 1)),
            ((0.15, 0.5), (0.62, 0.46)),
        ),
        (((0, 0.03), (0.6, 0.03)), ((0.6, 0.03), (0.25, 1)), ((0.12, 0.5), (0.6, 0.48))),
        (((0, 0.18), (0.02, 0), (0.3, 0)), ((0.3, 0), (0.2, 0.5), (0.17, 1))),
        (((0, 0), (0.48, 0.02)), ((0.58, 0.08), (0.3, 1))),
    ),
    9: (
        (
            ((0.55, 0.15), (0.3, 0), (0, 0.25), (0.2, 0.5), (0.52, 0.3)),
            ((0.55, 0.08), (0.5, 1)),
        ),
    ),
}


def draw(digit: int, height: float, pen: float, random: Random) -> Coverage | None:
    """Draw one of a digit's forms, cropped to its ink; None for a digit that has only one.

    height: of the ink, in pixels. pen: the strokes' width in pixels.
    """
    if digit not in _FORMS:
        return None
    forms = _FORMS[digit]
    form, wide = forms[int(random.integers(len(forms)))], np.exp(random.normal(0, _WIDTH))
    size = np.array([wide, 1]) * (height - pen)
    strokes = [
        _smooth(np.array(stroke) + random.normal(0, _WOBBLE, (len(stroke), 2))) * size
        for stroke in form
    ]
    return marks.stroke(strokes, pen * random.uniform(0.9, 1.1))


def _smooth(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """A curve through points [n, 2] (E. Catmull, R. Rom, "A class of local interpolating splines",
    1974): float64 [m, 2].
    """
    ends = 2 * points[:1] - points[1:2], 2 * points[-1:] - points[-2:-1]
    padded = np.concatenate([ends[0], points, ends[1]])
    t = np.linspace(0, 1, _STEPS, endpoint=False)[:, None]
    pieces = [
        0.5
        * (
            2 * b
            + (c - a) * t
            + (2 * a - 5 * b + 4 * c - d) * t**2
            + (3 * b - a - 3 * c + d) * t**3
        )
        for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False)
    ]
    return np.concatenate([*pieces, points[-1:]])
