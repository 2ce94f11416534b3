"""0, 6, 8 and 9, the digits with loops, in the styles of the world.

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


def _ring(random: Random, width: float, around: float, uneven: float = 0.02) -> Stroke:
    """Anticlockwise from near the top, not quite an ellipse. around: degrees; 360 closes it."""
    start = random.uniform(-110, -50)
    angles = np.radians(np.linspace(start, start - around, 40))
    radius = np.ones(40)
    for wave in (2, 3):
        radius += random.normal(0, uneven) * np.cos(wave * angles + random.uniform(0, 2 * np.pi))
    # A hand doesn't come back quite to where it began.
    radius *= np.linspace(1 - random.uniform(0, 0.05), 1 + random.uniform(0, 0.03), 40)
    x, y = width / 2 * radius * np.cos(angles), radius * np.sin(angles) / 2
    return np.stack([x + width / 2, y + 0.5], 1)


def zero_round(random: Random) -> Glyph:
    return [_ring(random, random.uniform(0.65, 0.95), random.uniform(355, 375))]


def zero_narrow(random: Random) -> Glyph:
    return [_ring(random, random.uniform(0.36, 0.62), random.uniform(355, 375))]


def zero_wide(random: Random) -> Glyph:
    return [_ring(random, random.uniform(0.95, 1.3), random.uniform(355, 375))]


def zero_angular(random: Random) -> Glyph:
    """Squarish, or with five or six corners, which haste has rounded."""
    corners, width = int(random.integers(4, 7)), random.uniform(0.5, 0.8)
    turned = 45 if corners == 4 else random.uniform(0, 90)
    angles = turned - 360 / corners * np.arange(corners) + random.normal(0, 7, corners)
    # It begins in the middle of a side, or its first corner would stay sharp.
    points = [(np.cos(angle) * width, np.sin(angle)) for angle in np.radians(angles).tolist()]
    start = (points[0][0] + points[-1][0]) / 2, (points[0][1] + points[-1][1]) / 2
    return hurried([line(start, *points, start)], random, random.uniform(0.12, 0.28))


def zero_open(random: Random) -> Glyph:
    """Its ends don't meet."""
    return [_ring(random, random.uniform(0.5, 0.9), random.uniform(325, 348))]


def zero_overlapping(random: Random) -> Glyph:
    """Its end goes past its beginning, outside or across it."""
    return [_ring(random, random.uniform(0.5, 0.9), random.uniform(380, 425), 0.03)]


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


def _six(
    random: Random, *, lean: float, loop: float, width: float, bow: float, close: float = 1.0
) -> Glyph:
    """In one stroke. lean: of the top beyond the left side. loop: its height. bow: of the stem to
    the left. close: share of the way back to the stem that the loop's end goes.
    """
    top = 1 - loop
    left = (0.0, 1 - loop * 0.45)
    start = lean, random.normal(0, 0.02)
    halfway = lean * 0.5 - bow, (left[1] + start[1]) / 2 - bow * 0.4
    end = width * (1 - 0.98 * close) * 0.75, top + loop * random.uniform(0.2, 0.45)
    return [
        curve(
            start,
            halfway,
            left,
            *jittered(
                random,
                0.012,
                (width * 0.42, 1.0),
                (width, 1 - loop * 0.48),
                (width * 0.55, top),
            ),
            end,
        )
    ]


def six_straight(random: Random) -> Glyph:
    return _six(
        random,
        lean=random.uniform(0.28, 0.5),
        loop=random.uniform(0.42, 0.55),
        width=random.uniform(0.42, 0.6),
        bow=random.uniform(0.0, 0.04),
    )


def six_curved(random: Random) -> Glyph:
    return _six(
        random,
        lean=random.uniform(0.34, 0.58),
        loop=random.uniform(0.42, 0.58),
        width=random.uniform(0.44, 0.62),
        bow=random.uniform(0.07, 0.15),
    )


def six_angular(random: Random) -> Glyph:
    """A thin line with a narrow loop that has corners."""
    width, loop = random.uniform(0.3, 0.5), random.uniform(0.34, 0.5)
    points = jittered(
        random,
        0.02,
        (random.uniform(0.25, 0.45), 0.0),
        (0.0, 1 - loop * 0.3),
        (width * 0.3, 1.0),
        (width, 1 - loop * 0.75),
        (width * 0.7, 1 - loop),
        (0.03, 1 - loop * 0.35),
    )
    return [line(*points)]


def six_small_loop(random: Random) -> Glyph:
    return _six(
        random,
        lean=random.uniform(0.3, 0.5),
        loop=random.uniform(0.3, 0.38),
        width=random.uniform(0.32, 0.44),
        bow=random.uniform(0.02, 0.12),
    )


def six_big_loop(random: Random) -> Glyph:
    return _six(
        random,
        lean=random.uniform(0.36, 0.6),
        loop=random.uniform(0.58, 0.7),
        width=random.uniform(0.5, 0.7),
        bow=random.uniform(0.03, 0.12),
    )


def six_leaning(random: Random) -> Glyph:
    """A straight line that leans to the right, and a bow from its foot back to it."""
    lean, loop = random.uniform(0.4, 0.62), random.uniform(0.42, 0.55)
    width = random.uniform(0.46, 0.6)
    stem = line((lean, 0.0), (0.02, 0.9))
    bow = curve(
        *jittered(
            random,
            0.012,
            (0.02, 0.9),
            (width * 0.4, 1.0),
            (width, 1 - loop * 0.45),
            (width * 0.62, 1 - loop),
            (0.13, 1 - loop * 0.7),
        )
    )
    return [joined(stem, bow)]


