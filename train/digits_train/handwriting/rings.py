"""0 and 8, the digits of rings.

Each style is a function of a random generator that returns an upright glyph, about 1 high.
"""

import numpy as np
from numpy.random import Generator

from digits_train.handwriting.strokes import (
    Glyph,
    Stroke,
    Style,
    arc,
    curve,
    jitter,
    join,
    line,
    round_corners,
)


def _ring(rng: Generator, width: float, around: float, drift: float = 0.04) -> Stroke:
    """Anticlockwise from near the top, not quite an ellipse. around: degrees; 360 closes it.
    drift: by how much of the radius the end may lie inside or outside of the beginning.
    """
    start = rng.uniform(-110, -50)
    angles = np.radians(np.linspace(start, start - around, 40))
    radius = np.ones(40)
    for wave in (2, 3):
        radius += rng.normal(0, 0.02) * np.cos(wave * angles + rng.uniform(0, 2 * np.pi))
    radius *= np.linspace(1, 1 + rng.uniform(-drift, drift), 40)
    x, y = width / 2 * radius * np.cos(angles), radius * np.sin(angles) / 2
    return np.stack([x + width / 2, y + 0.5], 1)


def zero_round(rng: Generator) -> Glyph:
    return [_ring(rng, rng.uniform(0.65, 0.95), rng.uniform(355, 375))]


def zero_narrow(rng: Generator) -> Glyph:
    return [_ring(rng, rng.uniform(0.36, 0.62), rng.uniform(355, 375))]


def zero_wide(rng: Generator) -> Glyph:
    return [_ring(rng, rng.uniform(0.95, 1.3), rng.uniform(355, 375))]


def zero_angular(rng: Generator) -> Glyph:
    """With five or six corners, which haste has rounded; with four it would be a box."""
    corners, width = int(rng.integers(5, 7)), rng.uniform(0.3, 0.48)
    angles = rng.uniform(0, 90) - 360 / corners * np.arange(corners) + rng.normal(0, 7, corners)
    # It begins in the middle of a side, or its first corner would stay sharp.
    points = [(np.cos(angle) * width, np.sin(angle) * 0.6) for angle in np.radians(angles).tolist()]
    start = (points[0][0] + points[-1][0]) / 2, (points[0][1] + points[-1][1]) / 2
    return round_corners([line(start, *points, start)], rng, rng.uniform(0.08, 0.2))


def zero_open(rng: Generator) -> Glyph:
    """Its ends don't meet."""
    return [_ring(rng, rng.uniform(0.5, 0.9), rng.uniform(325, 348))]


def zero_overlapping(rng: Generator) -> Glyph:
    """Its end goes past its beginning, outside or across it."""
    return [_ring(rng, rng.uniform(0.5, 0.9), rng.uniform(380, 425), 0.15)]


def zero_curled(rng: Generator) -> Glyph:
    """It ends in a small loop at the top."""
    ring = _ring(rng, rng.uniform(0.55, 0.9), 362, 0.01)
    x, y = ring[-1].tolist()
    size = rng.uniform(0.08, 0.15)
    curl = curve(
        (x - size * 0.4, y - size * 0.15),
        (x - size, y + size * 0.5),
        (x - size * 0.3, y + size * 1.1),
        (x + size * 0.5, y + size * 0.3),
        (x + size * 0.9, y - size * rng.uniform(0.3, 1.0)),
    )
    return [join(ring, curl)]


def zero_slashed(rng: Generator) -> Glyph:
    """From lower left to upper right, inside or beyond."""
    width = rng.uniform(0.55, 0.9)
    reach = rng.uniform(0.55, 1.25)
    x, y = width / 2 * reach * 0.75, 0.5 * reach * rng.uniform(0.7, 0.85)
    middle = np.array([width / 2, 0.5])
    slash = line((x, -y), (-x, y)) + middle + rng.normal(0, 0.02, 2)
    return [_ring(rng, width, rng.uniform(355, 370)), slash]


