"""Stripes, grain, blots and smears, in pixels: 0 = paper and 255 = ink."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits.data.mnist import Split
from digits_train.handwriting.pen import Picture
from digits_train.handwriting.strokes import Random

_SIDE = 84  # pixels, three times the frame's


def _ink(darkness: NDArray[np.float64]) -> Picture:
    """darkness: 0 to 1 and beyond."""
    return np.asarray(np.clip(darkness, 0, 1) * 255, np.uint8)


def _waves(random: Random, along: NDArray[np.float64], period: float) -> NDArray[np.float64]:
    return np.asarray(np.sin(along * 2 * np.pi / period + random.uniform(0, 7)))


def stripes(random: Random, digits: Split) -> Picture:
    """Parallel lines, or two sets of them that cross."""
    y, x = np.mgrid[0:_SIDE, 0:_SIDE]
    values = np.full((_SIDE, _SIDE), -1.0)
    first = random.uniform(0, np.pi)
    for angle in (first, first + np.pi / 2)[: random.integers(1, 3)]:
        along = x * np.cos(angle) + y * np.sin(angle)
        values = np.maximum(values, _waves(random, along, random.uniform(10, 40)))
    return _ink((values - random.uniform(0, 0.8)) * 4)


def texture(random: Random, digits: Split) -> Picture:
    """Grain, blots, or the lines around them, of any size."""
    cells = round(4 * 6 ** random.random())  # 4 to 24 across the picture
    field = Image.fromarray(random.normal(size=(cells, cells)).astype(np.float32))
    values = np.asarray(field.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC))
    if random.random() < 0.5:
        values = -np.abs(values)
    level = np.quantile(values, random.uniform(0.4, 0.9))
    return _ink((values - level).astype(np.float64) * cells)


def blot(random: Random, digits: Split) -> Picture:
    """One to three filled discs, ellipses or lumps, with a sharp edge or none.

    None is slender and upright, which would be a 1.
    """
    spots = [_distance(random)]
    if random.random() < 0.3:
        across = [0.0, random.uniform(14, 26)]
        spots += [_distance(random, shift) for shift in across]
    sharp = 1 / random.uniform(0.05, 0.9)
    return _ink((1 - np.min(spots, 0)) * sharp)


def _distance(random: Random, shift: float = 0.0) -> NDArray[np.float64]:
    """From the middle of a lump, in its radius there."""
    y, x = np.mgrid[-_SIDE / 2 : _SIDE / 2, -_SIDE / 2 : _SIDE / 2]
    x, y = x + random.choice([-1, 1]) * shift, y + random.normal(0, shift / 3)
    radius = random.uniform(14, 26)
    lying = random.uniform(0.75, 1.8)
    turn = random.uniform(-0.6, 0.6)
    x, y = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    angle = np.arctan2(y, x)
    uneven = random.uniform(0, 0.25) if random.random() < 0.5 else 0.0
    edge = 1 + sum(
        uneven / bays * np.cos(bays * angle + random.uniform(0, 7)) for bays in (2, 3, 5)
    )
    return np.asarray(np.hypot(x / np.sqrt(lying), y * np.sqrt(lying)) / (radius * edge))


def smear(random: Random, digits: Split) -> Picture:
    """What a wet finger leaves: a fingerprint, or a dab drawn out, grainy and unsharp."""
    distance = _distance(random)
    y, x = np.mgrid[0:_SIDE, 0:_SIDE]
    fade = np.clip(2.5 * (1 - distance), 0, 1)
    if random.random() < 0.5:
        centre = random.uniform(-40, _SIDE + 40, 2)
        around = np.hypot(x - centre[0], y - centre[1]) + 6 * np.sin(x / random.uniform(6, 14))
        period = random.uniform(6, 10)  # a longer one would leave a single stripe, which is a 1
        return _ink(fade * (0.6 + _waves(random, around, period)))
    grain = Image.fromarray(random.normal(size=(_SIDE, int(random.integers(2, 12)))))
    streaks = np.asarray(grain.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC))
    drawn = Image.fromarray(_ink(fade * (0.5 + random.uniform(0.2, 0.6) * streaks)))
    return np.asarray(drawn.rotate(random.uniform(-60, 60), Image.Resampling.BILINEAR))
