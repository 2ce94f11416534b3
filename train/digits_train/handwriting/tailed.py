"""6 and 9, the digits of a loop and a tail.

Each style is a function of a random generator that returns an upright glyph, about 1 high.
"""

from numpy.random import Generator

from digits_train.handwriting.strokes import Glyph, Point, Style, curve, jitter, join, line


def _six(
    rng: Generator, *, lean: float, loop: float, width: float, bow: float, close: float = 1.0
) -> Glyph:
    """In one stroke. lean: of the top beyond the left side. loop: its height. bow: of the stem to
    the left. close: share of the way back to the stem that the loop's end goes.
    """
    top = 1 - loop
    left = (0.0, 1 - loop * 0.45)
    start = lean, rng.normal(0, 0.02)
    halfway = lean * 0.5 - bow, (left[1] + start[1]) / 2 - bow * 0.4
    end = width * (1 - 0.98 * close) * 0.75, top + loop * rng.uniform(0.2, 0.45)
    return [
        curve(
            start,
            halfway,
            left,
            *jitter(rng, 0.012, (width * 0.42, 1.0), (width, 1 - loop * 0.48), (width * 0.55, top)),
            end,
        )
    ]


def six_straight(rng: Generator) -> Glyph:
    return _six(
        rng,
        lean=rng.uniform(0.28, 0.5),
        loop=rng.uniform(0.42, 0.55),
        width=rng.uniform(0.42, 0.6),
        bow=rng.uniform(0.0, 0.04),
    )


def six_curved(rng: Generator) -> Glyph:
    return _six(
        rng,
        lean=rng.uniform(0.34, 0.58),
        loop=rng.uniform(0.42, 0.58),
        width=rng.uniform(0.44, 0.62),
        bow=rng.uniform(0.07, 0.15),
    )


def six_angular(rng: Generator) -> Glyph:
    """A thin line with a narrow loop that has corners."""
    width, loop = rng.uniform(0.3, 0.5), rng.uniform(0.34, 0.5)
    points = jitter(
        rng,
        0.015,
        (rng.uniform(0.25, 0.45), 0.0),
        (0.0, 1 - loop * 0.3),
        (width * 0.3, 1.0),
        (width, 1 - loop * 0.75),
        (width * 0.7, 1 - loop),
        (0.03, 1 - loop * 0.35),
    )
    return [line(*points)]


def six_small_loop(rng: Generator) -> Glyph:
    return _six(
        rng,
        lean=rng.uniform(0.3, 0.5),
        loop=rng.uniform(0.3, 0.38),
        width=rng.uniform(0.32, 0.44),
        bow=rng.uniform(0.02, 0.12),
    )


def six_big_loop(rng: Generator) -> Glyph:
    return _six(
        rng,
        lean=rng.uniform(0.42, 0.62),
        loop=rng.uniform(0.56, 0.64),
        width=rng.uniform(0.48, 0.66),
        bow=rng.uniform(0.03, 0.12),
    )


def six_leaning(rng: Generator) -> Glyph:
    """A straight line that leans to the right, and a bow from its foot back to it."""
    lean, loop = rng.uniform(0.4, 0.62), rng.uniform(0.42, 0.55)
    width = rng.uniform(0.46, 0.6)
    stem = line((lean, 0.0), (0.02, 0.9))
    bow = curve(
        *jitter(
            rng,
            0.012,
            (0.02, 0.9),
            (width * 0.4, 1.0),
            (width, 1 - loop * 0.45),
            (width * 0.62, 1 - loop),
            (0.13, 1 - loop * 0.7),
        )
    )
    return [join(stem, bow)]


def six_open(rng: Generator) -> Glyph:
    """The loop's end doesn't come back to the stem."""
    return _six(
        rng,
        lean=rng.uniform(0.36, 0.56),
        loop=rng.uniform(0.42, 0.54),
        width=rng.uniform(0.46, 0.6),
        bow=rng.uniform(0.06, 0.13),
        close=rng.uniform(0.45, 0.7),
    )


def _head(rng: Generator, width: float, height: float, gap: float = 0.0) -> list[Point]:
    """Of a 9: anticlockwise from the top right, back to there. gap: left open at its start."""
    return jitter(
        rng,
        0.012,
        (width * 0.95 - gap, height * 0.22 + gap * 0.2),
        (width * 0.5 - gap * 0.4, 0.0),
        (0.0, height * 0.52),
        (width * 0.45, height),
        (width * 0.9, height * 0.55),
    )