def _eight(rng: Generator, *, waist: float, upper: float, lower: float, gap: float = 0.0) -> Glyph:
    """In one stroke from the top right. upper, lower: widths. gap: between the ends, at the top."""
    middle = max(upper, lower) / 2
    end = middle + upper * 0.42 + gap * 0.3, waist * 0.3 - gap * 0.4
    points = jitter(
        rng,
        0.012,
        (middle + upper * 0.4 - gap * 0.4, waist * 0.22 + gap * 0.1),
        (middle - gap * 0.3, 0.0),
        (middle - upper / 2, waist * 0.45),
        (middle, waist),
        (middle + lower / 2, waist + (1 - waist) * 0.52),
        (middle, 1.0),
        (middle - lower / 2, waist + (1 - waist) * 0.55),
        (middle + 0.02, waist + 0.02),
        end,
    )
    return [curve(*points)]


def eight_plain(rng: Generator) -> Glyph:
    waist, upper = rng.uniform(0.42, 0.52), rng.uniform(0.4, 0.56)
    return _eight(rng, waist=waist, upper=upper, lower=upper * rng.uniform(0.95, 1.2))


def eight_circles(rng: Generator) -> Glyph:
    """Two rings, one above the other, which touch or overlap a little."""
    waist, width = rng.uniform(0.42, 0.52), rng.uniform(0.38, 0.54)
    lower = width * rng.uniform(1.0, 1.25)
    rings = []
    for x, top, bottom, wide in ((0.0, 0.0, waist, width), (0.0, waist, 1.0, lower)):
        start = rng.uniform(-120, -60) if top else rng.uniform(40, 130)
        radii = wide / 2, (bottom - top) / 2 + rng.uniform(0.0, 0.02)
        centre = x + rng.normal(0, 0.02), (top + bottom) / 2
        rings.append(arc(centre, radii, start, start + rng.uniform(358, 380)))
    return rings


def eight_narrow(rng: Generator) -> Glyph:
    waist, upper = rng.uniform(0.4, 0.54), rng.uniform(0.26, 0.36)
    return _eight(rng, waist=waist, upper=upper, lower=upper * rng.uniform(0.9, 1.25))


def eight_open(rng: Generator) -> Glyph:
    """At the top its ends don't meet."""
    waist, upper = rng.uniform(0.44, 0.52), rng.uniform(0.42, 0.54)
    gap = rng.uniform(0.12, 0.28)
    return _eight(rng, waist=waist, upper=upper, lower=rng.uniform(0.42, 0.56), gap=gap)


def eight_top_heavy(rng: Generator) -> Glyph:
    waist, upper = rng.uniform(0.54, 0.6), rng.uniform(0.48, 0.6)
    return _eight(rng, waist=waist, upper=upper, lower=upper * rng.uniform(0.65, 0.9))


def eight_small_head(rng: Generator) -> Glyph:
    waist, lower = rng.uniform(0.34, 0.42), rng.uniform(0.46, 0.64)
    return _eight(rng, waist=waist, upper=lower * rng.uniform(0.55, 0.75), lower=lower)


ZERO = {
    "round": Style(0.22, zero_round, 0.7),
    "narrow": Style(0.2, zero_narrow, 0.73),
    "wide": Style(0.08, zero_wide, 0.67),
    "angular": Style(0.12, zero_angular, 0.6),
    "open": Style(0.1, zero_open, 0.62),
    "overlapping": Style(0.12, zero_overlapping, 0.62),
    "curled": Style(0.08, zero_curled, 0.5),
    "slashed": Style(0.08, zero_slashed, 0.34),
}
EIGHT = {
    "plain": Style(0.34, eight_plain, 0.53),
    "circles": Style(0.18, eight_circles, 0.5),
    "narrow": Style(0.14, eight_narrow, 0.54),
    "open": Style(0.12, eight_open, 0.38),
    "top-heavy": Style(0.1, eight_top_heavy, 0.38),
    "small head": Style(0.12, eight_small_head, 0.38),
}
