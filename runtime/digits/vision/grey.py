"""A picture that Pillow has opened to grey pixels, a band of rows at a time."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_BAND = 512  # rows that are converted at a time


def to_grey(image: Image.Image, factor: int) -> NDArray[np.uint8]:
    """Grey pixels of an upright picture, the mean of `factor` x `factor` of its own each.

    Gives uint8 [height, width], 0 = black, 255 = white. What is transparent lies on paper.

    Raises ValueError when a picture of floats holds values that aren't finite, and what Pillow
    raises on a damaged picture.
    """
    if image.mode == "L" and factor == 1 and not image.has_transparency_data:
        return np.asarray(image)
    if image.mode in ("I", "F"):
        return _stretched(image, factor)
    if image.mode.startswith("I;16"):
        deep = (np.asarray(band) >> 8 for band in _bands(image, factor))
        bands = [Image.fromarray(high.astype(np.uint8)).reduce(factor) for high in deep]
    elif image.has_transparency_data:
        coloured = image if image.mode in ("LA", "RGBA") else image.convert("RGBA")
        # Alpha is multiplied in while averaging; the grey of invisible pixels must not show.
        weighted = (band.convert("LA").convert("La") for band in _bands(coloured, factor))
        bands = [band.reduce(factor).convert("LA") for band in weighted]
        return _on_paper(np.concatenate([np.asarray(band) for band in bands]))
    else:
        bands = [band.convert("L").reduce(factor) for band in _bands(image, factor)]
    return np.concatenate([np.asarray(band) for band in bands])


def _bands(image: Image.Image, factor: int) -> Iterator[Image.Image]:
    """The picture in parts, because a conversion takes up to eight bytes a pixel."""
    width, height = image.size
    step = factor * max(1, _BAND // factor)
    for top in range(0, height, step):
        yield image.crop((0, top, width, min(top + step, height)))


def _on_paper(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay a transparent picture on paper that contrasts with its ink.

    image: uint8 [height, width, 2], grey and alpha.

    A cut-out sheet, which fills its outline and holds both ink and paper, goes on its own paper.
    Bare ink goes on white, or on black when it is light.
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
    return to_bytes((paper + (grey - paper) * alpha).astype(np.float32))


def _stretched(image: Image.Image, factor: int) -> NDArray[np.uint8]:
    """Grey for 32-bit files, which don't say what white is: the least is black, the most white."""
    ranges = []
    for band in _bands(image, factor):
        values = np.asarray(band)
        if not np.isfinite(values).all():
            raise ValueError("it holds values that are not finite")
        ranges.append((float(values.min()), float(values.max())))
    low, high = min(least for least, _ in ranges), max(most for _, most in ranges)
    reduced = []
    for band in _bands(image, factor):
        grey = np.asarray(band).astype(np.float32)
        grey -= low
        grey *= 255 / max(high - low, 1e-9)
        reduced.append(np.asarray(Image.fromarray(to_bytes(grey)).reduce(factor)))
    return np.concatenate(reduced)


def to_bytes(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Round 0 to 255 in place, so that a large picture is in memory once."""
    return np.round(values, out=values).astype(np.uint8)
