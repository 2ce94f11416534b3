"""Look at a page: coarsely at several scales, then once at the scale that suits its digits."""

import math

import numpy as np
from PIL import Image

from digits.inference.interface import PAGE_MAX_PIXELS, PAGE_MULTIPLE
from digits.reader.detections import Detections, concatenate, probabilities
from digits.reader.peaks import Grey, Look, MapsFn, find_peaks, log_softmax

SMALLEST, LARGEST = 10.0, 60.0  # pixels: of the digits that the network is trained with
_IDEAL = math.sqrt(SMALLEST * LARGEST)
_HALF_RANGE = math.log(LARGEST / SMALLEST) / 2
_LARGE = 36.0  # pixels: touching digits are told apart better, and 1.6 times as large still fits
_FINE_PIXELS = 1 << 20  # what a look may cost to show digits as large as that
_COARSE_PIXELS = 1 << 19  # about 870 x 600; the smaller scales together have a third of that
_MAX_ENLARGED = 2.0  # digits smaller than half of SMALLEST can't be read
_SAME_SCALE = 2**0.25  # a factor; nearer scales show the same
_CHUNK = 4096  # places at a time
MARGIN = 16  # pixels of paper around the page, for digits that touch its border


def look_around(page: Grey, maps: MapsFn) -> Detections:
    """Find the places where a symbol may be, as all looks together see them.

    page: uint8 [height, width]. Places that several looks find are there several times.
    """
    looks = _look_coarsely(page, maps)
    peaks = [find_peaks(look) for look in looks]
    closest = min(_MAX_ENLARGED, _largest_scale(*page.shape))
    typical = _typical_height(concatenate(peaks))
    affordable = math.sqrt(_FINE_PIXELS / page.size)
    wanted = max(_IDEAL, min(_LARGE, affordable * typical)) / typical if typical else closest
    # If there is nothing at the scale that suits what was seen coarsely, that was no digit.
    for scale in sorted({min(closest, wanted), closest}):
        if all(abs(math.log(scale / look.scale.max())) > math.log(_SAME_SCALE) for look in looks):
            looks.append(_look(page, scale, maps))
            peaks.append(find_peaks(looks[-1]))
        combined = _combine_all(concatenate(peaks), looks, typical or _IDEAL / scale)
        if (combined.are_digits & (combined.scores > 0)).any():
            break
    height, width = page.shape
    x, y = combined.centres.T
    return combined.select((x > 0) & (x < width) & (y > 0) & (y < height))


def glance(page: Grey, maps: MapsFn, height: float) -> Detections:
    """Find symbols in one look, at the scale that suits those of this height.

    page: uint8 [height, width]. height: in pixels of the page.
    """
    return find_peaks(_look(page, min(1.0, _IDEAL / height), maps))


def _combine_all(detections: Detections, looks: list[Look], typical: float) -> Detections:
    """`combine` in chunks, because for each place it takes some KB a look."""
    starts = range(0, len(detections.scores) or 1, _CHUNK)
    chunks = (detections.select(slice(start, start + _CHUNK)) for start in starts)
    return concatenate([combine(chunk, looks, typical) for chunk in chunks])


def combine(detections: Detections, looks: list[Look], typical: float) -> Detections:
    """Replace the score, symbols and box of each place by what all looks say of it.

    A look counts where the symbol has, at its scale, a size that the network knows. Where it has no
    peak its log odds are low, so places on which looks agree score best. The box is that of the
    surest look. typical: height of a digit in pixels of the page; a sign belongs to such a digit.
    """
    seen = [look.same(detections) for look in looks]
    scores = np.stack([look.scores for look in seen], 1)
    heights = np.where(detections.are_digits, detections.heights, typical)
    scales = np.array([look.scale.max() for look in looks])
    sizes = np.log(heights[:, None] * scales / _IDEAL) / _HALF_RANGE
    weights = np.exp(log_softmax(-(sizes**4) / 2))
    score = (weights * scores).sum(1)
    # What doesn't see the symbol doesn't say which one it is.
    weights = weights * probabilities(scores)
    weights /= weights.sum(1, keepdims=True)
    symbols = np.exp(np.stack([look.symbols for look in seen], 1))
    mean = (weights[..., None] * symbols).sum(1)
    boxes = np.stack([look.boxes for look in seen], 1)[np.arange(len(score)), weights.argmax(1)]
    return Detections(score, np.log(mean.clip(1e-12)), boxes)


def _look_coarsely(page: Grey, maps: MapsFn) -> list[Look]:
    """Looks at ever smaller scales, until no digit can be too large for the last."""
    scale = min(1.0, math.sqrt(_COARSE_PIXELS / page.size))
    looks = []
    while True:
        looks.append(_look(page, scale, maps))
        if scale * min(page.shape) <= LARGEST:
            return looks
        scale /= 2


def _look(page: Grey, scale: float, maps: MapsFn) -> Look:
    height, width = page.shape
    size = max(1, round(width * scale)), max(1, round(height * scale))
    method = Image.Resampling.BILINEAR if scale < 1 else Image.Resampling.BICUBIC
    resized = page if scale == 1 else Image.fromarray(page).resize(size, method, reducing_gap=2.0)
    framed = np.pad(np.asarray(resized), MARGIN, mode="edge")
    return Look(np.array(size) / (width, height), MARGIN, *maps(framed))


def _typical_height(detections: Detections) -> float | None:
    """The median height of digits; None if there seem to be none."""
    digits = detections.select(detections.are_digits)
    # Squared, so that many faint places don't outweigh a few sure ones.
    weights = probabilities(digits.scores) ** 2
    if weights.sum() < 0.25:  # less than one place that is as likely as not
        return None
    order = np.argsort(digits.heights)
    middle = np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)
    return float(digits.heights[order][middle])


def _largest_scale(height: int, width: int) -> float:
    """The scale at which a page and its margin have as many pixels as the network may get."""
    border = 2 * MARGIN + PAGE_MULTIPLE
    # The root of (scale * height + border) * (scale * width + border) = PAGE_MAX_PIXELS.
    half = border * (height + width) / (2 * height * width)
    return math.sqrt(half**2 + (PAGE_MAX_PIXELS - border**2) / (height * width)) - half
