"""1, 4 and 7, the digits of straight strokes.

Each style is a function of a random generator, and of proportions whose ranges the tables at the
end give, that returns an upright glyph, about 1 high.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.random import Generator

from digits_train.handwriting.strokes import Glyph, Point, Stroke, curve, jitter, join, line, style


def _stem(rng: Generator, bend: float = 0.02) -> Stroke:
    """The stem of a 1, down from the origin."""
    foot = rng.normal(0, 0.04)
    return curve((0, 0), (foot / 2 + rng.normal(0, bend), rng.uniform(0.4, 0.6)), (foot, 1))


def _upstroke(rng: Generator, length: float, angle: float) -> Stroke:
    """An upstroke to the origin, straight or slightly arched. angle: degrees from the stem."""
    x, y = -np.sin(np.radians(angle)), np.cos(np.radians(angle))
    arch = length * float(np.clip(rng.normal(0.03, 0.04), -0.04, 0.1))
    middle = length / 2 * x - arch * y, length / 2 * y + arch * x
    return curve((length * x, length * y), middle, (0.0, 0.0))


def one_pointed(rng: Generator, length: float, angle: float, lifted: float = 0.1) -> Glyph:
    """An upstroke and a stem. lifted: share with the pen lifted between them."""
    upstroke, stem = _upstroke(rng, length, angle), _stem(rng)
    if lifted and rng.random() < lifted:  # the stem begins a little above or below
        return [upstroke, stem + (0, rng.normal(0, 0.03))]
    return [join(upstroke, stem)]


def one_bare(rng: Generator, bend: float = 0.035) -> Glyph:
    return [_stem(rng, bend)]


def _with_foot(model: Callable[..., Glyph]) -> Callable[..., Glyph]:
    """A 1 with a bar under its stem, which stands about in the bar's middle."""

    def draw(rng: Generator, **proportions: float) -> Glyph:
        glyph = model(rng, **proportions)
        return [*glyph, _bar(rng, glyph[-1][-1], (0.17, 0.32), 0.025)]

    return draw


def _bar(rng: Generator, middle: Stroke, halves: tuple[float, float], tilt: float) -> Stroke:
    """A nearly level line. halves: range of the lengths on both sides of its middle."""
    x, y = middle.tolist()
    left, right = rng.uniform(*halves, 2).tolist()
    rise = rng.normal(0, tilt)
    return line((x - left, y + rise), (x + right, y - rise))


def _across(rng: Generator, leg: Stroke) -> Stroke:
    """A bar across the leg of a 7."""
    height = rng.uniform(0.38, 0.64)
    return _bar(rng, leg[int(np.abs(leg[:, 1] - height).argmin())], (0.12, 0.3), 0.045)


def _roof(rng: Generator) -> tuple[Point, Point]:
    """The left and the right end of the roof of a 7, which hardly rises."""
    return (0.0, rng.normal(0.01, 0.03)), (rng.uniform(0.46, 0.68), 0.0)


def _leg(rng: Generator, top: Point, bend: float) -> Stroke:
    """The leg of a 7, from the roof's right end down and inwards. bend: to the upper left."""
    foot = top[0] * rng.uniform(0.05, 0.7)
    middle = top[0] * 0.5 + foot * 0.5 - bend, rng.uniform(0.4, 0.55)
    return curve(top, middle, (foot, 1.0))


def seven(
    rng: Generator,
    bends: tuple[float, float] | None = None,
    hooked: bool = False,
    crossed: bool = False,
) -> Glyph:
    """A roof and a leg. bends: range of the leg's bend, by default nearly none. hooked: with a
    serif at the left. crossed: with a bar across the leg.
    """
    left, right = _roof(rng)
    leg = _leg(rng, right, rng.uniform(*bends) if bends else rng.normal(0, 0.015))
    strokes = [line(left, right), leg]
    if hooked:  # down from a point a little above, and back
        hook = left[0] + rng.normal(-0.01, 0.025), left[1] + rng.uniform(0.1, 0.24)
        strokes.insert(0, line(hook, left))
    return [join(*strokes), _across(rng, leg)] if crossed else [join(*strokes)]


def seven_wavy(rng: Generator) -> Glyph:
    left, right = _roof(rng)
    wave = rng.uniform(0.03, 0.08)
    start = left[0], left[1] + rng.uniform(0, 0.12)
    dip, rise = (right[0] * 0.25, -wave), (right[0] * 0.65, wave * 0.8)
    top = right[0], right[1] - rng.uniform(0, 0.05)
    leg = _leg(rng, top, rng.uniform(0, 0.08))
    stroke = join(curve(start, dip, rise, top), leg)
    return [stroke] if rng.random() < 0.7 else [stroke, _across(rng, leg)]


def seven_rounded(rng: Generator) -> Glyph:
    """Roof and leg are one bow, tighter at the corner."""
    left, (x, _) = _roof(rng)
    foot = x * rng.uniform(0.05, 0.6)
    roof = x * 0.6, rng.normal(-0.01, 0.02)
    corner = x * rng.uniform(0.92, 1.0), rng.uniform(0.06, 0.14)
    return [curve(left, roof, corner, (x * 0.55 + foot * 0.4, rng.uniform(0.45, 0.55)), (foot, 1))]


