"""How a window looks: paper, rules, light, lens and file turn ink into grey pixels."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter
from scipy import ndimage

from digits_train.camera import scene
from digits_train.camera.ranges import RANGES, Ranges
from digits_train.camera.scene import Array
from digits_train.camera.strokes import grain
from digits_train.camera.window import Box, Window
from digits_train.raster import Bytes, Coverage, Random, jpeg, log_uniform

_MOST_HIDDEN = 0.2  # of a symbol's box; of what is hidden more, nobody can tell


class Photograph(NamedTuple):
    """pixels: uint8 [h, w]. hidden: float32 [h, w], 1 where something lies on the sheet."""

    pixels: Bytes
    hidden: Coverage


def is_seen(hidden: Coverage, box: Box) -> bool:
    """Whether so little of a box is hidden, see Photograph, that its symbol can be read."""
    part = boxed(hidden, box)
    return not part.size or float(part.mean()) < _MOST_HIDDEN


def boxed(pixels: Coverage, box: Box) -> Coverage:
    """The part of pixels that a box touches, a view."""
    left, top, right, bottom = (max(0, round(side)) for side in box)
    return pixels[top : bottom + 1, left : right + 1]


def photograph(
    window: Window,
    height: float,
    random: Random,
    behind: Window | None = None,
    ranges: Ranges = RANGES,
    ends: Mapping[int, float] | None = None,
) -> Photograph:
    """Photograph, scan or draw a window.

    height: of its digits, in pixels. behind: what is on the other side of the sheet, of the same
    size, and shines through. ends: where the sheet ends, see `scene.edges`; by default rarely.
    """
    ink, shape = window.ink, (window.ink.shape[0], window.ink.shape[1])
    if random.random() < ranges.pencil:
        ink = grain(ink, random, random.uniform(*ranges.kept))
    paper = random.uniform(*ranges.paper)
    least = ranges.least_contrast
    dark = max(0.0, paper - random.uniform(least, max(least + 10, paper)))
    picture = _paper(shape, paper, random, ranges)
    printed = np.maximum(window.printed, _rules(shape, height, random, ranges))
    picture += printed * random.uniform(*ranges.printed) * (dark - picture)
    if behind is not None:
        picture += _through(behind, height, random, ranges) * (dark - picture)
    picture += ink * (dark - picture)
    if ends is None and random.random() < ranges.edge:
        ends = scene.random_edge(shape, random, ranges.edge_at)
    picture, hidden = scene.edges(picture, random, ends) if ends else (picture, np.zeros_like(ink))
    light = _light(shape, random, ranges)
    contrast = float((paper - dark) * light.min())
    pixels = _grey(lens(picture * light, height, contrast, random, ranges))
    if random.random() < ranges.compressed:
        pixels = jpeg(pixels, int(random.integers(*ranges.quality, endpoint=True)))
    return Photograph(255 - pixels if random.random() < ranges.negative else pixels, hidden)


def texture(shape: tuple[int, int], random: Random, ranges: Ranges = RANGES) -> Bytes:
    """A picture without writing: blank or grainy paper, stripes, cloth, shadows, uint8."""
    picture = _paper(shape, random.uniform(20, 255), random, ranges)
    for _ in range(int(random.integers(0, 4))):
        picture += random.uniform(1, 30) * scene.clouds(shape, random, random.uniform(1, 60))
    if random.random() < 0.4:
        spacing = log_uniform(random, 3, 80)
        width, squared = spacing * random.uniform(0.05, 0.6), bool(random.random() < 0.5)
        lines = scene.rules(shape, random, spacing, width, squared, random.uniform(0, 180))
        picture += lines * random.uniform(-150, 150)
    for _ in range(int(random.integers(1, 4)) if random.random() < 0.4 else 0):
        ends = scene.random_edge(shape, random, ranges.edge_at)
        picture, _ = scene.edges(picture, random, ends)
    return _grey(lens(picture * _light(shape, random, ranges), 30.0, 60.0, random, ranges))


def lens(
    picture: Array, height: float, contrast: float, random: Random, ranges: Ranges = RANGES
) -> Array:
    """Add the camera's curve, blur and noise. contrast: of the writing, in grey values."""
    if random.random() < ranges.curved:
        exponent = np.float32(np.exp(random.normal(0, ranges.curve)))
        picture = np.asarray(255 * (np.clip(picture, 0, 255) / 255) ** exponent, np.float32)
    if random.random() < ranges.blurred:
        least, most = ranges.blur
        blur = random.uniform(least, max(least + 0.1, min(most, ranges.most_blurred * height)))
        pixels = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
        picture = np.asarray(pixels.filter(ImageFilter.GaussianBlur(blur)), np.float32)
    if random.random() < ranges.noisy:
        noise = np.float32(min(ranges.noise.draw(random), contrast / 4))  # or nobody could read it
        picture = picture + noise * random.standard_normal(picture.shape, np.float32)
    return np.asarray(picture, np.float32)


