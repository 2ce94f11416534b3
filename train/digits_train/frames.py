"""What the classifier is shown of generated pictures: as the image pipeline frames them.

Augmentation changes clean 28x28 frames. In use, frames come from pictures: with thickened strokes,
remains of lines, a neighbour's end, a cut edge, grain and JPEG blocks. And what is no digit is
framed, too; without such frames a network is sure of everything (D. Hendrycks, M. Mazeika,
T. Dietterich, "Deep anomaly detection with outlier exposure", ICLR 2019).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from digits.vision.components import Box, Component, Mask
from digits.vision.frame import to_mnist
from digits.vision.hypotheses import propose
from digits_train.camera import single
from digits_train.camera.single import Single
from digits_train.camera.window import Materials
from digits_train.raster import Bytes, Random, ink_box

# A proposal is the digit if it has this share of the digit's ink, if the digit has this share of
# its size, and this share of its ink.
_MIN_INK_FOUND, _MIN_RELATIVE_SIZE, _MIN_INK_SHARE = 0.8, 0.6, 0.5
_MAX_FRAMES = 2  # of a picture; more would hardly differ
_STEEPEST = 1.5  # height by width; of paper and rules, what is steeper may be a 1
_LARGEST = 100.0  # pixels of the writing: more wouldn't be seen in a frame
_BLANK = 0.15  # share of the outliers
_SEVERAL = 0.15
_CHUNK = 500  # frames at a time


def digits(materials: Materials, count: int, seed: int | Sequence[int]) -> tuple[Bytes, Bytes]:
    """Frames of random digits, uint8 [count, 28, 28], and their labels, uint8 [count].

    The same seed gives the same frames. A picture gives several frames, or none if the digit isn't
    found.
    """
    labels = list[int]()

    def draw(random: Random, small: Materials) -> list[Component]:
        shown = single.digit(random, small)
        parts = _matching(shown)
        labels.extend([shown.label] * len(parts))
        return parts

    return _collect(draw, materials, count, seed), np.array(labels[:count], np.uint8)


def outliers(materials: Materials, count: int, seed: int | Sequence[int]) -> Bytes:
    """Frames in which no digit is, uint8 [count, 28, 28]: of words and marks, several, nothing."""

    def draw(random: Random, small: Materials) -> list[Component]:
        kind = random.random()
        if kind >= _BLANK:
            show = single.several if kind < _BLANK + _SEVERAL else single.other
            return _matching(show(random, small))
        parts = _propose(single.blank(random, small))
        flat = [part for part in parts if part.box.height < _STEEPEST * part.box.width]
        return flat[:_MAX_FRAMES]

    return _collect(draw, materials, count, seed)


def _collect(
    draw: Callable[[Random, Materials], list[Component]],
    materials: Materials,
    count: int,
    seed: int | Sequence[int],
) -> Bytes:
    random, parts = np.random.default_rng(seed), list[Component]()
    small = materials._replace(ranges=replace(materials.ranges, largest=_LARGEST))
    while len(parts) < count:
        parts += draw(random, small)
    inks = [part.ink for part in parts[:count]]
    return np.concatenate([to_mnist(inks[n : n + _CHUNK]) for n in range(0, count, _CHUNK)])


def _propose(shown: Single) -> list[Component]:
    return [hypothesis.component for hypothesis in propose(shown.pixels)]


def _matching(shown: Single) -> list[Component]:
    return [part for part in _propose(shown) if matches(part, shown.ink)][:_MAX_FRAMES]


def matches(proposed: Component, ink: Mask) -> bool:
    """Whether a proposal is what is written. ink: bool [height, width], where that is."""
    left, top, right, bottom = proposed.box
    inside = ink[top:bottom, left:right]
    mass = proposed.ink.sum(dtype=np.int64)
    if (proposed.ink[inside] > 0).sum() < _MIN_INK_FOUND * ink.sum():
        return False
    rows, columns = ink_box(ink)
    box = Box(columns.start, rows.start, columns.stop, rows.stop)
    size = max(proposed.box.width, proposed.box.height)
    large = max(box.width, box.height) > _MIN_RELATIVE_SIZE * size
    return bool(large and proposed.ink[inside].sum(dtype=np.int64) > _MIN_INK_SHARE * mass)
