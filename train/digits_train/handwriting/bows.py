"""2, 3 and 5, the digits of open bows.

Each style is a function of a random generator, and of proportions whose ranges the tables at the
end give, that returns an upright glyph, about 1 high.
"""

from functools import partial

from numpy.random import Generator

from digits_train.handwriting.strokes import Glyph, Point, Stroke, curve, jitter, join, line, style


def _neck(rng: Generator, width: float) -> list[Point]:
    """The round top of a 2, down to its middle."""
    start = rng.uniform(0.0, 0.08), rng.uniform(0.14, 0.3)
    side, middle = (width * 0.95, rng.uniform(0.2, 0.32)), (width * 0.68, rng.uniform(0.54, 0.64))
    return jitter(rng, 0.015, start, (width * 0.22, 0.06), (width * 0.55, 0.0), side, middle)


def two_angular(rng: Generator, width: float) -> Glyph:
    """Without a loop at its foot."""
    corner = (rng.uniform(-0.02, 0.05), 1.0)
    end = (width * rng.uniform(0.95, 1.25), 1 + rng.normal(-0.01, 0.025))
    return [join(curve(*_neck(rng, width), corner), line(corner, end))]


def two_looped(rng: Generator, width: float, loop: float) -> Glyph:
    end = width * rng.uniform(1.05, 1.3), rng.uniform(0.88, 1.0)
    turn = [(0.08, 0.97), (-0.04, 1 - loop * 0.4), (0.06, 1 - loop), (width * 0.55, 0.95)]
    foot = jitter(rng, 0.01, *turn, end)
    return [curve(*_neck(rng, width), *foot)]


def two_wavy(rng: Generator, width: float, wave: float) -> Glyph:
    end = width * rng.uniform(1.05, 1.3), 0.98 - wave * rng.uniform(0.3, 1.2)
    foot = curve((0, 0.98), (width * 0.3, 0.98 - wave), (width * 0.75, 0.98 + wave * 0.4), end)
    return [join(curve(*_neck(rng, width), (0, 0.98)), foot)]


def two_swan(rng: Generator, width: float) -> Glyph:
    """A long neck that bends back, and a rounded foot without a corner."""
    end = width * rng.uniform(1.1, 1.4), rng.uniform(0.94, 1.0)
    foot = jitter(rng, 0.01, (width * 0.24, 0.86), (0.0, 0.99), (width * 0.45, 0.93), end)
    return [curve(*_neck(rng, width), *foot)]


def two_straight(rng: Generator, width: float) -> Glyph:
    """Its diagonal and its foot are straight, as a Z's, but its top is round."""
    start = 0.0, rng.uniform(0.16, 0.28)
    bow = [(width * 0.18, 0.05), (width * 0.52, 0.0), (width * 0.88, 0.07), (width * 0.96, 0.28)]
    top = curve(*jitter(rng, 0.012, start, *bow, (width * 0.8, 0.42)))
    end = (width * rng.uniform(0.95, 1.2), 1 + rng.normal(-0.01, 0.025))
    return [join(top, line((0.0, 1.0), end))]


def _bowl(rng: Generator, start: Point, width: float, end: Point) -> list[Point]:
    """The lower bowl of a 3 or a 5: right from `start`, around and to the left."""
    x, y = start
    shoulder = x + (width - x) * 0.6, y + (1 - y) * 0.1
    side = width, y + (1 - y) * rng.uniform(0.42, 0.54)
    return jitter(rng, 0.012, start, shoulder, side, (width * 0.52, 1.0), end)


def _left_end(rng: Generator) -> Point:
    return rng.uniform(-0.04, 0.06), rng.uniform(0.82, 0.97)


def three(rng: Generator, waist: float, middle: float) -> Glyph:
    """Two bowls that meet at (middle, waist): far to the right, in a mere notch."""
    width = rng.uniform(0.5, 0.62)
    upper = width * rng.uniform(0.84, 1.0)
    start = rng.uniform(-0.02, 0.08), rng.uniform(0.05, 0.2)
    bow = [(upper * 0.5, 0.0), (upper, waist * rng.uniform(0.4, 0.5)), (upper * 0.7, waist * 0.9)]
    top = jitter(rng, 0.012, start, *bow, (middle, waist))
    bowl = _bowl(rng, (middle, waist), width, _left_end(rng))
    return [join(curve(*top), curve(*bowl))]


def three_flat(rng: Generator, width: float, waist: float) -> Glyph:
    """The top is a Z's."""
    middle = rng.uniform(0.16, 0.28), waist
    top = line((rng.uniform(-0.02, 0.06), rng.normal(0.01, 0.02)), (width * 0.92, 0.0), middle)
    return [join(top, curve(*_bowl(rng, middle, width, _left_end(rng))))]


