"""Grey pixels to ink, whatever the light and the pen."""

import math
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits.images.grey import Grey

Ink = NDArray[np.uint8]  # [height, width]: 0 = paper, 255 = full ink
Float32s = NDArray[np.float32]
Pixel = TypeVar("Pixel", np.uint8, np.int16)

_THUMBNAIL = 160  # pixels of the longer side; light changes slowly, so a small picture shows it
_FIT = 20  # samples along the longer side determine a surface with six coefficients
_MIN_INK = 0.003  # of the pixels are ink, in a picture with some
# Share of the picture. Anything wider is no stroke, but a table, a dark wall or a shadow.
_WIDEST_STROKE = 0.25
_DARKEST_PAPER = 64  # of 255; in deeper shadow, ink drowns in the camera's noise
_LEVELS = np.arange(256) + 0.5
_POWERS = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 2, 0, 1, 0])  # of y and x: up to 2 together
_RIDGE = 1e-3 * np.eye(6, dtype=np.float32)
_BAND = 1 << 14  # pixels that are computed at a time
_VISIBLE = 5  # of 255: the 2 % that people just notice (Weber fraction)


class Levels(NamedTuple):
    """What separates ink from paper in one picture, in units of ink (0 to 255), rounded down.

    paper: the mean of bare paper. soft_edge: what the edge of a stroke fades to. threshold: halfway
    from paper to the mean of ink. floor: what a stroke may fade to that stands out from the noise.
    """

    paper: int
    soft_edge: int
    threshold: int
    floor: int


