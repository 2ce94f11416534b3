"""Frames of generated pictures, as the image pipeline makes them, for the classifier to learn.

Augmentation changes clean 28x28 frames. In use, frames come from pictures: with thickened strokes,
remains of lines, a neighbour's end, a cut edge, grain and JPEG blocks. And what is no digit is
framed, too; without such frames a network is sure of everything (D. Hendrycks, M. Mazeika,
T. Dietterich, "Deep anomaly detection with outlier exposure", ICLR 2019).
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import numpy as np

from digits.digit import cut_ink
from digits.vision.components import Component, find_digit
from digits.vision.frame import to_mnist
from digits.vision.ink import Ink, extract_ink
from digits_train.camera import single
from digits_train.camera.materials import Materials
from digits_train.camera.ranges import changed
from digits_train.camera.single import LabelledPicture
from digits_train.pixels import Bytes, Mask, ink_bounds, ink_box

# A component is the digit if it has this share of the digit's ink, if the digit has this share of
# its size, and this share of its ink.
_MIN_INK_FOUND, _MIN_RELATIVE_SIZE, _MIN_INK_SHARE = 0.8, 0.6, 0.5
_STEEPEST = 1.5  # height by width; of paper and rules, what is steeper may be a 1
_LARGEST = 100.0  # pixels of the writing: more wouldn't be seen in a frame
_OUTLIERS = {"blank": 0.15, "several": 0.15, "other": 0.7}  # shares
_CHUNK = 500  # frames at a time


def draw_digits(materials: Materials, count: int, seed: int | Sequence[int]) -> tuple[Bytes, Bytes]:
    """Draw frames of random digits, uint8 [count, 28, 28]; return also their labels [count].

    The same seed gives the same frames. A picture gives several frames, or none if the digit isn't
    found.
    """
    return _collect(materials, count, seed, {"digit": 1.0})


def draw_outliers(materials: Materials, count: int, seed: int | Sequence[int]) -> Bytes:
    """Draw frames without a digit, uint8 [count, 28, 28]: of words, marks, several, nothing."""
    return _collect(materials, count, seed, _OUTLIERS)[0]


def _collect(
    materials: Materials, count: int, seed: int | Sequence[int], shares: Mapping[str, float]
) -> tuple[Bytes, Bytes]:
    """Frames of kinds of pictures, and their labels."""
    random = np.random.default_rng(seed)
    few = changed(materials.ranges, single={"largest": _LARGEST})
    small = materials._replace(ranges=few)

    def inks_and_labels() -> Iterator[tuple[Ink, int]]:
        while True:
            picture = single.draw(shares, random, small)
            for ink in _framed(picture):
                yield ink, picture.label

    inks, labels = zip(*islice(inks_and_labels(), count), strict=True)
    images = [to_mnist(inks[n : n + _CHUNK]) for n in range(0, count, _CHUNK)]
    return np.concatenate(images), np.array(labels, np.uint8)


def _framed(picture: LabelledPicture) -> Iterator[Ink]:
    """The ink that `predict` would find, if it is what is written, and that in the box around it.

    On a blank sheet, what is found and may not be a 1.
    """
    is_blank = picture.label == single.NONE and not picture.ink.any()
    if segment := find_digit(*extract_ink(picture.pixels)):
        box = segment.component.box
        is_flat = box.height < _STEEPEST * box.width
        if is_flat if is_blank else covers(segment.component, picture.ink):
            yield segment.component.ink
    if not is_blank:
        left, top, right, bottom = ink_bounds(picture.ink).tolist()
        if (ink := cut_ink(picture.pixels, (left, top, right, bottom))) is not None:
            yield ink


def covers(proposed: Component, ink: Mask) -> bool:
    """Whether a component is what is written. ink: bool [height, width], where that is."""
    left, top, right, bottom = proposed.box
    inside = ink[top:bottom, left:right]
    if (proposed.ink[inside] > 0).sum() < _MIN_INK_FOUND * ink.sum():
        return False
    rows, columns = ink_box(ink)
    size = max(rows.stop - rows.start, columns.stop - columns.start)
    large = size > _MIN_RELATIVE_SIZE * max(proposed.box.width, proposed.box.height)
    share = proposed.ink[inside].sum(dtype=np.int64) / proposed.ink.sum(dtype=np.int64)
    return bool(large and share > _MIN_INK_SHARE)
