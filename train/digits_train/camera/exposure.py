"""How a window looks: paper, rules, light, lens and file turn ink into grey pixels."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy import ndimage

from digits_train.camera import scene
from digits_train.camera.strokes import grain
from digits_train.camera.window import Window
from digits_train.raster import Coverage, Random, jpeg, log_uniform

_THROUGH = 0.03, 0.25  # share of the ink on the other side of a sheet that is seen
Grey = NDArray[np.float32]  # [side, side], 0 = black, 255 = white


class Photograph(NamedTuple):
    """pixels: uint8 [side, side]. hidden: float32 [side, side], 1 where something lies on it."""

    pixels: NDArray[np.uint8]
    hidden: Coverage


def photograph(
    window: Window, height: float, random: Random, behind: Window | None = None
) -> Photograph:
    """Photograph, scan or draw a window.

    height: of its digits, in pixels. behind: what is on the other side of the sheet, of the same
    size, and shines through.
    """
    ink = window.ink
    if random.random() < 0.12:
        ink = grain(ink, random, random.uniform(0.55, 0.95))
    paper = random.uniform(120, 255)
    dark = max(0.0, paper - random.uniform(30, max(40, paper)))
    picture = _paper(ink.shape[0], paper, random)
    printed = np.maximum(window.printed, _rules(ink.shape, height, random))
    picture += printed * random.uniform(0.1, 0.9) * (dark - picture)
    if behind is not None:
        through = np.fliplr(np.maximum(behind.ink, behind.printed))
        soft = ndimage.gaussian_filter(through, random.uniform(0.3, 0.06 * height + 0.3))
        picture += soft * random.uniform(*_THROUGH) * (dark - picture)
    picture += ink * (dark - picture)
    hidden = np.zeros_like(ink)
    if random.random() < 0.1:
        picture, hidden = _edge(picture, random)
    light = _light(np.ones_like(picture), random)
    contrast = float((paper - dark) * light.min())
    picture = lens(picture * light, height, contrast, random)
    pixels: NDArray[np.uint8] = np.clip(picture + 0.5, 0, 255).astype(np.uint8)
    if random.random() < 0.35:
        pixels = jpeg(pixels, int(random.integers(25, 95)))
    return Photograph(255 - pixels if random.random() < 0.25 else pixels, hidden)


def texture(side: int, random: Random) -> NDArray[np.uint8]:
    """A picture without writing: blank or grainy paper, stripes, cloth, shadows, uint8."""
    paper = random.uniform(20, 255)
    picture = _paper(side, paper, random)
    for _ in range(int(random.integers(0, 4))):
        picture += random.uniform(1, 30) * scene.clouds((side, side), random, random.uniform(1, 60))
    if random.random() < 0.4:
        spacing = log_uniform(random, 3, 80)
        lines = scene.rules(
            picture.shape,
            random,
            spacing,
            spacing * random.uniform(0.05, 0.6),
            bool(random.random() < 0.5),
            random.uniform(0, 180),
        )
        picture += lines * random.uniform(-150, 150)
    for _ in range(int(random.integers(1, 4)) if random.random() < 0.4 else 0):
        picture, _ = _edge(picture, random)
    picture = lens(picture * _light(picture, random), 30.0, 60.0, random)
    return np.asarray(np.clip(picture + 0.5, 0, 255), np.uint8)


def _paper(side: int, level: float, random: Random) -> Grey:
    """Even, mottled or grainy paper."""
    picture = np.full((side, side), level, np.float32)
    if random.random() < 0.3:
        cell = log_uniform(random, 1, 25)
        picture += random.uniform(1, 10) * scene.clouds((side, side), random, cell)
    return picture


def _rules(shape: tuple[int, ...], height: float, random: Random) -> Coverage:
    """Ruled or squared paper, or a few lines of a table; often none."""
    lines = np.zeros(shape, np.float32)
    size = (shape[0], shape[1])
    chance = random.random()
    width = max(0.8, random.uniform(0.015, 0.06) * height)
    if chance < 0.3:
        squared = chance < 0.12
        spacing = random.uniform(0.4 if squared else 0.9, 2.5) * height
        lines = scene.rules(size, random, max(6.0, spacing), width, squared, random.normal(0, 2))
    elif chance < 0.4:
        far = 3.0 * shape[0]  # one line only
        lines = scene.rules(size, random, far, width, bool(random.random() < 0.3))
        if random.random() < 0.5:
            lines = np.ascontiguousarray(np.rot90(lines))
    elif chance < 0.46:
        lines = _pattern(size, height, random)
    return lines * np.float32(random.uniform(0.2, 1))


def _pattern(shape: tuple[int, int], height: float, random: Random) -> Coverage:
    """Small crosses, dashes or the walls of a maze printed all over: sides of a grid's squares."""
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


def _edge(picture: Grey, random: Random) -> tuple[Grey, Coverage]:
    """The edge of the sheet, or of another one on it, on one side; and where that is."""
    side = picture.shape[0]
    y, x = np.mgrid[:side, :side].astype(np.float32)
    angle = random.integers(4) * np.pi / 2 + random.normal(0, 0.08)
    across = (x - side / 2) * np.cos(angle) + (y - side / 2) * np.sin(angle)
    beyond = np.clip(across - random.uniform(0.15, 0.5) * side, 0, 1)
    level, grain_level = random.uniform(0, 255), random.uniform(0, 15)
    beneath = level + grain_level * scene.clouds((side, side), random, random.uniform(2, 40))
    shade = 1 - random.uniform(0, 0.5) * np.exp(-np.abs(across) / random.uniform(2, 15)) * beyond
    edged: Grey = (picture + beyond * (beneath - picture)) * shade
    return edged, beyond


def _light(picture: Grey, random: Random) -> Grey:
    """Uneven light and shadows: a factor, 0 to 1."""
    shape = (picture.shape[0], picture.shape[1])
    factor = np.ones(shape, np.float32)
    if random.random() < 0.4:
        factor *= scene.light(shape, random, random.uniform(0.05, 0.7))
    if random.random() < 0.12:
        softness = 10 ** random.uniform(-2.5, -0.7)
        factor *= scene.shadow(shape, random, random.uniform(0.1, 0.6), softness)
    return factor


def lens(picture: Grey, height: float, contrast: float, random: Random) -> Grey:
    """Add the camera's curve, blur and noise. contrast: of the writing, in grey values."""
    if random.random() < 0.3:
        curve = np.float32(np.exp(random.normal(0, 0.3)))
        picture = np.asarray(255 * (np.clip(picture, 0, 255) / 255) ** curve, np.float32)
    if random.random() < 0.5:
        blur = random.uniform(0.3, max(0.4, min(2.0, 0.045 * height)))
        pixels = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
        picture = np.asarray(pixels.filter(ImageFilter.GaussianBlur(blur)), np.float32)
    if random.random() < 0.6:
        noise = random.uniform(0, 4) if random.random() < 0.7 else random.uniform(4, 12)
        noise = min(noise, contrast / 4)  # or nobody could read it
        picture = picture + np.float32(noise) * random.standard_normal(picture.shape, np.float32)
    return np.asarray(picture, np.float32)