def six_open(random: Random) -> Glyph:
    """The loop's end doesn't come back to the stem."""
    return _six(
        random,
        lean=random.uniform(0.36, 0.56),
        loop=random.uniform(0.42, 0.54),
        width=random.uniform(0.46, 0.6),
        bow=random.uniform(0.06, 0.13),
        close=random.uniform(0.45, 0.7),
    )


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


def _head(
    random: Random, width: float, height: float, gap: float = 0.0
) -> list[tuple[float, float]]:
    """Of a 9: anticlockwise from the top right, back to there. gap: left open at its start."""
    return jittered(
        random,
        0.012,
        (width * 0.95 - gap, height * 0.22 + gap * 0.2),
        (width * 0.5 - gap * 0.4, 0.0),
        (0.0, height * 0.52),
        (width * 0.45, height),
        (width * 0.9, height * 0.55),
    )


def nine_straight(random: Random) -> Glyph:
    width, height = random.uniform(0.4, 0.56), random.uniform(0.42, 0.54)
    head = curve(*_head(random, width, height), (width, height * 0.12))
    foot = width * random.uniform(0.5, 1.0)
    return [joined(head, line((width, height * 0.12), (foot, 1.0)))]


def nine_curled(random: Random) -> Glyph:
    width, height = random.uniform(0.42, 0.58), random.uniform(0.42, 0.54)
    tail = jittered(random, 0.015, (width * 0.95, 0.7), (width * 0.5, 0.98), (0.05, 0.9))
    return [curve(*_head(random, width, height), (width, height * 0.2), *tail)]


def nine_hooked(random: Random) -> Glyph:
    """The tail goes back up to the left, but not as far as a g's, and it doesn't cross the stem."""
    width, height = random.uniform(0.4, 0.54), random.uniform(0.42, 0.5)
    tail = jittered(
        random, 0.012, (width, 0.72), (width * 0.6, 1.0), (width * 0.15, 0.93), (0.0, 0.84)
    )
    return [curve(*_head(random, width, height), (width, height * 0.15), *tail)]


def nine_angular(random: Random) -> Glyph:
    """The head has corners."""
    width, height = random.uniform(0.36, 0.5), random.uniform(0.36, 0.48)
    head = jittered(
        random,
        0.02,
        (width, height * 0.15),
        (width * 0.35, 0.0),
        (0.0, height * 0.6),
        (width * 0.35, height),
        (width * 0.97, height * 0.35),
        (width, 0.0),
    )
    return [line(*head, (width * random.uniform(0.5, 1.0), 1.0))]


def nine_open(random: Random) -> Glyph:
    """The head's beginning doesn't reach the stem."""
    width, height = random.uniform(0.42, 0.56), random.uniform(0.42, 0.52)
    head = curve(*_head(random, width, height, random.uniform(0.08, 0.2)), (width, height * 0.1))
    foot = width * random.uniform(0.7, 1.0)
    return [joined(head, line((width, height * 0.1), (foot, 1.0)))]


def nine_thin(random: Random) -> Glyph:
    """A line with a narrow loop."""
    width, height = random.uniform(0.24, 0.36), random.uniform(0.36, 0.5)
    head = jittered(
        random,
        0.012,
        (width * 0.95, height * 0.12),
        (width * 0.45, 0.0),
        (0.0, height * 0.7),
        (width * 0.25, height),
        (width * 0.8, height * 0.5),
        (width, 0.03),
    )
    foot = (width * random.uniform(0.2, 0.9), 1.0)
    return [joined(curve(*head), line(head[-1], foot))]


def nine_small_head(random: Random) -> Glyph:
    width, height = random.uniform(0.28, 0.38), random.uniform(0.28, 0.36)
    head = curve(*_head(random, width, height), (width, height * 0.15))
    foot = (width * random.uniform(0.3, 1.0), 1.0)
    return [joined(head, curve((width, height * 0.15), (width * 0.95, 0.55), foot))]


ZERO = {
    "round": Style(0.22, zero_round, 0.33),
    "narrow": Style(0.2, zero_narrow, 0.45),
    "wide": Style(0.08, zero_wide, 0.25),
    "angular": Style(0.12, zero_angular, 0.33),
    "open": Style(0.1, zero_open, 0.33),
    "overlapping": Style(0.12, zero_overlapping, 0.33),
    "curled": Style(0.08, zero_curled, 0.25),
    "slashed": Style(0.08, zero_slashed, 0.16),
}
SIX = {
    "straight": Style(0.18, six_straight, 0.3),
    "curved": Style(0.24, six_curved, 0.3),
    "angular": Style(0.14, six_angular, 0.2),
    "small loop": Style(0.12, six_small_loop, 0.2),
    "big loop": Style(0.12, six_big_loop, 0.32),
    "leaning": Style(0.12, six_leaning, 0.25),
    "open": Style(0.08, six_open, 0.22),
}
EIGHT = {
    "plain": Style(0.34, eight_plain, 0.32),
    "circles": Style(0.18, eight_circles, 0.34),
    "narrow": Style(0.14, eight_narrow, 0.36),
    "open": Style(0.12, eight_open, 0.24),
    "top-heavy": Style(0.1, eight_top_heavy, 0.28),
    "small head": Style(0.12, eight_small_head, 0.24),
}
NINE = {
    "straight": Style(0.26, nine_straight, 0.3),
    "curled": Style(0.16, nine_curled, 0.28),
    "hooked": Style(0.1, nine_hooked, 0.26),
    "angular": Style(0.14, nine_angular, 0.3),
    "open": Style(0.1, nine_open, 0.24),
    "thin": Style(0.14, nine_thin, 0.26),
    "small head": Style(0.1, nine_small_head, 0.28),
}
