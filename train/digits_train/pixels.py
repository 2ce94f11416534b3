"""Arrays of pixels, and random numbers, for all code that draws pictures."""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits.vision import components

Coverage = NDArray[np.float32]  # [height, width], 0 = paper, 1 = ink
Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Random = np.random.Generator
Scalar = TypeVar("Scalar", bound=np.generic)
T = TypeVar("T")
OUTWARDS = np.array([-1, -1, 1, 1])  # what makes a box larger: left, top, right, bottom


def pick(random: Random, items: Sequence[T]) -> T:
    """Draw one of some items, each equally often."""
    return items[int(random.integers(len(items)))]


def log_uniform(random: Random, lowest: float, highest: float) -> float:
    """Draw a number, with an evenly distributed logarithm, between two others."""
    return float(np.exp(random.uniform(np.log(lowest), np.log(highest))))


def ink_box(mask: NDArray[Any]) -> tuple[slice, slice]:
    """The rows and columns of the smallest box around what isn't 0, or else of the first pixel."""
    return components.ink_box(mask).pixels if mask.any() else (slice(0, 1), slice(0, 1))


def ink_bounds(mask: NDArray[Any]) -> NDArray[np.int64]:
    """The sides of that box: left, top, right and bottom."""
    rows, columns = ink_box(mask)
    return np.array([columns.start, rows.start, columns.stop, rows.stop])


def cropped(pixels: NDArray[Scalar]) -> NDArray[Scalar]:
    """Crop to what isn't 0."""
    return pixels[ink_box(pixels)]


def overlap(
    layer: NDArray[Any], ink: NDArray[Scalar], left: int, top: int
) -> tuple[NDArray[Any], NDArray[Scalar]]:
    """The view of a layer that ink at (left, top) covers, and the part of the ink that does."""
    height, width = ink.shape
    covered = layer[max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)]
    cut = ink[max(0, -top) :, max(0, -left) :][: covered.shape[0], : covered.shape[1]]
    return covered, cut


def paste(layer: NDArray[Any], ink: NDArray[Any], left: int, top: int) -> None:
    """Add ink to a layer; of two inks the darker one is seen."""
    covered, cut = overlap(layer, ink, left, top)
    np.maximum(covered, cut, out=covered)


def resized(
    field: Coverage, shape: tuple[int, int], box: tuple[float, float, float, float] | None = None
) -> Coverage:
    """Resize a field [h, w] smoothly. box: what to take of it: left, top, right, bottom."""
    image = Image.fromarray(field).resize(shape[::-1], Image.Resampling.BICUBIC, box)
    return np.asarray(image, np.float32)


def scaled(coverage: Bytes, width: int, height: int) -> Bytes:
    """Resize uint8 [h, w]: average its pixels where it gets narrower, else interpolate."""
    reduced = width < coverage.shape[1]
    resample = Image.Resampling.BOX if reduced else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(coverage).resize((width, height), resample))
