"""Stripes, grain, blots and smears, in pixels: 0 = paper and 255 = ink."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from digits.data.mnist import Split
from digits_train.handwriting.pen import Picture

_SIDE = 84  # pixels, three times that of a frame


def _to_uint8(darkness: NDArray[np.float64]) -> Picture:
    """darkness: 0 to 1 and beyond."""
    return np.asarray(np.clip(darkness, 0, 1) * 255, np.uint8)


def _waves(rng: Generator, along: NDArray[np.float64], period: float) -> NDArray[np.float64]:
    return np.asarray(np.sin(along * 2 * np.pi / period + rng.uniform(0, 7)))


def stripes(rng: Generator, digits: Split) -> Picture:
    """One or two crossing sets of parallel lines."""
    y, x = np.mgrid[0:_SIDE, 0:_SIDE]
    values = np.full((_SIDE, _SIDE), -1.0)
    first = rng.uniform(0, np.pi)
    for angle in (first, first + np.pi / 2)[: rng.integers(1, 3)]:
        along = x * np.cos(angle) + y * np.sin(angle)
        values = np.maximum(values, _waves(rng, along, rng.uniform(10, 40)))
    return _to_uint8((values - rng.uniform(0, 0.8)) * 4)


def texture(rng: Generator, digits: Split) -> Picture:
    """Grain, blots or their outlines, of any size."""
    cells = round(4 * 6 ** rng.random())  # 4 to 24 across the picture
    field = Image.fromarray(rng.normal(size=(cells, cells)).astype(np.float32))
    values = np.asarray(field.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC))
    if rng.random() < 0.5:
        values = -np.abs(values)
    level = np.quantile(values, rng.uniform(0.4, 0.9))
    return _to_uint8((values - level).astype(np.float64) * cells)


def blot(rng: Generator, digits: Split) -> Picture:
    """One or more filled discs, ellipses or lumps, with sharp or soft edges.

    None is slender and upright, which would be a 1.
    """
    spots = [_distance(rng)]
    if rng.random() < 0.3:
        across = [0.0, rng.uniform(14, 26)]
        spots += [_distance(rng, shift) for shift in across]
    sharp = 1 / rng.uniform(0.05, 0.9)
    return _to_uint8((1 - np.min(spots, 0)) * sharp)


def _distance(rng: Generator, shift: float = 0.0) -> NDArray[np.float64]:
    """The distance from a lump's centre, where 1 is its edge."""
    y, x = np.mgrid[-_SIDE / 2 : _SIDE / 2, -_SIDE / 2 : _SIDE / 2]
    x, y = x + rng.choice([-1, 1]) * shift, y + rng.normal(0, shift / 3)
    radius = rng.uniform(14, 26)
    lying = rng.uniform(0.75, 1.8)
    turn = rng.uniform(-0.6, 0.6)
    x, y = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    angle = np.arctan2(y, x)
    uneven = rng.uniform(0, 0.25) if rng.random() < 0.5 else 0.0
    edge = 1 + sum(uneven / bays * np.cos(bays * angle + rng.uniform(0, 7)) for bays in (2, 3, 5))
    return np.asarray(np.hypot(x / np.sqrt(lying), y * np.sqrt(lying)) / (radius * edge))


def smear(rng: Generator, digits: Split) -> Picture:
    """A fingerprint, or a smudge, grainy and blurred."""
    distance = _distance(rng)
    y, x = np.mgrid[0:_SIDE, 0:_SIDE]
    fade = np.clip(2.5 * (1 - distance), 0, 1)
    if rng.random() < 0.5:
        centre = rng.uniform(-40, _SIDE + 40, 2)
        around = np.hypot(x - centre[0], y - centre[1]) + 6 * np.sin(x / rng.uniform(6, 14))
        period = rng.uniform(6, 10)  # a longer one might leave a single stripe, a 1
        return _to_uint8(fade * (0.6 + _waves(rng, around, period)))
    grain = Image.fromarray(rng.normal(size=(_SIDE, int(rng.integers(2, 12)))))
    streaks = np.asarray(grain.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC))
    drawn = Image.fromarray(_to_uint8(fade * (0.5 + rng.uniform(0.2, 0.6) * streaks)))
    return np.asarray(drawn.rotate(rng.uniform(-60, 60), Image.Resampling.BILINEAR))