def _grey(picture: Array) -> Bytes:
    return np.asarray(np.clip(picture + 0.5, 0, 255), np.uint8)


def _paper(shape: tuple[int, int], level: float, random: Random, ranges: Ranges) -> Array:
    """Even, mottled or grainy paper."""
    picture = np.full(shape, level, np.float32)
    if random.random() < ranges.mottled:
        cell = log_uniform(random, *ranges.bumps)
        picture += random.uniform(*ranges.mottle) * scene.clouds(shape, random, cell)
    return picture


def _rules(shape: tuple[int, int], height: float, random: Random, ranges: Ranges) -> Coverage:
    """Ruled or squared paper, or a few lines of a table; often none."""
    kinds = ranges.squared, ranges.ruled, ranges.table, ranges.pattern
    kind = int(np.searchsorted(np.cumsum(kinds), random.random(), "right"))
    if kind == len(kinds):
        return np.zeros(shape, np.float32)
    thick = random.uniform(*(ranges.pattern_rule if kind == 3 else ranges.rule))
    width, spacing = max(0.8, thick * height), 3.0 * max(shape)
    squared, angle, share, chance = kind == 0, random.normal(0, ranges.tilt), 1.0, 1.0
    if kind < 2:
        far = random.uniform(*(ranges.squares if squared else ranges.rules)) * height
        spacing = max(6.0, far)
    elif kind == 2:  # so far apart that there is one
        squared, angle = random.random() < ranges.crossing, 90.0 * (random.random() < 0.5)
    else:
        spacing = random.uniform(*ranges.pattern_squares) * height
        if random.random() < ranges.maze:
            squared, chance = True, random.uniform(*ranges.walls)
        else:
            squared, share = random.random() < ranges.crosses, random.uniform(*ranges.dashes)
    lines = scene.rules(shape, random, spacing, width, squared, angle, share, chance)
    return lines * np.float32(random.uniform(*ranges.faded))


def _through(behind: Window, height: float, random: Random, ranges: Ranges) -> Coverage:
    """The other side of the sheet, mirrored."""
    ink = np.fliplr(np.maximum(behind.ink, behind.printed))
    least, share = ranges.softened
    soft = ndimage.gaussian_filter(ink, random.uniform(least, share * height + least))
    return np.asarray(soft * random.uniform(*ranges.through), np.float32)


def _light(shape: tuple[int, int], random: Random, ranges: Ranges) -> Array:
    """Uneven light and shadows: a factor, 0 to 1."""
    factor = np.ones(shape, np.float32)
    if random.random() < ranges.uneven_light:
        factor *= scene.light(shape, random, random.uniform(*ranges.falloff))
    if random.random() < ranges.shadow:
        softness = 10 ** random.uniform(*ranges.shadow_edge)
        factor *= scene.shadow(shape, random, random.uniform(*ranges.shadow_depth), softness)
    return factor
