"""1, 4 and 7, the digits of straight strokes.

Each style is a function of a random generator, and of proportions whose ranges the tables at the
end give, that returns an upright glyph, about 1 high.
"""

import numpy as np
from numpy.random import Generator

from digits_train.handwriting.strokes import Glyph, Point, Stroke, curve, jitter, join, line, style


def _stem(rng: Generator, bend: float = 0.02) -> Stroke:
    """Of a 1: down from the origin."""
    foot = rng.normal(0, 0.04)
    return curve((0, 0), (foot / 2 + rng.normal(0, bend), rng.uniform(0.4, 0.6)), (foot, 1))


def _upstroke(rng: Generator, length: float, angle: float) -> Stroke:
    """Up to the origin, straight or slightly arched. angle: degrees from the stem."""
    x, y = -np.sin(np.radians(angle)), np.cos(np.radians(angle))
    arch = length * float(np.clip(rng.normal(0.03, 0.04), -0.04, 0.1))
    middle = length / 2 * x - arch * y, length / 2 * y + arch * x
    return curve((length * x, length * y), middle, (0.0, 0.0))


def _foot(rng: Generator, stem: Stroke) -> Stroke:
    """A bar under the stem, which stands about in its middle."""
    x, y = stem[-1].tolist()
    left, right = rng.uniform(0.17, 0.32, 2).tolist()
    rise = rng.normal(0, 0.025)
    return line((x - left, y + rise), (x + right, y - rise))


def one_pointed(rng: Generator, length: float, angle: float) -> Glyph:
    """An upstroke and a stem, nearly always without lifting the pen."""
    upstroke = _upstroke(rng, length, angle)
    stem = _stem(rng)
    if rng.random() < 0.1:  # the stem begins a little above or below the upstroke's end
        return [upstroke, stem + (0, rng.normal(0, 0.03))]
    return [join(upstroke, stem)]


def one_bare(rng: Generator) -> Glyph:
    return [_stem(rng, 0.035)]


def one_serif(rng: Generator, length: float, angle: float) -> Glyph:
    """A small flag, which may be nearly level or hang."""
    return [join(_upstroke(rng, length, angle), _stem(rng))]


def one_serif_foot(rng: Generator, length: float, angle: float) -> Glyph:
    [stroke] = one_serif(rng, length, angle)
    return [stroke, _foot(rng, stroke)]


def one_upstroke_foot(rng: Generator, length: float, angle: float) -> Glyph:
    glyph = one_pointed(rng, length, angle)
    return [*glyph, _foot(rng, glyph[-1])]


def one_foot(rng: Generator) -> Glyph:
    stem = _stem(rng)
    return [stem, _foot(rng, stem)]


def _roof(rng: Generator) -> tuple[Point, Point]:
    """Of a 7: its left end and, at the top right, its right one. It hardly rises."""
    return (0.0, rng.normal(0.01, 0.03)), (rng.uniform(0.46, 0.68), 0.0)


def _leg(rng: Generator, top: Point, bend: float) -> Stroke:
    """Of a 7: down from the roof's right end, and inwards. bend: to the upper left."""
    foot = top[0] * rng.uniform(0.05, 0.7)
    middle = top[0] * 0.5 + foot * 0.5 - bend, rng.uniform(0.4, 0.55)
    return curve(top, middle, (foot, 1.0))


def _bar(rng: Generator, leg: Stroke) -> Stroke:
    """Across the leg of a 7."""
    height = rng.uniform(0.38, 0.64)
    x, y = leg[int(np.abs(leg[:, 1] - height).argmin())].tolist()
    left, right = rng.uniform(0.12, 0.3, 2).tolist()
    rise = rng.normal(0.0, 0.045)
    return line((x - left, y + rise), (x + right, y - rise))


def _hook(rng: Generator, start: Point) -> Stroke:
    """The serif at the left end of a roof: down from a point a little above, and back."""
    return line((start[0] + rng.normal(-0.01, 0.025), start[1] + rng.uniform(0.1, 0.24)), start)


def seven_plain(rng: Generator) -> Glyph:
    left, right = _roof(rng)
    return [join(line(left, right), _leg(rng, right, rng.normal(0, 0.015)))]


def seven_curved(rng: Generator) -> Glyph:
    left, right = _roof(rng)
    return [join(line(left, right), _leg(rng, right, rng.uniform(0.03, 0.1)))]


def seven_crossed(rng: Generator) -> Glyph:
    left, right = _roof(rng)
    leg = _leg(rng, right, rng.uniform(-0.02, 0.06))
    bar = _bar(rng, leg)
    return [join(line(left, right), leg), bar]


def seven_hooked(rng: Generator) -> Glyph:
    left, right = _roof(rng)
    leg = _leg(rng, right, rng.uniform(-0.01, 0.08))
    return [join(_hook(rng, left), line(left, right), leg)]


def seven_wavy(rng: Generator) -> Glyph:
    left, right = _roof(rng)
    wave = rng.uniform(0.03, 0.08)
    roof = curve(
        (left[0], left[1] + rng.uniform(0, 0.12)),
        (right[0] * 0.25, -wave),
        (right[0] * 0.65, wave * 0.8),
        (right[0], right[1] - rng.uniform(0, 0.05)),
    )
    top = roof[-1, 0].item(), roof[-1, 1].item()
    leg = _leg(rng, top, rng.uniform(0, 0.08))
    return [join(roof, leg)] if rng.random() < 0.7 else [join(roof, leg), _bar(rng, leg)]


def seven_crossed_hooked(rng: Generator) -> Glyph:
    [stroke] = seven_hooked(rng)
    return [stroke, _bar(rng, stroke[3:])]


