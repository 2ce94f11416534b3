"""The ten digits as people all over the world write them.

MNIST's writers are Americans. Most others give a 1 an upstroke, which may be as long as its stem;
many cross a 7 and leave a 4 open.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.vision.frame import to_mnist
from digits_train.handwriting.bows import FIVE, THREE, TWO
from digits_train.handwriting.pen import Picture, draw, some_pen
from digits_train.handwriting.rings import EIGHT, ZERO
from digits_train.handwriting.straight import FOUR, ONE, SEVEN
from digits_train.handwriting.strokes import (
    Glyph,
    Random,
    Style,
    bounds,
    hurried,
    transformed,
    varied,
)
from digits_train.handwriting.tailed import NINE, SIX

STYLES: Mapping[int, Mapping[str, Style]] = dict(
    enumerate((ZERO, ONE, TWO, THREE, FOUR, FIVE, SIX, SEVEN, EIGHT, NINE))
)

_CHUNK = 500  # pictures that are framed together


class _Freedom(NamedTuple):
    """How far the digits that people write differ from the models.

    aspect: least and greatest factor of the width. slant: the farthest to the left and to the
    right. warp: the greatest, in heights.
    """

    aspect: tuple[float, float] = (0.65, 1.35)
    slant: tuple[float, float] = (-0.22, 0.5)
    warp: float = 0.05


# A wide or bent 1's upstroke would be level, a 7's roof; a narrow 7's roof, a 1's serif.
_FREEDOM = {
    1: _Freedom(aspect=(0.65, 1.1), slant=(-0.25, 0.28), warp=0.03),
    7: _Freedom(aspect=(0.8, 1.35)),
}


def make(
    count: int, seed: int, without: Collection[str] = ()
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw digits, each equally often, in random order.

    without: styles to leave out, as "7 crossed". Returns the frames, uint8 [count, 28, 28], and
    the labels, uint8 [count]. The same arguments give the same pictures.
    """
    left = _all_but(without)
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(count) % 10).astype(np.uint8)
    frames = np.empty((count, 28, 28), np.uint8)
    for start in range(0, count, _CHUNK):
        chunk = labels[start : start + _CHUNK].tolist()
        pictures = [draw_digit(random, digit, _some_style(random, left[digit])) for digit in chunk]
        frames[start : start + _CHUNK] = to_mnist(pictures)
    return frames, labels


def draw_digit(random: Random, digit: int, style: str | None = None) -> Picture:
    """A digit up to its edges, about 100 pixels large. style: by default, some."""
    style = style or _some_style(random, STYLES[digit])
    _, model, room = STYLES[digit][style]
    freedom = _FREEDOM.get(digit, _Freedom())
    glyph = varied(
        model(random),
        random,
        warp=min(abs(random.normal(0, freedom.warp / 2)), freedom.warp),
        tremor=min(random.exponential(0.003), 0.012),
    )
    glyph = hurried(glyph, random, min(abs(random.normal(0, 0.02)), 0.05))
    glyph = transformed(glyph, width=random.uniform(*freedom.aspect))
    room *= _narrower(glyph)
    slant = float(np.clip(random.normal(0.08, 0.17), *freedom.slant))
    turn = float(np.clip(random.normal(0, 5), -10, 10))
    glyph = transformed(glyph, slant=slant, turn=turn)
    return draw(glyph, some_pen(random, room / _longer(glyph)), random)


def _narrower(glyph: Glyph) -> float:
    """Its width or half its height, for most loops are half as high as their digit."""
    left, top, right, bottom = bounds(glyph)
    return min(right - left, (bottom - top) / 2)


def _longer(glyph: Glyph) -> float:
    left, top, right, bottom = bounds(glyph)
    return max(right - left, bottom - top)


def _some_style(random: Random, styles: Mapping[str, Style]) -> str:
    weights = np.array([style.weight for style in styles.values()])
    return list(styles)[int(random.choice(len(weights), p=weights / weights.sum()))]


def _all_but(without: Collection[str]) -> Mapping[int, Mapping[str, Style]]:
    names = {f"{digit} {name}" for digit, styles in STYLES.items() for name in styles}
    if unknown := sorted(set(without) - names):
        raise ValueError(f"no such style: {', '.join(unknown)}")
    return {
        digit: {name: style for name, style in styles.items() if f"{digit} {name}" not in without}
        for digit, styles in STYLES.items()
    }
