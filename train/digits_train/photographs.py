"""Digits on paper before a camera, as the image pipeline frames them.

Augmentation moves a clean 28x28 frame. Frames in use come from pictures: from digits of seven
pixels or of a hundred, thin strokes made thicker, with remains of lines, a neighbour's end, a cut
edge, grain and JPEG's blocks. So some of what a network learns from goes that way: a digit is drawn
on a sheet of its own, and `digits.vision` proposes what the digit on it may be. What overlaps with
where it really is has its label.

The camera is a simple one on purpose: another one, in the tests, measures.
"""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from digits.data.mnist import Split
from digits.vision.components import Box, Component, Mask
from digits.vision.frame import to_mnist
from digits.vision.hypotheses import propose
from digits.vision.ink import Ink

Picture = NDArray[np.uint8]
Coverage = NDArray[np.float32]  # [height, width], 0 = paper, 1 = ink
Floats = NDArray[np.float64]
Random = np.random.Generator

# What is proposed is the digit when it has so much of the digit's ink, when the digit is not much
# smaller, and when not too much else is in it: less where that may be another digit.
_FOUND = 0.8
_SMALLEST = 0.6
_ITS_OWN, _ITS_OWN_IN_COMPANY = 0.4, 0.7
_FRAMES = 2  # of a photograph at the most: the others are hardly different
_INK = 0.3  # of a pixel and more is stroke
_UPRIGHT, _NARROW = 1.5, 3  # times as high as wide: with lines on the sheet, and without
_CHUNK = 500  # frames at a time


def make(digits: Split, count: int, seed: int) -> tuple[Picture, Picture]:
    """Photograph some of the digits: frames, uint8 [count, 28, 28], and labels, uint8 [count].

    The same seed gives the same frames. A picture on which the digit isn't found gives none, others
    several.
    """
    random = np.random.default_rng(seed)
    inks: list[Ink] = []
    labels: list[int] = []
    while len(inks) < count:
        index = int(random.integers(len(digits)))
        alone = random.random() < 0.8
        picture, ink = photograph(digits, index, random, alone)
        its_own = _ITS_OWN if alone else _ITS_OWN_IN_COMPANY
        proposed = [hypothesis.component for hypothesis in propose(picture)]
        shown = [component.ink for component in proposed if _shows(component, ink, its_own)]
        chosen = random.permutation(len(shown))[:_FRAMES]
        inks += [shown[place] for place in chosen]
        labels += [int(digits.labels[index])] * len(chosen)
    return _framed(inks[:count]), np.array(labels[:count], np.uint8)


def make_blank(count: int, seed: int | Sequence[int]) -> Picture:
    """Photograph sheets on which no digit is: what may still be taken for one, framed.

    Returns uint8 [count, 28, 28]: of every other sheet parts of printed lines and boxes; of bare
    ones grain, shadows, and what uneven light leaves.
    """
    random = np.random.default_rng(seed)
    inks: list[Ink] = []
    while len(inks) < count:
        height = _some_height(random)
        # A box has room on it: its corner alone might be a 7.
        shape = np.ceil(np.exp(random.uniform(np.log(1.6), np.log(4), 2)) * height).astype(int)
        middle = shape[::-1] / 2
        box = Box(*np.concatenate([middle - height / 3, middle + height / 3]).astype(int).tolist())
        bare = random.random() < 0.5
        # A stroke of somebody's pen would be a 1, and so may be what is narrow and upright.
        printed = _printed(tuple(shape), box, height, random, stroke=False)
        sheet = np.zeros_like(printed)
        picture = _exposed(sheet, sheet if bare else printed, height, random)
        steepest = _NARROW if bare else _UPRIGHT
        proposed = (hypothesis.component for hypothesis in propose(picture))
        inks += [one.ink for one in proposed if one.box.height < steepest * one.box.width]
    return _framed(inks[:count])


def _framed(inks: list[Ink]) -> Picture:
    chunks = [to_mnist(inks[start : start + _CHUNK]) for start in range(0, len(inks), _CHUNK)]
    return np.concatenate(chunks)


def _some_height(random: Random) -> float:
    """Of a digit, in pixels."""
    return float(np.exp(random.uniform(np.log(7), np.log(100))))


def photograph(
    digits: Split, index: int, random: Random, alone: bool = True
) -> tuple[Picture, Mask]:
    """A grey picture of one digit, uint8 [height, width], and its ink, bool of the same shape.

    alone: or else another digit stands beside it.
    """
    height = _some_height(random)
    digit = _written(digits.images[index], height, random)
    room = np.exp(random.uniform(np.log(0.1), np.log(1.5), 4)) * height
    if random.random() < 0.1:  # the picture's edge cuts it
        room[random.integers(4)] = -random.uniform(0.02, 0.1) * min(digit.shape)
    left, top, right, bottom = np.round(room).astype(int).tolist()
    width, tall = digit.shape[1] + left + right, digit.shape[0] + top + bottom
    ink = np.zeros((tall, width), np.float32)
    _put(ink, digit, left, top)
    seen = ink > _INK
    box = _bounds(seen)
    if not alone:
        other = _written(digits.images[random.integers(len(digits))], height, random)
        gap = round(random.uniform(0, 0.3) * height)
        before = random.random() < 0.5
        place = box.left - gap - other.shape[1] if before else box.right + gap
        _put(ink, other, place, top + round(random.normal(0, 0.05) * height))
    printed = _printed(ink.shape, box, height, random)
    return _exposed(ink, printed, height, random), seen


