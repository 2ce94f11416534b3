"""Photographed digits, as the image pipeline frames them.

Augmentation changes clean 28x28 frames. In use, frames come from pictures: of digits of 7 to 100
pixels, with thickened strokes, remains of lines, a neighbour's end, a cut edge, grain and JPEG
blocks. So some training pictures take that path: a digit is drawn on a sheet, `digits.vision`
proposes what the digit may be, and proposals that overlap with it get its label.

This camera is simple on purpose: another one, camera/single_digit.py, measures.
"""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from digits.data.mnist import Split
from digits.vision.components import Box, Component, Mask
from digits.vision.frame import to_mnist
from digits.vision.hypotheses import propose
from digits.vision.ink import Ink
from digits_train.raster import (
    Bytes,
    Coverage,
    cropped,
    ink_box,
    jpeg,
    log_uniform,
    paste,
)

Floats = NDArray[np.float64]

# A proposal is the digit if it has this share of the digit's ink, if the digit has this share of
# its size, and this share of its ink: more where the rest may be another digit.
_MIN_INK_FOUND = 0.8
_MIN_RELATIVE_SIZE = 0.6
_MIN_INK_SHARE, _MIN_INK_SHARE_IN_COMPANY = 0.4, 0.7
_MAX_FRAMES = 2  # per photograph; more would hardly differ
_STROKE_THRESHOLD = 0.3  # coverage of a pixel
_MAX_ASPECT, _MAX_ASPECT_BARE = 1.5, 3  # height by width, with and without lines
_CHUNK = 500  # frames at a time


def generate(digits: Split, count: int, seed: int | Sequence[int]) -> tuple[Bytes, Bytes]:
    """Photograph random digits: frames, uint8 [count, 28, 28], and labels, uint8 [count].

    The same seed gives the same frames. A picture gives several frames, or none if the digit isn't
    found.
    """
    rng = np.random.default_rng(seed)
    inks: list[Ink] = []
    labels: list[int] = []
    while len(inks) < count:
        index = int(rng.integers(len(digits)))
        alone = rng.random() < 0.8
        picture, ink = photograph(digits, index, rng, alone)
        min_share = _MIN_INK_SHARE if alone else _MIN_INK_SHARE_IN_COMPANY
        proposed = [hypothesis.component for hypothesis in propose(picture)]
        shown = [component.ink for component in proposed if matches(component, ink, min_share)]
        chosen = rng.permutation(len(shown))[:_MAX_FRAMES]
        inks += [shown[index] for index in chosen]
        labels += [int(digits.labels[index])] * len(chosen)
    return _to_frames(inks[:count]), np.array(labels[:count], np.uint8)


def generate_blank(count: int, seed: int | Sequence[int]) -> Bytes:
    """Photograph sheets without a digit, and frame what may be taken for one.

    Returns uint8 [count, 28, 28]: parts of printed lines and boxes from half of the sheets; grain,
    shadows and uneven light from bare ones.
    """
    rng = np.random.default_rng(seed)
    inks: list[Ink] = []
    while len(inks) < count:
        height = _random_height(rng)
        # Large enough for a whole box: its corner alone might be a 7.
        shape = np.ceil(np.exp(rng.uniform(np.log(1.6), np.log(4), 2)) * height).astype(int)
        middle = shape[::-1] / 2
        box = Box(*np.concatenate([middle - height / 3, middle + height / 3]).astype(int).tolist())
        bare = rng.random() < 0.5
        # A pen's stroke would be a 1, as may be what is narrow and upright.
        printed = _draw_lines(tuple(shape), box, height, rng, stroke=False)
        sheet = np.zeros_like(printed)
        picture = _expose(sheet, sheet if bare else printed, height, rng)
        steepest = _MAX_ASPECT_BARE if bare else _MAX_ASPECT
        proposed = (hypothesis.component for hypothesis in propose(picture))
        inks += [part.ink for part in proposed if part.box.height < steepest * part.box.width]
    return _to_frames(inks[:count])


def _to_frames(inks: list[Ink]) -> Bytes:
    chunks = [to_mnist(inks[start : start + _CHUNK]) for start in range(0, len(inks), _CHUNK)]
    return np.concatenate(chunks)


def _random_height(rng: Generator) -> float:
    """The height of a digit, in pixels."""
    return log_uniform(rng, 7, 100)


def photograph(digits: Split, index: int, rng: Generator, alone: bool = True) -> tuple[Bytes, Mask]:
    """A grey picture of one digit, uint8 [height, width], and its ink, bool of the same shape.

    alone: False puts another digit beside it.
    """
    height = _random_height(rng)
    digit = _resize_digit(digits.images[index], height, rng)
    room = np.exp(rng.uniform(np.log(0.1), np.log(1.5), 4)) * height
    if rng.random() < 0.1:  # cut by the picture's edge
        room[rng.integers(4)] = -rng.uniform(0.02, 0.1) * min(digit.shape)
    left, top, right, bottom = np.round(room).astype(int).tolist()
    width, tall = digit.shape[1] + left + right, digit.shape[0] + top + bottom
    ink = np.zeros((tall, width), np.float32)
    paste(ink, digit, left, top)
    seen = ink > _STROKE_THRESHOLD
    box = _bounding_box(seen)
    if not alone:
        neighbour = _resize_digit(digits.images[rng.integers(len(digits))], height, rng)
        gap = round(rng.uniform(0, 0.3) * height)
        before = rng.random() < 0.5
        start = box.left - gap - neighbour.shape[1] if before else box.right + gap
        paste(ink, neighbour, start, top + round(rng.normal(0, 0.05) * height))
    printed = _draw_lines(ink.shape, box, height, rng)
    return _expose(ink, printed, height, rng), seen


