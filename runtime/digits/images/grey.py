"""Convert a Pillow image to grey pixels."""

import hashlib
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Grey = NDArray[np.uint8]  # pixels [height, width]: 0 = black, 255 = white

_TILE = 1024  # pixels a side that are converted at a time
_MAX_FLOAT = 1e30  # which float32 holds


def to_grey(image: Image.Image, factor: int) -> Grey:
    """Convert a picture to grey, each pixel the mean of `factor` x `factor` of its own.

    Transparent pixels show paper. More than 8 bits a pixel are scaled by `value_range`. Raises
    ValueError for values that aren't finite, and whatever Pillow raises for a damaged picture.
    """
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = _reduce(image, "F" if image.mode == "F" else "I", factor)
        return to_uint8(values, *value_range(values))
    if image.has_transparency_data:
        return _flatten_alpha(_reduce(image, "LA", factor))
    return _reduce(image, "L", factor)


def _reduce(image: Image.Image, mode: str, factor: int) -> NDArray[Any]:
    """Convert a picture to another mode and reduce it, tile by tile.

    The whole would take up to eight more bytes a pixel. Pillow weighs pixels by their alpha: the
    colour of invisible ones doesn't show.
    """
    if image.mode == mode and factor == 1:
        return np.asarray(image)
    width, height = image.size
    reduced = Image.new(mode, (-(-width // factor), -(-height // factor)))
    step = factor * max(1, _TILE // factor)
    for left, top in product(range(0, width, step), range(0, height, step)):
        tile = image.crop((left, top, min(left + step, width), min(top + step, height)))
        reduced.paste(tile.convert(mode).reduce(factor), (left // factor, top // factor))
    return np.asarray(reduced)


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
    area = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
    if len(rows) > 0.6 * area and np.ptp(visible) > 96:
        paper = np.float32(np.median(visible))
    else:
        paper = np.float32(0 if visible.mean() > 127 else 255)
    return _round_to_uint8((paper + (grey - paper) * alpha).astype(np.float32))


def value_range(values: NDArray[Any]) -> tuple[float, float]:
    """The values of black and white in pixels of any number type.

    Black is 0, or the least value below it. White is 1 in bool and in floats up to 2
    (interpolation overshoots 1), else 255, or the largest value if that is more.
    Raises ValueError when a value isn't finite, or hardly.
    """
    low, high = float(values.min()), float(values.max())
    if not max(high, -low) <= _MAX_FLOAT:  # as NaN is not
        raise ValueError(f"it holds values that are not finite, or above {_MAX_FLOAT}")
    is_unit = values.dtype.kind == "b" or (values.dtype.kind == "f" and high <= 2)
    return min(low, 0.0), 1.0 if is_unit else max(high, 255.0)


def to_uint8(values: NDArray[Any], black: float, white: float) -> NDArray[np.uint8]:
    """Scale numbers of any type to 0 (black) to 255 (white), and clip them."""
    scaled = values.astype(np.float32)
    scaled -= black
    scaled *= 255 / (white - black)
    np.clip(scaled, 0, 255, out=scaled)
    return _round_to_uint8(scaled)


def _round_to_uint8(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Round values from 0 to 255, in place to save memory."""
    return np.round(values, out=values).astype(np.uint8)


def digest_of(grey: Grey) -> bytes:
    """The SHA-256 of a picture's grey pixels: uint8 [height, width]."""
    height, width = grey.shape
    return hashlib.sha256(b"%d %d " % (height, width) + grey.tobytes()).digest()
