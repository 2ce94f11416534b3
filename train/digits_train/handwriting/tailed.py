"""6 and 9, the digits of a loop and a tail.

Each style is a function of a random generator, and of proportions whose ranges the tables at the
end give, that returns an upright glyph, about 1 high.
"""

from functools import partial

from numpy.random import Generator

from digits_train.handwriting.strokes import Glyph, Point, curve, jitter, join, line, style


def six(
    rng: Generator, lean: float, loop: float, width: float, bow: float, close: float = 1.0
) -> Glyph:
    """In one stroke. lean: of the top beyond the left side. loop: its height. bow: of the stem to
    the left. close: share of the way back to the stem that the loop's end goes.
    """
    left = (0.0, 1 - loop * 0.45)
    start = lean, rng.normal(0, 0.02)
    halfway = lean * 0.5 - bow, (left[1] + start[1]) / 2 - bow * 0.4
    end = width * (1 - 0.98 * close) * 0.75, 1 - loop + loop * rng.uniform(0.2, 0.45)
    bowl = (width * 0.42, 1.0), (width, 1 - loop * 0.48), (width * 0.55, 1 - loop)
    return [curve(start, halfway, left, *jitter(rng, 0.012, *bowl), end)]


def six_angular(rng: Generator, width: float, loop: float) -> Glyph:
    """A thin line with a narrow loop that has corners."""
    points = [(rng.uniform(0.25, 0.45), 0.0), (0.0, 1 - loop * 0.3), (width * 0.3, 1.0)]
    points += [(width, 1 - loop * 0.75), (width * 0.7, 1 - loop), (0.03, 1 - loop * 0.35)]
    return [line(*jitter(rng, 0.015, *points))]


def six_leaning(rng: Generator, lean: float, loop: float, width: float) -> Glyph:
    """A straight line that leans to the right, and a bow from its foot back to it."""
    stem = line((lean, 0.0), (0.02, 0.9))
    bow = [(0.02, 0.9), (width * 0.4, 1.0), (width, 1 - loop * 0.45), (width * 0.62, 1 - loop)]
    return [join(stem, curve(*jitter(rng, 0.012, *bow, (0.13, 1 - loop * 0.7))))]


def _head(rng: Generator, width: float, height: float, gap: float = 0.0) -> list[Point]:
    """The head of a 9, anticlockwise from the top right and back. gap: left open at its start."""
    points = [(width * 0.95 - gap, height * 0.22 + gap * 0.2), (width * 0.5 - gap * 0.4, 0.0)]
    points += [(0.0, height * 0.52), (width * 0.45, height), (width * 0.9, height * 0.55)]
    return jitter(rng, 0.012, *points)


def nine(
    rng: Generator,
    width: float,
    height: float,
    gap: float = 0.0,
    joint: float = 0.12,
    nearest: float = 0.5,
) -> Glyph:
    """With a straight stem. joint: where the head meets it, in the head's heights. nearest: the
    foot to the left side, in widths.
    """
    corner = width, height * joint
    head = curve(*_head(rng, width, height, gap), corner)
    return [join(head, line(corner, (width * rng.uniform(nearest, 1.0), 1.0)))]


def nine_curled(rng: Generator, width: float, height: float) -> Glyph:
    tail = jitter(rng, 0.015, (width * 0.95, 0.7), (width * 0.5, 0.98), (0.05, 0.9))
    return [curve(*_head(rng, width, height), (width, height * 0.2), *tail)]


def nine_hooked(rng: Generator, width: float, height: float) -> Glyph:
    """The tail goes back up to the left, but not as far as a g's, and it doesn't cross the stem."""
    tail = jitter(rng, 0.012, (width, 0.72), (width * 0.6, 1.0), (width * 0.15, 0.93), (0.0, 0.84))
    return [curve(*_head(rng, width, height), (width, height * 0.15), *tail)]


def nine_angular(rng: Generator, width: float, height: float) -> Glyph:
    """The head has corners."""
    points = [(width, height * 0.15), (width * 0.35, 0.0), (0.0, height * 0.6)]
    points += [(width * 0.35, height), (width * 0.97, height * 0.35), (width, 0.0)]
    head = jitter(rng, 0.02, *points)
    return [line(*head, (width * rng.uniform(0.5, 1.0), 1.0))]


def nine_thin(rng: Generator, width: float, height: float) -> Glyph:
    """A line with a narrow loop."""
    points = [(width * 0.95, height * 0.12), (width * 0.45, 0.0), (0.0, height * 0.7)]
    points += [(width * 0.25, height), (width * 0.8, height * 0.5), (width, 0.03)]
    head = jitter(rng, 0.012, *points)
    return [join(curve(*head), line(head[-1], (width * rng.uniform(0.2, 0.9), 1.0)))]


def nine_small_head(rng: Generator, width: float, height: float) -> Glyph:
    corner = width, height * 0.15
    head = curve(*_head(rng, width, height), corner)
    return [join(head, curve(corner, (width * 0.95, 0.55), (width * rng.uniform(0.3, 1.0), 1.0)))]


_OPEN = {"lean": (0.36, 0.56), "loop": (0.42, 0.54), "width": (0.46, 0.6), "bow": (0.06, 0.13)}
_nine_open = partial(nine, joint=0.1, nearest=0.7)  # the head's beginning doesn't reach the stem

SIX = {
    "straight": style(
        0.18, six, 0.47, lean=(0.28, 0.5), loop=(0.42, 0.55), width=(0.42, 0.6), bow=(0.0, 0.04)
    ),
    "curved": style(
        0.24, six, 0.53, lean=(0.34, 0.58), loop=(0.42, 0.58), width=(0.44, 0.62), bow=(0.07, 0.15)
    ),
    "angular": style(0.14, six_angular, 0.26, width=(0.3, 0.5), loop=(0.34, 0.5)),
    "small loop": style(
        0.12, six, 0.35, lean=(0.3, 0.5), loop=(0.3, 0.38), width=(0.32, 0.44), bow=(0.02, 0.12)
    ),
    "big loop": style(
        0.12, six, 0.56, lean=(0.42, 0.62), loop=(0.56, 0.64), width=(0.48, 0.66), bow=(0.03, 0.12)
    ),
    "leaning": style(
        0.12, six_leaning, 0.36, lean=(0.4, 0.62), loop=(0.42, 0.55), width=(0.46, 0.6)
    ),
    "open": style(0.08, six, 0.39, **_OPEN, close=(0.45, 0.7)),
}
NINE = {
    "straight": style(0.26, nine, 0.47, width=(0.4, 0.56), height=(0.42, 0.54)),
    "curled": style(0.16, nine_curled, 0.49, width=(0.42, 0.58), height=(0.42, 0.54)),
    "hooked": style(0.1, nine_hooked, 0.45, width=(0.4, 0.54), height=(0.42, 0.5)),
    "angular": style(0.14, nine_angular, 0.36, width=(0.36, 0.5), height=(0.36, 0.48)),
    "open": style(0.1, _nine_open, 0.42, width=(0.42, 0.56), height=(0.42, 0.52), gap=(0.08, 0.2)),
    "thin": style(0.14, nine_thin, 0.45, width=(0.24, 0.36), height=(0.36, 0.5)),
    "small head": style(0.1, nine_small_head, 0.42, width=(0.28, 0.38), height=(0.28, 0.36)),
}
