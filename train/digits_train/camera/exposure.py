"""How a window looks: paper, rules, light, lens and file turn ink into grey pixels."""

import io
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter
from scipy import ndimage

from digits_train.camera import scene
from digits_train.camera.ranges import File, Lens, Light, Paper, Ranges
from digits_train.camera.scene import Array, Shape
from digits_train.camera.strokes import grain
from digits_train.camera.window import Window
from digits_train.pixels import Bytes, Coverage, Random, log_uniform
from digits_train.symbols import Box, Symbol

_MAX_HIDDEN = 0.2  # share of a symbol's box; with more of it hidden, nobody can tell what it is
_TEXTURE_HEIGHT = 30.0  # pixels of digits, which a texture hasn't: its lens and rules go by them


class Photograph(NamedTuple):
    """A photographed window.

    pixels: uint8 [h, w]. hidden: float32 [h, w], 1 where something lies on the sheet. window: what
    is written on it.
    """

    pixels: Bytes
    hidden: Coverage
    window: Window

    def visible(self) -> tuple[list[Symbol], list[Box]]:
        """The symbols that can be read, and the boxes where there may be others."""
        visible, doubtful = list[Symbol](), [*self.window.doubtful]
        for symbol in self.window.symbols:
            share = self.hidden_share(symbol.box)
            if share < _MAX_HIDDEN:
                visible.append(symbol)
            elif share < 1:
                doubtful.append(symbol.box)
        return visible, doubtful

    def hidden_share(self, box: Box) -> float:
        """How much of a box is hidden, 0 to 1; all of it beyond the picture."""
        left, top, right, bottom = (max(0, round(side)) for side in box)
        hidden = self.hidden[top : bottom + 1, left : right + 1]
        return float(hidden.mean()) if hidden.size else 1.0


def photograph(
    window: Window,
    height: float,
    random: Random,
    ranges: Ranges,
    behind: Window | None = None,
    ends: Mapping[int, float] | None = None,
) -> Photograph:
    """Photograph, scan or draw a window.

    height: of its digits, in pixels. behind: what is on the other side of the sheet, of the same
    size, and shines through. ends: where the sheet ends, see `scene.edges`; by default rarely.
    """
    ink, shape = window.ink, (window.ink.shape[0], window.ink.shape[1])
    if kept := ranges.paper.kept.draw(random):  # a pencil's
        ink = grain(ink, random, kept)
    paper = random.uniform(*ranges.paper.level)
    contrast = random.uniform(ranges.paper.min_contrast, max(ranges.paper.min_contrast + 10, paper))
    dark = max(0.0, paper - contrast)
    picture = _paper(shape, paper, random, ranges.paper)
    if ranges.paper.secured and random.random() < ranges.paper.secured:
        pitch = max(2.2, log_uniform(random, *ranges.paper.curves) * height)
        tint = random.uniform(*ranges.paper.tint)
        picture += scene.security(shape, random, pitch) * np.float32(tint) * (dark - picture)
    printed = np.maximum(window.printed, _rules(shape, height, random, ranges.paper))
    is_bilevel = bool(ranges.file.bilevel) and random.random() < ranges.file.bilevel
    if is_bilevel:  # a scan loses pieces of lines
        worn = scene.clouds(shape, random, max(2.0, height)) - random.uniform(*ranges.file.worn)
        printed *= (0.5 + 4 * worn).clip(0, 1)
    picture += printed * random.uniform(*ranges.paper.printed) * (dark - picture)
    if behind is not None:
        min_blur, share = ranges.paper.softened
        blur = random.uniform(min_blur, min_blur + share * height)
        through = ndimage.gaussian_filter(np.maximum(behind.ink, behind.printed), blur)
        picture += np.fliplr(through) * random.uniform(*ranges.paper.through) * (dark - picture)
    picture += ink * (dark - picture)
    if ends is None and random.random() < ranges.paper.edge:
        ends = scene.random_edge(shape, random, ranges.paper.edge_at)
    picture, hidden = scene.edges(picture, random, ends) if ends else (picture, np.zeros_like(ink))
    # A scanner's light is even.
    light = np.ones(shape, np.float32) if is_bilevel else _light(shape, random, ranges.light)
    contrast = float((paper - dark) * light.min())
    pixels = lens(picture * light, height, contrast, random, ranges.lens)
    if is_bilevel:
        pixels = _bilevel(pixels, contrast, random, ranges.file)
    if random.random() < ranges.file.compressed:
        pixels = np.asarray(compress(Image.fromarray(pixels), random, ranges.file))
    negative = random.random() < ranges.file.negative
    return Photograph(255 - pixels if negative else pixels, hidden, window)


