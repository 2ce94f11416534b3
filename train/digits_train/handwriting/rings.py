"""0 and 8, the digits of rings.

Each style is a function of a random generator, and of proportions whose ranges the tables at the
end give, that returns an upright glyph, about 1 high.
"""

from functools import partial

import numpy as np
from numpy.random import Generator

from digits_train.handwriting.strokes import (
    Glyph,
    Stroke,
    arc,
    curve,
    jitter,
    join,
    line,
    round_corners,
    style,
)


def _ring(rng: Generator, width: float, around: float, drift: float = 0.04) -> Stroke:
    """A ring, anticlockwise from near the top, not quite an ellipse.

    around: degrees; 360 closes it. drift: by how much of the radius the end may lie inside or
    outside of the beginning.
    """
    start = rng.uniform(-110, -50)
    angles = np.radians(np.linspace(start, start - around, 40))
    radius = np.ones(40)
    for wave in (2, 3):
        radius += rng.normal(0, 0.02) * np.cos(wave * angles + rng.uniform(0, 2 * np.pi))
    radius *= np.linspace(1, 1 + rng.uniform(-drift, drift), 40)
    x, y = width / 2 * radius * np.cos(angles), radius * np.sin(angles) / 2
    return np.stack([x + width / 2, y + 0.5], 1)


def zero(rng: Generator, width: float, around: float, drift: float = 0.04) -> Glyph:
    return [_ring(rng, width, around, drift)]


def zero_angular(rng: Generator) -> Glyph:
    """With five or six corners, which haste has rounded; with four it would be a box."""
    corners, width = int(rng.integers(5, 7)), rng.uniform(0.3, 0.48)
    angles = rng.uniform(0, 90) - 360 / corners * np.arange(corners) + rng.normal(0, 7, corners)
    # It begins in the middle of a side, or its first corner would stay sharp.
    points = [(np.cos(angle) * width, np.sin(angle) * 0.6) for angle in np.radians(angles).tolist()]
    start = (points[0][0] + points[-1][0]) / 2, (points[0][1] + points[-1][1]) / 2
    return round_corners([line(start, *points, start)], rng, rng.uniform(0.08, 0.2))


def zero_curled(rng: Generator) -> Glyph:
    """It ends in a small loop at the top."""
    ring = _ring(rng, rng.uniform(0.55, 0.9), 362, 0.01)
    size = rng.uniform(0.08, 0.15)
    loop = [(-0.4, -0.15), (-1, 0.5), (-0.3, 1.1), (0.5, 0.3), (0.9, -rng.uniform(0.3, 1.0))]
    return [join(ring, curve(*(np.array(loop) * size + ring[-1]).tolist()))]


def zero_slashed(rng: Generator) -> Glyph:
    """From lower left to upper right, inside or beyond."""
    width = rng.uniform(0.55, 0.9)
    reach = rng.uniform(0.55, 1.25)
    x, y = width / 2 * reach * 0.75, 0.5 * reach * rng.uniform(0.7, 0.85)
    middle = np.array([width / 2, 0.5])
    slash = line((x, -y), (-x, y)) + middle + rng.normal(0, 0.02, 2)
    return [_ring(rng, width, rng.uniform(355, 370)), slash]


def eight(rng: Generator, waist: float, upper: float, gap: float, lower: float) -> Glyph:
    """In one stroke from the top right. upper, lower: widths. gap: between the ends, at the top."""
    middle = max(upper, lower) / 2
    start = middle + upper * 0.4 - gap * 0.4, waist * 0.22 + gap * 0.1
    head = [(middle - gap * 0.3, 0.0), (middle - upper / 2, waist * 0.45), (middle, waist)]
    belly = [(middle + lower / 2, waist + (1 - waist) * 0.52), (middle, 1.0)]
    belly += [(middle - lower / 2, waist + (1 - waist) * 0.55), (middle + 0.02, waist + 0.02)]
    end = middle + upper * 0.42 + gap * 0.3, waist * 0.3 - gap * 0.4
    return [curve(*jitter(rng, 0.012, start, *head, *belly, end))]


def eight_ratio(rng: Generator, waist: float, upper: float, ratio: float) -> Glyph:
    """ratio: of the lower width to the upper one."""
    return eight(rng, waist, upper, 0.0, upper * ratio)


def eight_small_head(rng: Generator, waist: float, lower: float, ratio: float) -> Glyph:
    """ratio: of the upper width to the lower one."""
    return eight(rng, waist, lower * ratio, 0.0, lower)


def eight_circles(rng: Generator) -> Glyph:
    """Two rings, one above the other, which touch or overlap a little."""
    waist, width = rng.uniform(0.42, 0.52), rng.uniform(0.38, 0.54)
    lower = width * rng.uniform(1.0, 1.25)
    rings = []
    for top, bottom, wide in ((0.0, waist, width), (waist, 1.0, lower)):
        start = rng.uniform(-120, -60) if top else rng.uniform(40, 130)
        radii = wide / 2, (bottom - top) / 2 + rng.uniform(0.0, 0.02)
        centre = rng.normal(0, 0.02), (top + bottom) / 2
        rings.append(arc(centre, radii, start, start + rng.uniform(358, 380)))
    return rings


_zero_overlapping = partial(zero, drift=0.15)  # its end goes outside or across its beginning
_OPEN = {"waist": (0.44, 0.52), "upper": (0.42, 0.54), "gap": (0.12, 0.28), "lower": (0.42, 0.56)}

ZERO = {
    "round": style(0.22, zero, 0.7, width=(0.65, 0.95), around=(355, 375)),
    "narrow": style(0.2, zero, 0.73, width=(0.36, 0.62), around=(355, 375)),
    "wide": style(0.08, zero, 0.67, width=(0.95, 1.3), around=(355, 375)),
    "angular": style(0.12, zero_angular, 0.6),
    "open": style(0.1, zero, 0.62, width=(0.5, 0.9), around=(325, 348)),
    "overlapping": style(0.12, _zero_overlapping, 0.62, width=(0.5, 0.9), around=(380, 425)),
    "curled": style(0.08, zero_curled, 0.5),
    "slashed": style(0.08, zero_slashed, 0.34),
}
EIGHT = {
    "plain": style(
        0.34, eight_ratio, 0.53, waist=(0.42, 0.52), upper=(0.4, 0.56), ratio=(0.95, 1.2)
    ),
    "circles": style(0.18, eight_circles, 0.5),
    "narrow": style(
        0.14, eight_ratio, 0.54, waist=(0.4, 0.54), upper=(0.26, 0.36), ratio=(0.9, 1.25)
    ),
    "open": style(0.12, eight, 0.38, **_OPEN),
    "top-heavy": style(
        0.1, eight_ratio, 0.38, waist=(0.54, 0.6), upper=(0.48, 0.6), ratio=(0.65, 0.9)
    ),
    "small head": style(
        0.12, eight_small_head, 0.38, waist=(0.34, 0.42), lower=(0.46, 0.64), ratio=(0.55, 0.75)
    ),
}
