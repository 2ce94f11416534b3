"""Arrays of pixels, and random numbers: what all that draws pictures shares."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits.vision import components

Coverage = NDArray[np.float32]  # [height, width], 0 = paper, 1 = ink
Bytes = NDArray[np.uint8]
Random = np.random.Generator
Scalar = TypeVar("Scalar", bound=np.generic)


def log_uniform(random: Random, lowest: float, highest: float) -> float:
    """A random number between two others whose logarithm is evenly distributed."""
    return float(np.exp(random.uniform(np.log(lowest), np.log(highest))))


def ink_box(mask: NDArray[Any]) -> tuple[slice, slice]:
    """The rows and columns of the smallest box around all that isn't 0; one pixel if all is."""
    return components.ink_box(mask).pixels if mask.any() else (slice(0, 1), slice(0, 1))


def cropped(pixels: NDArray[Scalar]) -> NDArray[Scalar]:
    """Crop to what isn't 0."""
    return pixels[ink_box(pixels)]


def overlap(
    layer: NDArray[Any], ink: NDArray[Scalar], left: int, top: int
) -> tuple[NDArray[Any], NDArray[Scalar]]:
    """What ink at (left, top) covers of a layer (a view), and the part of the ink that does."""
    height, width = ink.shape
    part = layer[max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)]
    cut = ink[max(0, -top) :, max(0, -left) :][: part.shape[0], : part.shape[1]]
    return part, cut


def paste(layer: NDArray[Any], ink: NDArray[Any], left: int, top: int) -> None:
    """Add ink to a layer; of two inks the darker one is seen."""
    part, cut = overlap(layer, ink, left, top)
    np.maximum(part, cut, out=part)


def resized(
    field: Coverage, shape: tuple[int, int], box: tuple[float, float, float, float] | None = None
) -> Coverage:
    """Resize a field [h, w] smoothly. box: the part of it to take: left, top, right, bottom."""
    image = Image.fromarray(field).resize(shape[::-1], Image.Resampling.BICUBIC, box)
    return np.asarray(image, np.float32)


def scaled(coverage: Bytes, width: int, height: int) -> Bytes:
    """Resize uint8 [h, w]: average its pixels where it gets narrower, else interpolate."""
    reduced = width < coverage.shape[1]
    resample = Image.Resampling.BOX if reduced else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(coverage).resize((width, height), resample))
