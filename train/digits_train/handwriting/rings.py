"""0 and 8, the digits of rings, in the styles of the world.

Each style is a function of the dice that returns a glyph upright, about 1 high.
"""

import numpy as np

from digits_train.handwriting.strokes import (
    Glyph,
    Random,
    Stroke,
    Style,
    arc,
    curve,
    hurried,
    jittered,
    joined,
    line,
)


def _ring(random: Random, width: float, around: float, drift: float = 0.04) -> Stroke:
    """Anticlockwise from near the top, not quite an ellipse. around: degrees; 360 closes it.
    drift: by how much of the radius the end may lie inside or outside of the beginning.
    """
    start = random.uniform(-110, -50)
    angles = np.radians(np.linspace(start, start - around, 40))
    radius = np.ones(40)
    for wave in (2, 3):
        radius += random.normal(0, 0.02) * np.cos(wave * angles + random.uniform(0, 2 * np.pi))
    radius *= np.linspace(1, 1 + random.uniform(-drift, drift), 40)
    x, y = width / 2 * radius * np.cos(angles), radius * np.sin(angles) / 2
    return np.stack([x + width / 2, y + 0.5], 1)


def zero_round(random: Random) -> Glyph:
    return [_ring(random, random.uniform(0.65, 0.95), random.uniform(355, 375))]


def zero_narrow(random: Random) -> Glyph:
    return [_ring(random, random.uniform(0.36, 0.62), random.uniform(355, 375))]


def zero_wide(random: Random) -> Glyph:
    return [_ring(random, random.uniform(0.95, 1.3), random.uniform(355, 375))]


def zero_angular(random: Random) -> Glyph:
    """With five or six corners, which haste has rounded; with four it would be a box."""
    corners, width = int(random.integers(5, 7)), random.uniform(0.3, 0.48)
    angles = (
        random.uniform(0, 90) - 360 / corners * np.arange(corners) + random.normal(0, 7, corners)
    )
    # It begins in the middle of a side, or its first corner would stay sharp.
    points = [(np.cos(angle) * width, np.sin(angle) * 0.6) for angle in np.radians(angles).tolist()]
    start = (points[0][0] + points[-1][0]) / 2, (points[0][1] + points[-1][1]) / 2
    return hurried([line(start, *points, start)], random, random.uniform(0.08, 0.2))


def zero_open(random: Random) -> Glyph:
    """Its ends don't meet."""
    return [_ring(random, random.uniform(0.5, 0.9), random.uniform(325, 348))]


def zero_overlapping(random: Random) -> Glyph:
    """Its end goes past its beginning, outside or across it."""
    return [_ring(random, random.uniform(0.5, 0.9), random.uniform(380, 425), 0.15)]


def zero_curled(random: Random) -> Glyph:
    """It ends in a small loop at the top."""
    ring = _ring(random, random.uniform(0.55, 0.9), 362, 0.01)
    x, y = ring[-1].tolist()
    size = random.uniform(0.08, 0.15)
    curl = curve(
        (x - size * 0.4, y - size * 0.15),
        (x - size, y + size * 0.5),
        (x - size * 0.3, y + size * 1.1),
        (x + size * 0.5, y + size * 0.3),
        (x + size * 0.9, y - size * random.uniform(0.3, 1.0)),
    )
    return [joined(ring, curl)]


def zero_slashed(random: Random) -> Glyph:
    """From lower left to upper right, inside or beyond."""
    width = random.uniform(0.55, 0.9)
    reach = random.uniform(0.55, 1.25)
    x, y = width / 2 * reach * 0.75, 0.5 * reach * random.uniform(0.7, 0.85)
    middle = np.array([width / 2, 0.5])
    slash = line((x, -y), (-x, y)) + middle + random.normal(0, 0.02, 2)
    return [_ring(random, width, random.uniform(355, 370)), slash]


def _eight(random: Random, *, waist: float, upper: float, lower: float, gap: float = 0.0) -> Glyph:
    """In one stroke from the top right. upper, lower: widths. gap: between the ends, at the top."""
    middle = max(upper, lower) / 2
    end = middle + upper * 0.42 + gap * 0.3, waist * 0.3 - gap * 0.4
    points = jittered(
        random,
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


def eight_plain(random: Random) -> Glyph:
    waist, upper = random.uniform(0.42, 0.52), random.uniform(0.4, 0.56)
    return _eight(random, waist=waist, upper=upper, lower=upper * random.uniform(0.95, 1.2))


def eight_circles(random: Random) -> Glyph:
    """Two rings, one above the other, which touch or overlap a little."""
    waist, width = random.uniform(0.42, 0.52), random.uniform(0.38, 0.54)
    lower = width * random.uniform(1.0, 1.25)
    rings = []
    for x, top, bottom, wide in ((0.0, 0.0, waist, width), (0.0, waist, 1.0, lower)):
        start = random.uniform(-120, -60) if top else random.uniform(40, 130)
        radii = wide / 2, (bottom - top) / 2 + random.uniform(0.0, 0.02)
        centre = x + random.normal(0, 0.02), (top + bottom) / 2
        rings.append(arc(centre, radii, start, start + random.uniform(358, 380)))
    return rings


def eight_narrow(random: Random) -> Glyph:
    waist, upper = random.uniform(0.4, 0.54), random.uniform(0.26, 0.36)
    return _eight(random, waist=waist, upper=upper, lower=upper * random.uniform(0.9, 1.25))


def eight_open(random: Random) -> Glyph:
    """At the top its ends don't meet."""
    waist, upper = random.uniform(0.44, 0.52), random.uniform(0.42, 0.54)
    gap = random.uniform(0.12, 0.28)
    return _eight(random, waist=waist, upper=upper, lower=random.uniform(0.42, 0.56), gap=gap)


def eight_top_heavy(random: Random) -> Glyph:
    waist, upper = random.uniform(0.54, 0.6), random.uniform(0.48, 0.6)
    return _eight(random, waist=waist, upper=upper, lower=upper * random.uniform(0.65, 0.9))


def eight_small_head(random: Random) -> Glyph:
    waist, lower = random.uniform(0.34, 0.42), random.uniform(0.46, 0.64)
    return _eight(random, waist=waist, upper=lower * random.uniform(0.55, 0.75), lower=lower)


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
