"""What photographs of paper consist of beside the ink: texture, rules, light and shadows.

Coverages and factors are float32 [height, width], 0 to 1. Lengths are in pixels unless they are
called shares.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from digits_train.camera.ranges import Range
from digits_train.raster import Coverage, Random, resized

Array = NDArray[np.float32]
_SHADOW_SIDE = 384  # pixels, the longer side of the image on which shadows are drawn
_SIDES = 64  # of a maze's squares, until it repeats itself


def clouds(shape: tuple[int, int], random: Random, cell: float) -> Array:
    """Smooth noise [h, w], mean 0, standard deviation 1, with bumps about `cell` pixels wide."""
    rows, columns = (max(2, int(np.ceil(side / cell)) + 1) for side in shape)
    coarse = random.standard_normal((rows, columns), np.float32)
    if cell <= 1:
        return coarse[: shape[0], : shape[1]]
    left, top = random.uniform(0, 0.5, 2)
    box = (left, top, min(columns, left + shape[1] / cell), min(rows, top + shape[0] / cell))
    return resized(coarse, shape, box=box) / np.float32(0.75)


def rules(
    shape: tuple[int, int],
    random: Random,
    spacing: float,
    width: float,
    squared: bool = False,
    angle: float = 0.0,
    share: float = 1.0,
    chance: float = 1.0,
) -> Coverage:
    """Ruled lines: coverage [h, w]. squared: add vertical ones. angle: degrees, anticlockwise.

    share: of the lines, around where vertical ones cross them: below 1 they are crosses or dashes.
    chance: of each side of a square: below 1 they are the walls of a maze.
    """
    left, top = (np.float32(random.uniform(0, spacing)) for _ in range(2))
    y, x = np.ogrid[: shape[0], : shape[1]]
    x, y = x.astype(np.float32) - left, y.astype(np.float32) - top
    cosine, sine = np.float32(np.cos(np.radians(angle))), np.float32(np.sin(np.radians(angle)))
    down, right = y * cosine + x * sine, x * cosine - y * sine
    coverage = np.zeros(shape, np.float32)
    for across, along in ((down, right), (right, down))[: 1 + squared]:
        lines = np.clip(width / 2 + 0.5 - _from_nearest(across, spacing), 0, min(1, width))
        if share < 1:
            lines *= _from_nearest(along, spacing) <= share / 2 * spacing
        if chance < 1:
            drawn = random.random((_SIDES, _SIDES)) < chance
            line, side = np.rint(across / spacing).astype(int), (along // spacing).astype(int)
            lines *= drawn[line % _SIDES, side % _SIDES]
        np.maximum(coverage, lines, out=coverage)
    return coverage


def _from_nearest(position: Array, spacing: float) -> Array:
    """How far from the nearest multiple of the spacing."""
    away = np.abs(np.mod(position / np.float32(spacing) + 0.5, 1) - 0.5) * np.float32(spacing)
    return np.asarray(away, np.float32)


def random_edge(shape: tuple[int, int], random: Random, at: Range) -> dict[int, float]:
    """The end of one side, see `edges`. at: how far from the middle, in shares of the picture."""
    side = int(random.integers(4))
    return {side: random.uniform(*at) * shape[1 - side % 2]}


def edges(picture: Array, random: Random, ends: Mapping[int, float]) -> tuple[Array, Coverage]:
    """What the sheet [h, w] lies on, or lies on it, on some of its sides; and where that is.

    ends: how far from the middle the right (0), lower, left or upper (3) side ends, in pixels.
    """
    down, wide = picture.shape
    y, x = np.mgrid[:down, :wide].astype(np.float32)
    beyond = np.zeros_like(picture)
    for side, far in ends.items():
        angle = side * np.pi / 2 + random.normal(0, 0.08)
        across = (x - wide / 2) * np.cos(angle) + (y - down / 2) * np.sin(angle)
        np.maximum(beyond, across - far, out=beyond, casting="same_kind")
    beyond = beyond.clip(0, 1)
    level, grain = random.uniform(0, 255), random.uniform(0, 15)
    beneath = level + grain * clouds((down, wide), random, random.uniform(2, 40))
    return picture + beyond * (beneath - picture), beyond


def light(shape: tuple[int, int], random: Random, depth: float) -> Array:
    """Uneven light: a factor [h, w], 1 where it is brightest and 1 - depth where it is darkest."""
    y, x = np.mgrid[-1 : 1 : 48 * 1j, -1 : 1 : 48 * 1j].astype(np.float32)
    # A vignette of a lens or a flash, a lamp next to the sheet, or a window on one side.
    far = float(random.choice([0.2, 1.3, 8.0]))
    centre = random.uniform(-far, far, 2)
    dark = (x - centre[0]) ** 2 + (y - centre[1]) ** 2
    if far == 1.3:
        dark = -1 / (1 + dark / random.uniform(0.4, 1.5))
    dark = (dark - dark.min()) / np.ptp(dark)
    return 1 - np.float32(depth) * np.clip(resized(dark.astype(np.float32), shape), 0, 1)


def shadow(shape: tuple[int, int], random: Random, depth: float, softness: float) -> Array:
    """The shadow of a straight edge, a hand or a phone: a factor [h, w].

    depth: the share of the light that is lost. softness: the width of its edge, as a share of the
    longer side.
    """
    height, width = (max(8, round(side / max(shape) * _SHADOW_SIDE)) for side in shape)
    middle = np.array([width * random.uniform(0.3, 0.7), height * random.uniform(0.3, 0.7)])
    angle = random.uniform(0, 2 * np.pi)
    turned = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    far = 2.0 * _SHADOW_SIDE
    if random.random() < 0.5:  # the edge of a window, a book or the photographer
        outline = np.array([(0, -far), (far, -far), (far, far), (0, far)])
    else:
        outline = _round_shadow(random, far)
    image = Image.new("L", (width, height))
    ImageDraw.Draw(image).polygon([(x, y) for x, y in (middle + outline @ turned).tolist()], 255)
    dark = np.asarray(image, np.float32) / 255
    dark = ndimage.gaussian_filter(dark, softness * _SHADOW_SIDE / 2.5, mode="nearest")
    return 1 - np.float32(depth) * resized(dark, shape, Image.Resampling.BILINEAR)


def _round_shadow(random: Random, far: float) -> NDArray[np.float64]:
    """The outline of a hand or a phone that reaches in from a side `far` away: [n, 2]."""
    half = random.uniform(0.12, 0.3) * _SHADOW_SIDE
    turn = np.linspace(-np.pi / 2, np.pi / 2, 24)
    power = random.uniform(0.3, 1)  # phones have corners, hands are round
    bumps = 1 + 0.08 * np.sin(turn * random.uniform(3, 7) + random.uniform(0, 6))
    x = -(np.abs(np.cos(turn)) ** power) * half * bumps
    y = np.sign(turn) * np.abs(np.sin(turn)) ** power * bumps * half
    return np.concatenate([np.stack([x, y], 1), [(far, half * 1.6), (far, -half * 1.6)]])