def extract_ink(grey: Grey) -> tuple[Ink, Levels | None]:
    """The ink of a picture, corrected for uneven light, and its levels; 255 = black on white paper.

    grey: uint8 [height, width]. How much darker than its paper each pixel is, as a share of it; or
    how much lighter, where the ink seems to be light.
    """
    factor = -(-max(grey.shape) // _THUMBNAIL)
    sample = grey[::factor, ::factor]
    counts = _histogram(sample)
    if 2 * counts.max() >= sample.size:  # most of it has one grey: paper without light and noise
        thumbnail = background = np.full((1, 1), counts.argmax(), np.float32)
        few = round(_MIN_INK * sample.size)
        levels = counts.cumsum().searchsorted([few, sample.size - 1 - few], "right")
        is_dark = _is_dark(grey, levels - background[0])
    else:
        reduced = Image.fromarray(grey).reduce(factor) if factor > 1 else grey
        thumbnail = np.asarray(reduced, np.float32)
        background = fit_background(thumbnail)
        few = round(_MIN_INK * thumbnail.size)
        differences = (thumbnail - background).reshape(-1)
        is_dark = _is_dark(thumbnail, np.partition(differences, [few, -1 - few])[[few, -1 - few]])
    if not is_dark:
        grey, thumbnail, background = 255 - grey, 255 - thumbnail, 255 - background
    ink = _ink_on(_paper(thumbnail, background), grey, factor)
    return ink, otsu_levels(ink)


def _is_dark(grey: NDArray[Any], farthest: NDArray[Any]) -> bool:
    """Whether the ink is dark, by the majority of three cues.

    farthest: how much lighter the darkest and the lightest pixels are than the background.

    The pixels farthest from the background are ink (their mean and skewness are useless: half a
    picture in shadow outweighs the ink); most of the border is paper; and so is most of the middle,
    even where a table surrounds the sheet.
    """
    height, width = grey.shape
    half = (int(grey.min()) + int(grey.max())) // 2  # all values are whole numbers
    border = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])
    middle = grey[height // 4 : height - height // 4, width // 4 : width - width // 4]
    votes = [bool(2 * np.count_nonzero(paper > half) >= paper.size) for paper in (border, middle)]
    votes.append(bool(farthest[0] + farthest[1] <= 0))
    return votes.count(True) >= 2


def _paper(thumbnail: Float32s, background: Float32s) -> Float32s:
    """The brightness of the bare paper under dark ink: float32, with the shape of `thumbnail`.

    background: its gradual part, see `fit_background`.

    Closing a picture removes its strokes, which are dark and narrow, and keeps the edges of
    shadows, but is too bright where the light fades towards the border. Closing the difference
    from `background` keeps the fading light, but is too bright beside the edges of shadows. Neither
    is darker than the paper, so the darker one is closer to it.
    """
    if thumbnail.size == 1:
        return thumbnail
    radius = max(1, round(_WIDEST_STROKE * max(thumbnail.shape) / 2))
    picture = thumbnail.astype(np.uint8)  # its values are whole numbers
    residual = close(np.rint(thumbnail - background).astype(np.int16), radius)
    paper: Float32s = np.minimum(close(picture, radius), background + residual)
    return paper


def _ink_on(paper: Float32s, grey: Grey, factor: int) -> Ink:
    """The ink on its paper. factor: how many pixels of `grey` make one of `paper`."""
    (height, width), is_even, ink = grey.shape, paper.size == 1, np.empty_like(grey)
    # In bands that fit into a core's cache, and into memory that isn't given back: new pages for a
    # large array take longer than what is computed in it.
    step = factor * max(1, _BAND // (factor * width))
    wide = paper if is_even else paper.repeat(factor, 1)[:, :width]
    for top in range(0, height, step):
        band, paper_of_band = slice(top, top + step), wide
        if not is_even:
            paper_of_band = wide[top // factor : (top + step) // factor].repeat(factor, 0)
        ink[band] = _normalize(grey[band], paper_of_band[: height - top])
    return ink


def _normalize(grey: Grey, paper: Float32s) -> Float32s:
    """The ink plus one half: cutting it off to an integer then rounds."""
    ink: Float32s = paper - grey
    ink *= 255 / np.maximum(paper, np.float32(_DARKEST_PAPER))
    ink += np.float32(0.5)
    return np.maximum(ink, 0, out=ink)


def fit_background(thumbnail: Float32s) -> Float32s:
    """The gradual part of the background: float32 [height, width].

    A quadratic surface, fitted to the pixels near it (iteratively reweighted least squares), is
    smooth enough to pass under the ink and curved enough for a lamp or a shadow's soft edge.
    """
    rows, columns, design = _powers(thumbnail.shape)
    step = -(-max(thumbnail.shape) // _FIT)
    values = thumbnail[::step, ::step].reshape(-1)
    middle = len(values) // 2  # np.median takes longer
    background: NDArray[np.floating] = np.full_like(values, np.sort(values)[middle])
    for _ in range(5):
        distance = np.abs(values - background)
        relative = distance / max(1.5 * float(np.sort(distance)[middle]), 2)  # a camera's noise
        weighted = design / np.square(1 + relative * relative)
        coefficients = np.linalg.solve(weighted @ design.T + _RIDGE, weighted @ values)
        background = coefficients @ design
    curve = np.zeros((3, 3), np.float32)
    curve[_POWERS] = coefficients
    surface: Float32s = np.matmul(rows @ curve, columns)
    return surface


@lru_cache(64)
def _powers(shape: tuple[int, int]) -> tuple[Float32s, Float32s, Float32s]:
    """What a quadratic surface over a picture of this shape is computed of.

    Returns the powers 0 to 2 of the rows' and of the columns' positions, from -1 to 1, [h, 3] and
    [3, w], and the surface's six terms at n samples, [6, n]. A camera's pictures share a shape.
    """
    rows, columns = (
        np.vander(np.linspace(-1, 1, side), 3, True).astype(np.float32) for side in shape
    )
    step = -(-max(shape) // _FIT)
    products = rows[::step, None, :, None] * columns[None, ::step, None, :]
    return rows, columns.T, products.reshape(-1, 3, 3)[(slice(None), *_POWERS)].T.copy()


def close(values: NDArray[Pixel], radius: int) -> NDArray[Pixel]:
    """Morphological closing with a square of 2 * radius + 1: fills what is darker and narrower."""
    for extreme in (np.maximum, np.minimum):
        for _ in range(2):  # along rows, then along columns
            # The repeated edges change no extreme: windows that reach them hold the edge itself.
            first, last = values.T[:1].repeat(radius, 0), values.T[-1:].repeat(radius, 0)
            values = np.concatenate([first, values.T, last])
            missing, step = 2 * radius, 1  # rows below each that aren't in its extreme yet
            while missing:
                values = extreme(values[:-step], values[step:])
                missing -= step
                step = min(2 * step, missing)
    return values


def apply_mask(ink: Ink, mask: NDArray[np.bool_]) -> Ink:
    """The ink where a mask is true, and paper elsewhere."""
    return ink * mask  # 40 times as fast as np.where


def otsu_levels(ink: Ink, bare_pixels: int = 0) -> Levels | None:
    """Find the levels that separate ink from paper; None for bare paper.

    bare_pixels: how many further pixels there are, all of them 0.

    The threshold best separates two classes (N. Otsu, "A threshold selection method from gray-level
    histograms", 1979).
    """
    counts = _histogram(ink).astype(np.float64)
    counts[0] += bare_pixels
    split, paper, full = _otsu(counts)
    below = counts.cumsum()
    size, bare = float(below[-1]), float(below[split])
    few = min(_MIN_INK * size, (size - bare) / 2)
    darkest = float(below.searchsorted(size - few))
    if bare in (0, size) or darkest - paper < _VISIBLE:
        return None
    deviations = _LEVELS[: split + 1] - paper
    noise = math.sqrt((counts[: split + 1] * deviations**2).sum() / bare)
    half = (full - paper) / 2
    floor = paper + max(half / 3, min(3 * noise, half))
    return Levels(int(paper), int(paper + half / 4), int(paper + half), int(floor))


def _otsu(counts: NDArray[np.float64]) -> tuple[int, float, float]:
    """The last level of the lower of two classes, and their means, by a histogram."""
    below, sums = counts.cumsum(), (counts * _LEVELS).cumsum()
    above = below[-1] - below
    low, high = sums / np.maximum(below, 1), (sums[-1] - sums) / np.maximum(above, 1)
    split = int((below * above * (high - low) ** 2).argmax())
    return split, float(low[split]), float(high[split])


def _histogram(grey: Grey) -> NDArray[np.int64]:
    """How many pixels have each value."""
    if grey.size < 1 << 14:
        return np.bincount(grey.reshape(-1), minlength=256)
    # Four times as fast as bincount.
    return np.array(Image.fromarray(np.ascontiguousarray(grey)).histogram())