def _resize_digit(digit: Bytes, height: float, rng: Generator) -> Coverage:
    """Crop the digit and scale it to `height`, with the sharp edges of ink."""
    cut = cropped(digit).astype(np.float32) / 255
    scale = height / max(cut.shape)
    size = max(2, round(cut.shape[1] * scale)), max(2, round(cut.shape[0] * scale))
    drawn = np.asarray(Image.fromarray(np.pad(cut, 1)).resize(size, Image.Resampling.BICUBIC))
    # The threshold of ink: strokes as in MNIST, thinner or thicker.
    edge, sharpness = rng.uniform(0.25, 0.6), max(1.0, scale / 2)
    edge = min(edge, drawn.max() / 2)  # a hairline scaled down is pale all over
    coverage: Coverage = np.clip((drawn - edge) * sharpness + 0.5, 0, 1)
    return coverage


def _draw_lines(
    shape: tuple[int, ...], box: Box, height: float, rng: Generator, stroke: bool = True
) -> Coverage:
    """Ruled or squared lines, a form's box, a pen's stroke (if `stroke`), or nothing."""
    image = Image.new("L", (shape[1], shape[0]))
    pen = ImageDraw.Draw(image)
    width = max(1, round(rng.uniform(0.01, 0.06) * height))
    kind = rng.random()
    if kind < 0.2:
        spacing = rng.uniform(0.5, 2) * height
        for y in np.arange(rng.uniform(0, spacing), shape[0], spacing):
            pen.line((0, y, shape[1], y + rng.normal(0, 0.02) * shape[1]), 255, width)
        if kind < 0.08:
            for x in np.arange(rng.uniform(0, spacing), shape[1], spacing):
                pen.line((x, 0, x + rng.normal(0, 0.02) * shape[0], shape[0]), 255, width)
    elif kind < 0.35:
        around = rng.uniform(-0.03, 0.4, 4) * height
        corners = np.array(box) + around * (-1, -1, 1, 1)
        pen.rectangle(corners.tolist(), outline=255, width=width)
    elif kind < 0.42 and stroke:
        ends = rng.uniform(0, 1, 4) * (shape[1], shape[0], shape[1], shape[0])
        pen.line(ends.tolist(), 255, width)
    return np.asarray(image, np.float32) / np.float32(255)


def _expose(ink: Coverage, printed: Coverage, height: float, rng: Generator) -> Bytes:
    """Photograph the sheet: light, blur, grain, JPEG; sometimes light ink on dark."""
    contrast = rng.uniform(0.15, 0.9)
    lines = printed * rng.uniform(0.2, 1)
    dark = np.maximum(ink * rng.uniform(0.6, 1), lines) * contrast
    y, x = np.mgrid[-1 : 1 : ink.shape[0] * 1j, -1 : 1 : ink.shape[1] * 1j]
    slope = rng.uniform(-1, 1, 2) * log_uniform(rng, 0.05, 0.5)
    light = 1 + slope[0] * x + slope[1] * y
    if rng.random() < 0.2:
        light = light * _shade(x, y, rng)
    grey = 255 * rng.uniform(max(0.5, contrast), 1) * light * (1 - dark)
    blur = rng.uniform(0, 0.04) * height
    if blur > 0.3:  # scale down and up, because the cost of Pillow's filter grows with the radius
        small = max(2, round(ink.shape[1] / (1 + blur))), max(2, round(ink.shape[0] / (1 + blur)))
        reduced = Image.fromarray(grey.astype(np.float32)).resize(small, Image.Resampling.BOX)
        grey = np.asarray(reduced.resize(ink.shape[::-1], Image.Resampling.BICUBIC))
    grey = grey + rng.normal(0, rng.uniform(0, 0.06) * contrast * 255, ink.shape)
    pixels = np.clip(grey, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        pixels = jpeg(pixels, int(rng.integers(20, 95)))
    return np.asarray(255 - pixels) if rng.random() < 0.2 else pixels


def _shade(x: Floats, y: Floats, rng: Generator) -> Floats:
    """A factor of the light, 0 to 1: a round shadow with a soft or sharp edge.

    x, y: float64 [height, width], -1 to 1 over the picture.
    """
    middle, radius = rng.uniform(-3, 3, 2), rng.uniform(0.5, 3)
    inside = radius - np.hypot(x - middle[0], y - middle[1])
    softness = log_uniform(rng, 0.02, 0.5)
    covered = 1 / (1 + np.exp(np.clip(-inside / softness, -50, 50)))
    factor: Floats = 1 - rng.uniform(0.1, 0.6) * covered
    return factor


def matches(proposed: Component, digit: Mask, min_share: float) -> bool:
    """Whether a proposal is the digit. digit: bool [height, width], its ink in the picture."""
    left, top, right, bottom = proposed.box
    inside = digit[top:bottom, left:right]
    mass = proposed.ink.sum(dtype=np.int64)
    if (proposed.ink[inside] > 0).sum() < _MIN_INK_FOUND * digit.sum():
        return False
    box = _bounding_box(digit)
    size = max(proposed.box.width, proposed.box.height)
    large = max(box.width, box.height) > _MIN_RELATIVE_SIZE * size
    return bool(large and proposed.ink[inside].sum(dtype=np.int64) > min_share * mass)


def _bounding_box(mask: Mask) -> Box:
    rows, columns = ink_box(mask)
    return Box(columns.start, rows.start, columns.stop, rows.stop)