def nine_straight(rng: Generator) -> Glyph:
    width, height = rng.uniform(0.4, 0.56), rng.uniform(0.42, 0.54)
    head = curve(*_head(rng, width, height), (width, height * 0.12))
    foot = width * rng.uniform(0.5, 1.0)
    return [join(head, line((width, height * 0.12), (foot, 1.0)))]


def nine_curled(rng: Generator) -> Glyph:
    width, height = rng.uniform(0.42, 0.58), rng.uniform(0.42, 0.54)
    tail = jitter(rng, 0.015, (width * 0.95, 0.7), (width * 0.5, 0.98), (0.05, 0.9))
    return [curve(*_head(rng, width, height), (width, height * 0.2), *tail)]


def nine_hooked(rng: Generator) -> Glyph:
    """The tail goes back up to the left, but not as far as a g's, and it doesn't cross the stem."""
    width, height = rng.uniform(0.4, 0.54), rng.uniform(0.42, 0.5)
    tail = jitter(rng, 0.012, (width, 0.72), (width * 0.6, 1.0), (width * 0.15, 0.93), (0.0, 0.84))
    return [curve(*_head(rng, width, height), (width, height * 0.15), *tail)]


def nine_angular(rng: Generator) -> Glyph:
    """The head has corners."""
    width, height = rng.uniform(0.36, 0.5), rng.uniform(0.36, 0.48)
    head = jitter(
        rng,
        0.02,
        (width, height * 0.15),
        (width * 0.35, 0.0),
        (0.0, height * 0.6),
        (width * 0.35, height),
        (width * 0.97, height * 0.35),
        (width, 0.0),
    )
    return [line(*head, (width * rng.uniform(0.5, 1.0), 1.0))]


def nine_open(rng: Generator) -> Glyph:
    """The head's beginning doesn't reach the stem."""
    width, height = rng.uniform(0.42, 0.56), rng.uniform(0.42, 0.52)
    head = curve(*_head(rng, width, height, rng.uniform(0.08, 0.2)), (width, height * 0.1))
    foot = width * rng.uniform(0.7, 1.0)
    return [join(head, line((width, height * 0.1), (foot, 1.0)))]


def nine_thin(rng: Generator) -> Glyph:
    """A line with a narrow loop."""
    width, height = rng.uniform(0.24, 0.36), rng.uniform(0.36, 0.5)
    head = jitter(
        rng,
        0.012,
        (width * 0.95, height * 0.12),
        (width * 0.45, 0.0),
        (0.0, height * 0.7),
        (width * 0.25, height),
        (width * 0.8, height * 0.5),
        (width, 0.03),
    )
    foot = (width * rng.uniform(0.2, 0.9), 1.0)
    return [join(curve(*head), line(head[-1], foot))]


def nine_small_head(rng: Generator) -> Glyph:
    width, height = rng.uniform(0.28, 0.38), rng.uniform(0.28, 0.36)
    head = curve(*_head(rng, width, height), (width, height * 0.15))
    foot = (width * rng.uniform(0.3, 1.0), 1.0)
    return [join(head, curve((width, height * 0.15), (width * 0.95, 0.55), foot))]


SIX = {
    "straight": Style(0.18, six_straight, 0.47),
    "curved": Style(0.24, six_curved, 0.53),
    "angular": Style(0.14, six_angular, 0.26),
    "small loop": Style(0.12, six_small_loop, 0.35),
    "big loop": Style(0.12, six_big_loop, 0.56),
    "leaning": Style(0.12, six_leaning, 0.36),
    "open": Style(0.08, six_open, 0.39),
}
NINE = {
    "straight": Style(0.26, nine_straight, 0.47),
    "curled": Style(0.16, nine_curled, 0.49),
    "hooked": Style(0.1, nine_hooked, 0.45),
    "angular": Style(0.14, nine_angular, 0.36),
    "open": Style(0.1, nine_open, 0.42),
    "thin": Style(0.14, nine_thin, 0.45),
    "small head": Style(0.1, nine_small_head, 0.42),
}
