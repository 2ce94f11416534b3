"""2, 3 and 5, the digits of open bows.

Each style is a function of a random generator that returns an upright glyph, about 1 high.
"""

from numpy.random import Generator

from digits_train.handwriting.strokes import Glyph, Point, Stroke, Style, curve, jitter, join, line


def _neck(rng: Generator, width: float) -> list[Point]:
    """Of a 2: the round top, down to the middle."""
    return jitter(
        rng,
        0.015,
        (rng.uniform(0.0, 0.08), rng.uniform(0.14, 0.3)),
        (width * 0.22, 0.06),
        (width * 0.55, 0.0),
        (width * 0.95, rng.uniform(0.2, 0.32)),
        (width * 0.68, rng.uniform(0.54, 0.64)),
    )


def two_angular(rng: Generator) -> Glyph:
    """Without a loop at its foot."""
    width = rng.uniform(0.5, 0.68)
    corner = (rng.uniform(-0.02, 0.05), 1.0)
    end = (width * rng.uniform(0.95, 1.25), 1 + rng.normal(-0.01, 0.025))
    return [join(curve(*_neck(rng, width), corner), line(corner, end))]


def two_looped(rng: Generator) -> Glyph:
    width, loop = rng.uniform(0.52, 0.7), rng.uniform(0.1, 0.24)
    foot = jitter(
        rng,
        0.01,
        (0.08, 0.97),
        (-0.04, 1 - loop * 0.4),
        (0.06, 1 - loop),
        (width * 0.55, 0.95),
        (width * rng.uniform(1.05, 1.3), rng.uniform(0.88, 1.0)),
    )
    return [curve(*_neck(rng, width), *foot)]


def two_wavy(rng: Generator) -> Glyph:
    width, wave = rng.uniform(0.5, 0.66), rng.uniform(0.04, 0.1)
    foot = curve(
        (0.0, 0.98),
        (width * 0.3, 0.98 - wave),
        (width * 0.75, 0.98 + wave * 0.4),
        (width * rng.uniform(1.05, 1.3), 0.98 - wave * rng.uniform(0.3, 1.2)),
    )
    return [join(curve(*_neck(rng, width), (0.0, 0.98)), foot)]


def two_swan(rng: Generator) -> Glyph:
    """A long neck that bends back, and a rounded foot without a corner."""
    width = rng.uniform(0.46, 0.62)
    foot = jitter(
        rng,
        0.01,
        (width * 0.24, 0.86),
        (0.0, 0.99),
        (width * 0.45, 0.93),
        (width * rng.uniform(1.1, 1.4), rng.uniform(0.94, 1.0)),
    )
    return [curve(*_neck(rng, width), *foot)]


def two_straight(rng: Generator) -> Glyph:
    """Its diagonal and its foot are straight, as a Z's, but its top is round."""
    width = rng.uniform(0.48, 0.64)
    top = curve(
        *jitter(
            rng,
            0.012,
            (0.0, rng.uniform(0.16, 0.28)),
            (width * 0.18, 0.05),
            (width * 0.52, 0.0),
            (width * 0.88, 0.07),
            (width * 0.96, 0.28),
            (width * 0.8, 0.42),
        )
    )
    end = (width * rng.uniform(0.95, 1.2), 1 + rng.normal(-0.01, 0.025))
    return [join(top, line((0.0, 1.0), end))]


def _bowl(rng: Generator, start: Point, width: float, end: Point) -> list[Point]:
    """The lower bowl of a 3 or a 5: right from `start`, around and to the left."""
    x, y = start
    return jitter(
        rng,
        0.012,
        start,
        (x + (width - x) * 0.6, y + (1 - y) * 0.1),
        (width, y + (1 - y) * rng.uniform(0.42, 0.54)),
        (width * 0.52, 1.0),
        end,
    )


def _left_end(rng: Generator) -> Point:
    return rng.uniform(-0.04, 0.06), rng.uniform(0.82, 0.97)


def three_round(rng: Generator) -> Glyph:
    return _three(rng, rng.uniform(0.42, 0.52), rng.uniform(0.16, 0.3))


def three_tall_bowl(rng: Generator) -> Glyph:
    return _three(rng, rng.uniform(0.3, 0.38), rng.uniform(0.14, 0.26))


def three_shallow(rng: Generator) -> Glyph:
    """The middle is a small notch, as that of a turned epsilon."""
    return _three(rng, rng.uniform(0.42, 0.52), rng.uniform(0.3, 0.36))


def _three(rng: Generator, waist: float, middle: float) -> Glyph:
    """Two bowls that meet at (middle, waist)."""
    width = rng.uniform(0.5, 0.62)
    upper = width * rng.uniform(0.84, 1.0)
    top = jitter(
        rng,
        0.012,
        (rng.uniform(-0.02, 0.08), rng.uniform(0.05, 0.2)),
        (upper * 0.5, 0.0),
        (upper, waist * rng.uniform(0.4, 0.5)),
        (upper * 0.7, waist * 0.9),
        (middle, waist),
    )
    bowl = _bowl(rng, (middle, waist), width, _left_end(rng))
    return [join(curve(*top), curve(*bowl))]