def texture(shape: Shape, random: Random, ranges: Ranges) -> Photograph:
    """Photograph a sheet without writing: blank or grainy paper, stripes, cloth, shadows."""
    sheet, ends = Window.empty(shape), dict[int, float]()
    for _ in range(int(random.integers(0, 4))):
        sheet.printed += random.uniform(0, 0.3) * scene.clouds(shape, random, random.uniform(1, 60))
    if random.random() < 0.4:
        spacing = log_uniform(random, 3, 80)
        width, squared = spacing * random.uniform(0.05, 0.6), bool(random.random() < 0.5)
        sheet.printed += scene.rules(shape, random, spacing, width, squared, random.uniform(0, 180))
    for _ in range(int(random.integers(1, 4)) if random.random() < 0.4 else 0):
        ends |= scene.random_edge(shape, random, ranges.paper.edge_at)
    return photograph(sheet, _TEXTURE_HEIGHT, random, ranges, ends=ends)


def lens(picture: Array, height: float, contrast: float, random: Random, ranges: Lens) -> Bytes:
    """Add the camera's curve, blur and noise. contrast: of the writing, in grey values."""
    if random.random() < ranges.curved:
        exponent = np.float32(np.exp(random.normal(0, ranges.curve)))
        picture = np.asarray(255 * (np.clip(picture, 0, 255) / 255) ** exponent, np.float32)
    if random.random() < ranges.blurred:
        min_blur, max_blur = ranges.blur
        max_blur = max(min_blur + 0.1, min(max_blur, ranges.max_blur * height))
        blur = random.uniform(min_blur, max_blur)
        pixels = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
        picture = np.asarray(pixels.filter(ImageFilter.GaussianBlur(blur)), np.float32)
    if random.random() < ranges.noisy:
        noise = np.float32(min(ranges.noise.draw(random), contrast / 4))  # or nobody could read it
        picture = picture + noise * random.standard_normal(picture.shape, np.float32)
    return np.asarray(np.clip(picture + 0.5, 0, 255), np.uint8)


def compress(image: Image.Image, random: Random, ranges: File) -> Image.Image:
    """Save it as a JPEG, and open it again."""
    file, quality = io.BytesIO(), int(random.integers(*ranges.quality, endpoint=True))
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)


def _bilevel(pixels: Bytes, contrast: float, random: Random, ranges: File) -> Bytes:
    """Scan in black and white, with a threshold that may be too high or too low."""
    paper = float(np.median(pixels))
    contrast = max(paper - float(np.quantile(pixels, 0.005)), contrast / 2)
    noise = random.uniform(*ranges.speckled) * contrast
    level = paper - random.uniform(*ranges.threshold) * contrast
    noisy = pixels + np.float32(noise) * random.standard_normal(pixels.shape, np.float32)
    return np.where(noisy < level, np.uint8(0), np.uint8(255))


def _paper(shape: Shape, level: float, random: Random, ranges: Paper) -> Array:
    """Even, mottled or grainy paper."""
    picture = np.full(shape, level, np.float32)
    if mottle := ranges.mottle.draw(random):
        picture += mottle * scene.clouds(shape, random, log_uniform(random, *ranges.bumps))
    return picture


def _rules(shape: Shape, height: float, random: Random, ranges: Paper) -> Coverage:
    """Ruled or squared paper, a few lines of a table, crosses or dashes; often none."""
    kinds = {  # chance of each, distance and width of its rules
        "squared": (ranges.squared, ranges.squares, ranges.rule),
        "ruled": (ranges.ruled, ranges.rules, ranges.rule),
        "table": (ranges.table, ranges.squares, ranges.rule),
        "pattern": (ranges.pattern, ranges.pattern_squares, ranges.pattern_rule),
    }
    limits = np.cumsum([chance for chance, _, _ in kinds.values()])
    kind = [*kinds, ""][np.searchsorted(limits, random.random(), "right")]
    if not kind:
        return np.zeros(shape, np.float32)
    _, spacings, widths = kinds[kind]
    spacing = max(6.0, random.uniform(*spacings) * height)
    width = max(0.8, random.uniform(*widths) * height)
    squared, angle, share = kind == "squared", random.normal(0, ranges.tilt), 1.0
    if kind == "table":
        spacing = 3.0 * max(shape)  # so far apart that there is one
        squared, angle = random.random() < ranges.crossing, 90.0 * (random.random() < 0.5)
    elif kind == "pattern":
        squared, share = (
            random.random() < ranges.crosses,
            random.uniform(*ranges.dashes),
        )
    lines = scene.rules(shape, random, spacing, width, squared, angle, share)
    return lines * np.float32(random.uniform(*ranges.faded))


def _light(shape: Shape, random: Random, ranges: Light) -> Array:
    """Uneven light and shadows: a factor, 0 to 1."""
    factor = np.ones(shape, np.float32)
    if depth := ranges.falloff.draw(random):
        factor *= scene.light(shape, random, depth)
    if depth := ranges.shadow.draw(random):
        softness = 10 ** random.uniform(*ranges.shadow_edge)
        factor *= scene.shadow(shape, random, depth, softness)
    return factor