def _written(digit: Picture, height: float, random: Random) -> Coverage:
    """The digit, up to its edges, in so many pixels, with the sharp edges of ink."""
    rows, columns = np.flatnonzero(digit.any(1)), np.flatnonzero(digit.any(0))
    cut = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32) / 255
    scale = height / max(cut.shape)
    size = max(2, round(cut.shape[1] * scale)), max(2, round(cut.shape[0] * scale))
    drawn = np.asarray(Image.fromarray(np.pad(cut, 1)).resize(size, Image.Resampling.BICUBIC))
    # Where ink ends: strokes as MNIST has them, or thinner, or thicker.
    edge, sharpness = random.uniform(0.25, 0.6), max(1.0, scale / 2)
    edge = min(edge, drawn.max() / 2)  # a hairline that is made small is pale all over
    coverage: Coverage = np.clip((drawn - edge) * sharpness + 0.5, 0, 1)
    return coverage


def _put(ink: Coverage, digit: Coverage, left: int, top: int) -> None:
    """Draw what of a digit lies on the sheet."""
    bottom, right = top + digit.shape[0], left + digit.shape[1]
    if min(bottom, right) > 0:
        part = ink[max(0, top) : bottom, max(0, left) : right]
        cut = digit[max(0, -top) :, max(0, -left) :][: part.shape[0], : part.shape[1]]
        np.maximum(part, cut, out=part)


def _printed(
    shape: tuple[int, ...], box: Box, height: float, random: Random, stroke: bool = True
) -> Coverage:
    """Ruled or squared lines, a form's box, somebody's stroke (if any may be), or nothing."""
    image = Image.new("L", (shape[1], shape[0]))
    pen = ImageDraw.Draw(image)
    width = max(1, round(random.uniform(0.01, 0.06) * height))
    kind = random.random()
    if kind < 0.2:
        spacing = random.uniform(0.5, 2) * height
        for y in np.arange(random.uniform(0, spacing), shape[0], spacing):
            pen.line((0, y, shape[1], y + random.normal(0, 0.02) * shape[1]), 255, width)
        if kind < 0.08:
            for x in np.arange(random.uniform(0, spacing), shape[1], spacing):
                pen.line((x, 0, x + random.normal(0, 0.02) * shape[0], shape[0]), 255, width)
    elif kind < 0.35:
        around = random.uniform(-0.03, 0.4, 4) * height
        corners = np.array(box) + around * (-1, -1, 1, 1)
        pen.rectangle(corners.tolist(), outline=255, width=width)
    elif kind < 0.42 and stroke:
        ends = random.uniform(0, 1, 4) * (shape[1], shape[0], shape[1], shape[0])
        pen.line(ends.tolist(), 255, width)
    return np.asarray(image, np.float32) / np.float32(255)


def _exposed(ink: Coverage, printed: Coverage, height: float, random: Random) -> Picture:
    """The sheet as a camera gives it: light, blur, grain, JPEG; or light ink on dark."""
    contrast = random.uniform(0.15, 0.9)
    lines = printed * random.uniform(0.2, 1)
    dark = np.maximum(ink * random.uniform(0.6, 1), lines) * contrast
    y, x = np.mgrid[-1 : 1 : ink.shape[0] * 1j, -1 : 1 : ink.shape[1] * 1j]
    slope = random.uniform(-1, 1, 2) * np.exp(random.uniform(np.log(0.05), np.log(0.5)))
    light = 1 + slope[0] * x + slope[1] * y
    if random.random() < 0.2:
        light = light * _shadow(x, y, random)
    grey = 255 * random.uniform(max(0.5, contrast), 1) * light * (1 - dark)
    blur = random.uniform(0, 0.04) * height
    if blur > 0.3:  # a reduction and an enlargement; what Pillow's filter costs grows with it
        small = max(2, round(ink.shape[1] / (1 + blur))), max(2, round(ink.shape[0] / (1 + blur)))
        reduced = Image.fromarray(grey.astype(np.float32)).resize(small, Image.Resampling.BOX)
        grey = np.asarray(reduced.resize(ink.shape[::-1], Image.Resampling.BICUBIC))
    grey = grey + random.normal(0, random.uniform(0, 0.06) * contrast * 255, ink.shape)
    pixels = np.clip(grey, 0, 255).astype(np.uint8)
    if random.random() < 0.5:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=int(random.integers(20, 95)))
        pixels = np.asarray(Image.open(file))
    negative: Picture = 255 - pixels
    return negative if random.random() < 0.2 else pixels


def _shadow(x: Floats, y: Floats, random: Random) -> Floats:
    """A factor of the light, 0 to 1: the shadow of something round, whose edge is soft or sharp.

    x, y: float64 [height, width], -1 to 1 over the picture.
    """
    middle, radius = random.uniform(-3, 3, 2), random.uniform(0.5, 3)
    inside = radius - np.hypot(x - middle[0], y - middle[1])
    softness = np.exp(random.uniform(np.log(0.02), np.log(0.5)))
    covered = 1 / (1 + np.exp(np.clip(-inside / softness, -50, 50)))
    factor: Floats = 1 - random.uniform(0.1, 0.6) * covered
    return factor


def _shows(proposed: Component, digit: Mask, its_own: float) -> bool:
    """Whether a component is the digit. digit: bool [height, width], of the whole picture."""
    left, top, right, bottom = proposed.box
    inside = digit[top:bottom, left:right]
    mass = proposed.ink.sum(dtype=np.int64)
    if (proposed.ink[inside] > 0).sum() < _FOUND * digit.sum():
        return False
    box = _bounds(digit)
    large = max(box.width, box.height) > _SMALLEST * max(proposed.box.width, proposed.box.height)
    return bool(large and proposed.ink[inside].sum(dtype=np.int64) > its_own * mass)


def _bounds(mask: Mask) -> Box:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
