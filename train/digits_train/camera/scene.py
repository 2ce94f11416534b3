"""What photographs of paper consist of beside the ink: texture, rules, light and shadows.

Coverages and factors are float32 [height, width], 0 to 1. Lengths are in pixels unless they are
called shares.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from digits_train.raster import Coverage, Random, resized

Array = NDArray[np.float32]
_SHADOW_SIDE = 384  # pixels, the longer side of the image on which shadows are drawn


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
) -> Coverage:
    """Ruled lines: coverage [h, w]. squared: add vertical ones. angle: degrees, anticlockwise."""
    left, top = (np.float32(random.uniform(0, spacing)) for _ in range(2))
    y, x = np.ogrid[: shape[0], : shape[1]]
    x, y = x.astype(np.float32) - left, y.astype(np.float32) - top
    cosine, sine = np.float32(np.cos(np.radians(angle))), np.float32(np.sin(np.radians(angle)))
    coverage = _periodic(y * cosine + x * sine, spacing, width)
    if squared:
        coverage = np.maximum(coverage, _periodic(x * cosine - y * sine, spacing, width))
    return coverage


def _periodic(position: Array, spacing: float, width: float) -> Coverage:
    distance = np.abs(np.mod(position / np.float32(spacing) + 0.5, 1) - 0.5) * np.float32(spacing)
    lines = np.clip(np.float32(width / 2 + 0.5) - distance, 0, min(1, width))
    return np.asarray(lines, np.float32)


def pattern(shape: tuple[int, int], height: float, random: Random) -> Coverage:
    """Small crosses, dashes or the walls of a maze printed all over: sides of a grid's squares.

    height: of the digits on the paper.
    """
    spacing, width = random.uniform(0.4, 1.6) * height, max(0.8, random.uniform(0.03, 0.1) * height)
    rows, columns = (np.arange(side) / spacing + random.uniform(0, 1) for side in shape)
    maze = random.random() < 0.3
    share = 1.0 if maze else random.uniform(0.1, 0.5)
    chance = random.uniform(0.3, 0.8) if maze else 1.0
    levels = _sides(rows, columns, width / spacing, share, chance, random)
    if not maze and random.random() < 0.4:
        return levels
    return np.maximum(levels, _sides(columns, rows, width / spacing, share, chance, random).T)


def _sides(
    across: NDArray[np.float64],
    along: NDArray[np.float64],
    width: float,
    share: float,
    chance: float,
    random: Random,
) -> Coverage:
    """One of the two directions of a grid: coverage [across, along].

    Lengths are in squares. share: of a side that is drawn, around a node if it isn't all. chance:
    that a side is drawn.
    """
    line, side = np.rint(across), np.floor(along + (0.5 if share < 1 else 0))
    pixel = across[1] - across[0]
    thick = np.clip((width / 2 + pixel / 2 - np.abs(across - line)) / pixel, 0, 1)
    long = np.abs(along - np.rint(along)) <= share / 2
    drawn = random.random((int(line[-1]) + 1, int(side[-1]) + 1)) < chance
    chosen = drawn[line.astype(int)[:, None], side.astype(int)]
    return np.asarray(thick[:, None] * long * chosen, np.float32)


def edge(picture: Array, random: Random, at: tuple[float, float]) -> tuple[Array, Coverage]:
    """The edge of the sheet, or of another one on it, on one side; and where that is.

    picture: [h, w]. at: how far from the middle, in shares of the picture's side.
    """
    down, wide = picture.shape
    y, x = np.mgrid[:down, :wide].astype(np.float32)
    angle = random.integers(4) * np.pi / 2 + random.normal(0, 0.08)
    cosine, sine = np.cos(angle), np.sin(angle)
    across = (x - wide / 2) * cosine + (y - down / 2) * sine
    side = abs(wide * cosine) + abs(down * sine)
    beyond = np.clip(across - random.uniform(*at) * side, 0, 1)
    level, grain = random.uniform(0, 255), random.uniform(0, 15)
    beneath = level + grain * clouds((down, wide), random, random.uniform(2, 40))
    shade = 1 - random.uniform(0, 0.5) * np.exp(-np.abs(across) / random.uniform(2, 15)) * beyond
    edged: Array = (picture + beyond * (beneath - picture)) * shade
    return edged, beyond


def light(shape: tuple[int, int], random: Random, depth: float) -> Array:
    """Uneven light: a factor [h, w], 1 where it is brightest and 1 - depth where it is darkest."""
    y, x = np.mgrid[-1 : 1 : 48 * 1j, -1 : 1 : 48 * 1j].astype(np.float32)
    kind = random.choice(["gradient", "vignette", "lamp"])
    if kind == "gradient":  # from a window on one side
        angle = random.uniform(0, 2 * np.pi)
        dark = x * np.cos(angle) + y * np.sin(angle)
        dark = dark + random.uniform(0, 0.3) * dark**2
    else:  # a vignette of a lens or a flash, or a lamp next to the sheet
        far = 0.2 if kind == "vignette" else 1.3
        centre = random.uniform(-far, far, 2)
        dark = (x - centre[0]) ** 2 + (y - centre[1]) ** 2
        if kind == "lamp":
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