def seven_rounded(rng: Generator) -> Glyph:
    """Roof and leg are one bow, tighter at the corner."""
    left, (x, _) = _roof(rng)
    foot = x * rng.uniform(0.05, 0.6)
    return [
        curve(
            left,
            (x * 0.6, rng.normal(-0.01, 0.02)),
            (x * rng.uniform(0.92, 1.0), rng.uniform(0.06, 0.14)),
            (x * 0.55 + foot * 0.4, rng.uniform(0.45, 0.55)),
            (foot, 1.0),
        )
    ]


def _right_stroke(rng: Generator, x: float, top: float, bottom: float) -> Stroke:
    """The stem of a 4."""
    lean = rng.normal(0.02, 0.04)
    return curve((x + lean, top), (x + rng.normal(0, 0.012), (top + bottom) / 2), (x, bottom))


def four_open(rng: Generator, bar: float, stem: float) -> Glyph:
    """The sides parallel, or the left one slanted; the stem as high as it or shorter."""
    side = line(
        (rng.uniform(-0.02, 0.12), rng.uniform(0, 0.08)),
        (0.0, bar),
        (stem + rng.uniform(0.06, 0.26), bar + rng.normal(0, 0.03)),
    )
    return [side, _right_stroke(rng, stem, rng.uniform(-0.05, 0.22), 1.0)]


def four_closed(rng: Generator, bar: float, stem: float) -> Glyph:
    """A triangle at the stem."""
    top = stem + rng.normal(0, 0.02), rng.normal(0, 0.02)
    side = line(top, (0.0, bar), (stem + rng.uniform(0.06, 0.28), bar + rng.normal(0, 0.03)))
    return [side, _right_stroke(rng, stem, rng.normal(0, 0.02), 1.0)]


def four_one_line(rng: Generator, bar: float, stem: float) -> Glyph:
    """From the bar's right end to the left, up to the top and down the stem."""
    start = stem + rng.uniform(0.08, 0.26), bar + rng.normal(-0.01, 0.03)
    top = stem + rng.normal(0.01, 0.02), 0.0
    return [join(line(start, (0.0, bar), top), _right_stroke(rng, stem, 0.0, 1.0))]


def four_cup(rng: Generator, bar: float, stem: float) -> Glyph:
    """Open; the left stroke and the bar are one bow."""
    cup = curve(
        *jitter(rng, 0.015, (0.05, 0.02), (0.0, bar * 0.65), (0.08, bar), (stem * 0.6, bar + 0.02)),
        (stem + rng.uniform(0.04, 0.2), bar - rng.uniform(0, 0.06)),
    )
    return [cup, _right_stroke(rng, stem, rng.uniform(-0.04, 0.12), 1.0)]


def four_crossing(rng: Generator, bar: float, stem: float) -> Glyph:
    """An L, and a short stem through its foot: both go far beyond each other."""
    side = line(
        (rng.uniform(0.08, 0.3), 0.0),
        (0.0, bar),
        (stem + rng.uniform(0.22, 0.42), bar + rng.normal(-0.01, 0.03)),
    )
    return [side, _right_stroke(rng, stem, bar - rng.uniform(0.18, 0.32), 1.0)]


def four_lightning(rng: Generator, bar: float, stem: float) -> Glyph:
    """In one stroke: down to the left, along the bar, back up a little and down."""
    corner = stem + rng.uniform(0.03, 0.12)
    loop = curve(
        (corner - 0.03, bar),
        (corner + 0.01, bar - 0.04),
        (stem + rng.uniform(0.03, 0.06), bar - rng.uniform(0.2, 0.4)),
        (stem, bar),
        (stem - rng.uniform(0, 0.06), 1.0),
    )
    start = rng.uniform(0.1, 0.26), rng.uniform(0, 0.05)
    return [join(line(start, (0.0, bar)), loop)]


ONE = {
    "bare": style(0.2, one_bare),
    "short upstroke": style(0.16, one_pointed, length=(0.12, 0.35), angle=(20, 58)),
    "medium upstroke": style(0.16, one_pointed, 0.55, length=(0.35, 0.65), angle=(20, 47)),
    "long upstroke": style(0.16, one_pointed, 0.49, length=(0.65, 1.0), angle=(20, 42)),
    "serif": style(0.08, one_serif, length=(0.1, 0.24), angle=(40, 68)),
    "serif and foot": style(0.08, one_serif_foot, 0.6, length=(0.1, 0.24), angle=(40, 68)),
    "upstroke and foot": style(0.08, one_upstroke_foot, 0.5, length=(0.2, 0.55), angle=(20, 52)),
    "foot": style(0.08, one_foot, 0.6),
}
FOUR = {
    "open": style(0.3, four_open, 0.44, bar=(0.48, 0.64), stem=(0.34, 0.52)),
    "closed": style(0.2, four_closed, 0.44, bar=(0.56, 0.72), stem=(0.36, 0.52)),
    "one line": style(0.14, four_one_line, 0.44, bar=(0.54, 0.7), stem=(0.34, 0.5)),
    "cup": style(0.14, four_cup, 0.45, bar=(0.46, 0.6), stem=(0.36, 0.5)),
    "crossing": style(0.12, four_crossing, 0.44, bar=(0.52, 0.68), stem=(0.28, 0.42)),
    "lightning": style(0.1, four_lightning, 0.42, bar=(0.5, 0.64), stem=(0.32, 0.46)),
}
SEVEN = {
    "plain": style(0.2, seven_plain),
    "curved": style(0.14, seven_curved),
    "crossed": style(0.24, seven_crossed, 0.47),
    "hooked": style(0.12, seven_hooked, 0.49),
    "wavy roof": style(0.1, seven_wavy, 0.47),
    "crossed and hooked": style(0.1, seven_crossed_hooked, 0.36),
    "rounded": style(0.1, seven_rounded),
}
