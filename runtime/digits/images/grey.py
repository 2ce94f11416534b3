"""Convert a Pillow image to grey pixels, one band at a time."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Grey = NDArray[np.uint8]  # pixels [height, width]: 0 = black, 255 = white

_BAND = 512  # rows, or columns of a wide picture, that are converted at a time
_MAX_FLOAT = 1e30


def to_grey(image: Image.Image, factor: int) -> Grey:
    """Convert a picture to grey, each pixel the mean of `factor` x `factor` of its own.

    Transparent pixels show paper. More than 8 bits a pixel are scaled by `value_range`. Raises
    ValueError for values that aren't finite, and whatever Pillow raises for a damaged picture.
    """
    if image.mode == "L" and factor == 1 and not image.has_transparency_data:
        return np.asarray(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _from_high_depth(image, factor)
    bands = _bands(image, factor)
    if image.has_transparency_data:
        # Alpha is multiplied in while averaging; the colour of invisible pixels must not show.
        coloured = (band if band.mode in ("LA", "RGBA") else band.convert("RGBA") for band in bands)
        weighted = (band.convert("LA").convert("La").reduce(factor) for band in coloured)
        return _flatten_alpha(_join([band.convert("LA") for band in weighted], _axis(image)))
    return _join([band.convert("L").reduce(factor) for band in bands], _axis(image))


def _join(bands: list[Image.Image], axis: int) -> Grey:
    return np.concatenate([np.asarray(band) for band in bands], axis)


def _bands(image: Image.Image, factor: int) -> Iterator[Image.Image]:
    """Split a picture along its longer side, since a conversion takes up to eight bytes a pixel."""
    width, height = image.size
    step = factor * max(1, _BAND // factor)
    for start in range(0, max(width, height), step):
        if _axis(image):
            yield image.crop((start, 0, min(start + step, width), height))
        else:
            yield image.crop((0, start, width, min(start + step, height)))


def _axis(image: Image.Image) -> int:
    """The axis along which a picture is split: 0, its rows, unless it is wide."""
    return int(image.width > image.height)


def _flatten_alpha(image: NDArray[np.uint8]) -> Grey:
    """Put a transparent picture on paper that contrasts with its ink.

    image: uint8 [height, width, 2], grey and alpha.

    A cut-out sheet, which fills its outline and holds both ink and paper, extends its own paper.
    Bare ink gets white paper, or black when it is light.
    """
    values = image.astype(np.float32)
    grey, alpha = values[..., 0], values[..., 1] / 255
    rows, columns = np.nonzero(alpha > 0.5)
    if not len(rows):
        return np.full(grey.shape, 255, np.uint8)
    visible = grey[rows, columns]
    outline = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
    if len(rows) > 0.6 * outline and np.ptp(visible) > 96:
        paper = np.float32(np.median(visible))
    else:
        paper = np.float32(0 if visible.mean() > 127 else 255)
    return _round_to_uint8((paper + (grey - paper) * alpha).astype(np.float32))


def _from_high_depth(image: Image.Image, factor: int) -> Grey:
    """Grey pixels of an image with more than 8 bits a pixel."""
    lows, highs = np.transpose([value_range(np.asarray(band)) for band in _bands(image, factor)])
    scaled = (to_uint8(np.asarray(band), lows.min(), highs.max()) for band in _bands(image, factor))
    return _join([Image.fromarray(band).reduce(factor) for band in scaled], _axis(image))


def value_range(values: NDArray[Any]) -> tuple[float, float]:
    """The values of black and white in pixels of any number type.

    Black is 0, or the least value below it. White is 1 in bool and in floats up to 2
    (interpolation overshoots 1), else 255, or the largest value if that is more.
    Raises ValueError when a value isn't finite.
    """
    low, high = float(values.min()), float(values.max())
    if not math.isfinite(low) or not math.isfinite(high):
        raise ValueError("it holds values that are not finite")
    unit = values.dtype.kind == "b" or (values.dtype.kind == "f" and high <= 2)
    return min(low, 0.0), 1.0 if unit else max(high, 255.0)


def to_uint8(values: NDArray[Any], black: float, white: float) -> NDArray[np.uint8]:
    """Scale numbers of any type to 0 (black) to 255 (white), and clip them."""
    largest = max(white, -black)
    if largest > _MAX_FLOAT:  # float32 might not hold it
        values, black, white = values / largest, black / largest, white / largest
    scaled = values.astype(np.float32)
    scaled -= black
    scaled *= 255 / (white - black)
    np.clip(scaled, 0, 255, out=scaled)
    return _round_to_uint8(scaled)


def _round_to_uint8(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Round values from 0 to 255, in place to save memory."""
    return np.round(values, out=values).astype(np.uint8)