def three_flat(rng: Generator) -> Glyph:
    """The top is a Z's."""
    width, waist = rng.uniform(0.5, 0.62), rng.uniform(0.32, 0.42)
    middle = rng.uniform(0.16, 0.28), waist
    top = line((rng.uniform(-0.02, 0.06), rng.normal(0.01, 0.02)), (width * 0.92, 0.0), middle)
    return [join(top, curve(*_bowl(rng, middle, width, _left_end(rng))))]


def three_looped(rng: Generator) -> Glyph:
    """With a small loop in the middle."""
    width, waist = rng.uniform(0.5, 0.64), rng.uniform(0.44, 0.5)
    loop = rng.uniform(0.08, 0.15)
    middle = rng.uniform(0.14, 0.22)
    points = jitter(
        rng,
        0.008,
        (rng.uniform(-0.02, 0.06), rng.uniform(0.06, 0.18)),
        (width * 0.5, 0.0),
        (width * 0.92, waist * 0.45),
        (middle + loop, waist + loop * 0.25),
        (middle, waist + loop * 0.3),
        (middle + loop * 0.35, waist - loop * 0.45),
        (width * 0.7, waist + 0.06),
        (width, waist + (1 - waist) * 0.5),
        (width * 0.5, 1.0),
        _left_end(rng),
    )
    return [curve(*points)]


def _body(rng: Generator, neck: float, width: float) -> tuple[Point, Stroke]:
    """Of a 5: its upper left corner, and from there down and around. neck: height of the bowl's
    beginning.
    """
    corner = rng.uniform(0.04, 0.14), 0.0
    turn = rng.uniform(0.0, 0.05), neck
    bowl = curve(*_bowl(rng, turn, width, _left_end(rng)))
    # From the turn the bowl rises a little, as a hand's does.
    rising = bowl.copy()
    rising[:, 1] -= 0.06 * (bowl[:, 0] / width).clip(0, 1) * (bowl[:, 1] < neck + 0.15)
    return corner, join(line(corner, turn), bowl)


def five_two_strokes(rng: Generator) -> Glyph:
    """The bar is apart: it may be slanted, or touch nothing."""
    corner, body = _body(rng, rng.uniform(0.38, 0.48), rng.uniform(0.48, 0.62))
    start = corner[0] + rng.normal(0.0, 0.025), corner[1] + rng.normal(0, 0.025)
    if rng.random() < 0.3:
        start = start[0] + rng.uniform(0.03, 0.1), start[1] - rng.uniform(0.0, 0.05)
    end = start[0] + rng.uniform(0.32, 0.55), start[1] - rng.normal(0.02, 0.04)
    return [body, line(start, end)]


def five_one_stroke(rng: Generator) -> Glyph:
    corner, body = _body(rng, rng.uniform(0.38, 0.48), rng.uniform(0.48, 0.62))
    end = corner[0] + rng.uniform(0.34, 0.52), rng.normal(-0.01, 0.03)
    return [join(line(end, corner), body)]


def five_snake(rng: Generator) -> Glyph:
    """One bow down to the belly; only the upper left is a corner, without which it were an S."""
    width, neck = rng.uniform(0.46, 0.58), rng.uniform(0.36, 0.44)
    corner = rng.uniform(0.03, 0.1), rng.uniform(0.0, 0.03)
    body = curve(
        *jitter(
            rng,
            0.012,
            corner,
            (0.0, neck * 0.75),
            (width * 0.28, neck),
            (width, neck + (1 - neck) * 0.48),
            (width * 0.5, 1.0),
            _left_end(rng),
        )
    )
    bar = line((corner[0] + rng.uniform(0.34, 0.5), rng.normal(-0.01, 0.02)), corner)
    return [join(bar, body)]


def five_big_belly(rng: Generator) -> Glyph:
    corner, body = _body(rng, rng.uniform(0.26, 0.34), rng.uniform(0.58, 0.74))
    bar = line(corner, (corner[0] + rng.uniform(0.3, 0.5), rng.normal(-0.01, 0.03)))
    return [body, bar] if rng.random() < 0.5 else [join(bar[::-1], body)]


def five_short_bar(rng: Generator) -> Glyph:
    corner, body = _body(rng, rng.uniform(0.36, 0.46), rng.uniform(0.46, 0.58))
    bar = line(corner, (corner[0] + rng.uniform(0.22, 0.3), rng.normal(-0.01, 0.02)))
    return [body, bar] if rng.random() < 0.5 else [join(bar[::-1], body)]


TWO = {
    "angular": Style(0.3, two_angular, 0.75),
    "looped": Style(0.24, two_looped, 0.38),
    "wavy": Style(0.14, two_wavy, 0.49),
    "swan": Style(0.14, two_swan, 0.44),
    "straight": Style(0.18, two_straight, 0.75),
}
THREE = {
    "round": Style(0.36, three_round, 0.56),
    "flat": Style(0.22, three_flat, 0.58),
    "looped": Style(0.14, three_looped, 0.42),
    "shallow": Style(0.12, three_shallow, 0.44),
    "tall bowl": Style(0.16, three_tall_bowl, 0.42),
}
FIVE = {
    "two strokes": Style(0.32, five_two_strokes, 0.6),
    "one stroke": Style(0.24, five_one_stroke, 0.6),
    "snake": Style(0.16, five_snake, 0.47),
    "big belly": Style(0.14, five_big_belly, 0.55),
    "short bar": Style(0.14, five_short_bar, 0.47),
}