def three_looped(rng: Generator, width: float, waist: float) -> Glyph:
    """With a small loop in the middle."""
    loop, middle = rng.uniform(0.08, 0.15), rng.uniform(0.14, 0.22)
    points = [(rng.uniform(-0.02, 0.06), rng.uniform(0.06, 0.18)), (width * 0.5, 0.0)]
    points += [(width * 0.92, waist * 0.45), (middle + loop, waist + loop * 0.25)]
    points += [(middle, waist + loop * 0.3), (middle + loop * 0.35, waist - loop * 0.45)]
    points += [(width * 0.7, waist + 0.06), (width, waist + (1 - waist) * 0.5), (width * 0.5, 1.0)]
    return [curve(*jitter(rng, 0.008, *points, _left_end(rng)))]


def _body(rng: Generator, neck: float, width: float) -> tuple[Point, Stroke]:
    """The upper left corner of a 5, and its stroke from there down and around.

    neck: height at which the bowl begins.
    """
    corner = rng.uniform(0.04, 0.14), 0.0
    turn = rng.uniform(0.0, 0.05), neck
    bowl = curve(*_bowl(rng, turn, width, _left_end(rng)))
    # From the turn the bowl rises a little, as a hand's does.
    rising = bowl.copy()
    rising[:, 1] -= 0.06 * (bowl[:, 0] / width).clip(0, 1) * (bowl[:, 1] < neck + 0.15)
    return corner, join(line(corner, turn), bowl)


def five(
    rng: Generator,
    neck: float,
    width: float,
    bars: tuple[float, float],
    tilt: float = 0.03,
    lifted: float = 0.5,
) -> Glyph:
    """A bar and a body. bars: range of its length. lifted: share with the pen lifted between."""
    corner, body = _body(rng, neck, width)
    end = corner[0] + rng.uniform(*bars), rng.normal(-0.01, tilt)
    if lifted and rng.random() < lifted:
        return [body, line(corner, end)]
    return [join(line(end, corner), body)]


def five_two_strokes(rng: Generator, neck: float, width: float) -> Glyph:
    """The bar is apart: it may be slanted, or touch nothing."""
    corner, body = _body(rng, neck, width)
    start = corner[0] + rng.normal(0.0, 0.025), corner[1] + rng.normal(0, 0.025)
    if rng.random() < 0.3:
        start = start[0] + rng.uniform(0.03, 0.1), start[1] - rng.uniform(0.0, 0.05)
    end = start[0] + rng.uniform(0.32, 0.55), start[1] - rng.normal(0.02, 0.04)
    return [body, line(start, end)]


def five_snake(rng: Generator, width: float, neck: float) -> Glyph:
    """One bow down to the belly; only the upper left is a corner, without which it were an S."""
    corner = rng.uniform(0.03, 0.1), rng.uniform(0.0, 0.03)
    bow = [(0.0, neck * 0.75), (width * 0.28, neck), (width, neck + (1 - neck) * 0.48)]
    body = curve(*jitter(rng, 0.012, corner, *bow, (width * 0.5, 1.0), _left_end(rng)))
    bar = line((corner[0] + rng.uniform(0.34, 0.5), rng.normal(-0.01, 0.02)), corner)
    return [join(bar, body)]


_five_one_stroke = partial(five, bars=(0.34, 0.52), lifted=0)
_five_short_bar = partial(five, bars=(0.22, 0.3), tilt=0.02)

TWO = {
    "angular": style(0.3, two_angular, 0.75, width=(0.5, 0.68)),
    "looped": style(0.24, two_looped, 0.38, width=(0.52, 0.7), loop=(0.1, 0.24)),
    "wavy": style(0.14, two_wavy, 0.49, width=(0.5, 0.66), wave=(0.04, 0.1)),
    "swan": style(0.14, two_swan, 0.44, width=(0.46, 0.62)),
    "straight": style(0.18, two_straight, 0.75, width=(0.48, 0.64)),
}
THREE = {
    "round": style(0.36, three, 0.56, waist=(0.42, 0.52), middle=(0.16, 0.3)),
    "flat": style(0.22, three_flat, 0.58, width=(0.5, 0.62), waist=(0.32, 0.42)),
    "looped": style(0.14, three_looped, 0.42, width=(0.5, 0.64), waist=(0.44, 0.5)),
    "shallow": style(0.12, three, 0.44, waist=(0.42, 0.52), middle=(0.3, 0.36)),
    "tall bowl": style(0.16, three, 0.42, waist=(0.3, 0.38), middle=(0.14, 0.26)),
}
FIVE = {
    "two strokes": style(0.32, five_two_strokes, 0.6, neck=(0.38, 0.48), width=(0.48, 0.62)),
    "one stroke": style(0.24, _five_one_stroke, 0.6, neck=(0.38, 0.48), width=(0.48, 0.62)),
    "snake": style(0.16, five_snake, 0.47, width=(0.46, 0.58), neck=(0.36, 0.44)),
    "big belly": style(
        0.14, partial(five, bars=(0.3, 0.5)), 0.55, neck=(0.26, 0.34), width=(0.58, 0.74)
    ),
    "short bar": style(0.14, _five_short_bar, 0.47, neck=(0.36, 0.46), width=(0.46, 0.58)),
}
