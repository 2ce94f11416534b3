"""The ten digits as people all over the world write them.

MNIST's writers are Americans. Most others give a 1 an upstroke, which may be as long as its stem;
many cross a 7 and leave a 4 open.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digits.vision.frame import to_mnist
from digits_train.handwriting.bows import FIVE, THREE, TWO
from digits_train.handwriting.pen import Picture, draw, random_pen
from digits_train.handwriting.rings import EIGHT, ZERO
from digits_train.handwriting.straight import FOUR, ONE, SEVEN
from digits_train.handwriting.strokes import Style, deform, round_corners, size, transform
from digits_train.handwriting.tailed import NINE, SIX

STYLES: Mapping[int, Mapping[str, Style]] = dict(
    enumerate((ZERO, ONE, TWO, THREE, FOUR, FIVE, SIX, SEVEN, EIGHT, NINE))
)

_CHUNK = 500  # pictures to frame together


class _Variation(NamedTuple):
    """How far handwritten digits may differ from the models.

    aspect: range of the factor of the width. slant: range, to the left and to the right. warp: the
    most, in heights.
    """

    aspect: tuple[float, float] = (0.65, 1.35)
    slant: tuple[float, float] = (-0.22, 0.5)
    warp: float = 0.05


# The upstroke of a wide or bent 1 would look like a 7's bar; a narrow 7's bar like a 1's serif.
_VARIATIONS = {
    1: _Variation(aspect=(0.65, 1.1), slant=(-0.25, 0.28), warp=0.03),
    7: _Variation(aspect=(0.8, 1.35)),
}


def generate(
    count: int, seed: int, without: Collection[str] = ()
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw each digit equally often, in random order.

    without: styles to leave out, as "7 crossed". Returns the frames, uint8 [count, 28, 28], and
    the labels, uint8 [count]. The same arguments give the same pictures.
    """
    left = _styles_without(without)
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 10).astype(np.uint8)
    frames = np.empty((count, 28, 28), np.uint8)
    for start in range(0, count, _CHUNK):
        chunk = labels[start : start + _CHUNK].tolist()
        pictures = [draw_digit(rng, digit, _random_style(rng, left[digit])) for digit in chunk]
        frames[start : start + _CHUNK] = to_mnist(pictures)
    return frames, labels


def draw_digit(rng: Generator, digit: int, style: str | None = None) -> Picture:
    """Draw a digit, cropped, about 100 pixels large. style: a random one by default."""
    style = style or _random_style(rng, STYLES[digit])
    _, model, room = STYLES[digit][style]
    variation = _VARIATIONS.get(digit, _Variation())
    glyph = deform(
        model(rng),
        rng,
        warp=min(abs(rng.normal(0, variation.warp / 2)), variation.warp),
        tremor=min(rng.exponential(0.003), 0.012),
    )
    glyph = round_corners(glyph, rng, min(abs(rng.normal(0, 0.02)), 0.05))
    glyph = transform(glyph, width=rng.uniform(*variation.aspect))
    width, height = size(glyph)
    room *= min(width, height / 2)  # most loops are half as high as their digit
    slant = float(np.clip(rng.normal(0.08, 0.17), *variation.slant))
    turn = float(np.clip(rng.normal(0, 5), -10, 10))
    glyph = transform(glyph, slant=slant, turn=turn)
    return draw(glyph, random_pen(rng, room / max(size(glyph))), rng)


def _random_style(rng: Generator, styles: Mapping[str, Style]) -> str:
    weights = np.array([style.weight for style in styles.values()])
    return list(styles)[int(rng.choice(len(weights), p=weights / weights.sum()))]


def _styles_without(without: Collection[str]) -> Mapping[int, Mapping[str, Style]]:
    names = {f"{digit} {name}" for digit, styles in STYLES.items() for name in styles}
    if unknown := sorted(set(without) - names):
        raise ValueError(f"no such style: {', '.join(unknown)}")
    return {
        digit: {name: style for name, style in styles.items() if f"{digit} {name}" not in without}
        for digit, styles in STYLES.items()
    }