def _right_stroke(rng: Generator, x: float, top: float) -> Stroke:
    """The stem of a 4, down to the line."""
    lean = rng.normal(0.02, 0.04)
    return curve((x + lean, top), (x + rng.normal(0, 0.012), (top + 1) / 2), (x, 1))


def four_open(rng: Generator, bar: float, stem: float) -> Glyph:
    """The sides parallel, or the left one slanted; the stem as high as it or shorter."""
    top = rng.uniform(-0.02, 0.12), rng.uniform(0, 0.08)
    end = stem + rng.uniform(0.06, 0.26), bar + rng.normal(0, 0.03)
    return [line(top, (0, bar), end), _right_stroke(rng, stem, rng.uniform(-0.05, 0.22))]


def four_closed(rng: Generator, bar: float, stem: float) -> Glyph:
    """A triangle at the stem."""
    top = stem + rng.normal(0, 0.02), rng.normal(0, 0.02)
    end = stem + rng.uniform(0.06, 0.28), bar + rng.normal(0, 0.03)
    return [line(top, (0, bar), end), _right_stroke(rng, stem, rng.normal(0, 0.02))]


def four_one_line(rng: Generator, bar: float, stem: float) -> Glyph:
    """From the bar's right end to the left, up to the top and down the stem."""
    start = stem + rng.uniform(0.08, 0.26), bar + rng.normal(-0.01, 0.03)
    top = stem + rng.normal(0.01, 0.02), 0.0
    return [join(line(start, (0, bar), top), _right_stroke(rng, stem, 0.0))]


def four_cup(rng: Generator, bar: float, stem: float) -> Glyph:
    """Open; the left stroke and the bar are one bow."""
    bow = jitter(rng, 0.015, (0.05, 0.02), (0, bar * 0.65), (0.08, bar), (stem * 0.6, bar + 0.02))
    end = stem + rng.uniform(0.04, 0.2), bar - rng.uniform(0, 0.06)
    return [curve(*bow, end), _right_stroke(rng, stem, rng.uniform(-0.04, 0.12))]


def four_crossing(rng: Generator, bar: float, stem: float) -> Glyph:
    """An L, and a short stem through its foot: both go far beyond each other."""
    top = rng.uniform(0.08, 0.3), 0.0
    end = stem + rng.uniform(0.22, 0.42), bar + rng.normal(-0.01, 0.03)
    return [line(top, (0, bar), end), _right_stroke(rng, stem, bar - rng.uniform(0.18, 0.32))]


def four_lightning(rng: Generator, bar: float, stem: float) -> Glyph:
    """In one stroke: down to the left, along the bar, back up a little and down."""
    corner = stem + rng.uniform(0.03, 0.12)
    back = stem + rng.uniform(0.03, 0.06), bar - rng.uniform(0.2, 0.4)
    foot = stem - rng.uniform(0, 0.06), 1.0
    loop = curve((corner - 0.03, bar), (corner + 0.01, bar - 0.04), back, (stem, bar), foot)
    start = rng.uniform(0.1, 0.26), rng.uniform(0, 0.05)
    return [join(line(start, (0, bar)), loop)]


_one_serif = partial(one_pointed, lifted=0)  # a small flag, which may be nearly level or hang

ONE = {
    "bare": style(0.2, one_bare),
    "short upstroke": style(0.16, one_pointed, length=(0.12, 0.35), angle=(20, 58)),
    "medium upstroke": style(0.16, one_pointed, 0.55, length=(0.35, 0.65), angle=(20, 47)),
    "long upstroke": style(0.16, one_pointed, 0.49, length=(0.65, 1.0), angle=(20, 42)),
    "serif": style(0.08, _one_serif, length=(0.1, 0.24), angle=(40, 68)),
    "serif and foot": style(0.08, _with_foot(_one_serif), 0.6, length=(0.1, 0.24), angle=(40, 68)),
    "upstroke and foot": style(
        0.08, _with_foot(one_pointed), 0.5, length=(0.2, 0.55), angle=(20, 52)
    ),
    "foot": style(0.08, _with_foot(partial(one_bare, bend=0.02)), 0.6),
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
    "plain": style(0.2, seven),
    "curved": style(0.14, partial(seven, bends=(0.03, 0.1))),
    "crossed": style(0.24, partial(seven, bends=(-0.02, 0.06), crossed=True), 0.47),
    "hooked": style(0.12, partial(seven, bends=(-0.01, 0.08), hooked=True), 0.49),
    "wavy roof": style(0.1, seven_wavy, 0.47),
    "crossed and hooked": style(
        0.1, partial(seven, bends=(-0.01, 0.08), hooked=True, crossed=True), 0.36
    ),
    "rounded": style(0.1, seven_rounded),
}
