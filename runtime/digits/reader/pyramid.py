"""Detect symbols in an image pyramid: coarsely at several scales, then where the digits suit."""

import math
from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits.images.grey import Grey
from digits.inference.interface import (
    MAX_DIGIT_HEIGHT,
    MIN_DIGIT_HEIGHT,
    PAGE_MAX_PIXELS,
    PAGE_MULTIPLE,
    STRIDE,
)
from digits.reader.detections import (
    NMS_IOU,
    Detections,
    Floats,
    Integers,
    concatenate,
    log_softmax,
    overlaps,
)

Map = NDArray[np.float32]
# A grey page to its centres [h, w], symbols [12, h, w] and boxes [4, h, w]: DetectorModel.maps.
MapsFn = Callable[[Grey], tuple[Map, Map, Map]]

BOX_UNIT = 16.0  # pixels
_MAX_EXPONENT = 3.0  # of a box's logarithms: 320 pixels, five times what the detector knows
MIN_SCORE = -3.0  # log odds: a probability of 5 %; what is less likely is no alternative either
_LATER = np.array([(1, 2), (2, 0), (2, 1), (2, 2)])  # neighbours of a cell, in a padded map
_NEIGHBOURS = np.array([(0, 0), *product((-1, 0, 1), repeat=2)])

_IDEAL = math.sqrt(MIN_DIGIT_HEIGHT * MAX_DIGIT_HEIGHT)
_HALF_RANGE = math.log(MAX_DIGIT_HEIGHT / MIN_DIGIT_HEIGHT) / 2
_LARGE = 36.0  # pixels: touching digits are told apart better, and 1.6 times as large still fits
_FINE_PIXELS = 1 << 20  # what a level may cost to show digits as large as that
_COARSE_PIXELS = 1 << 19  # about 870 x 600; the smaller scales together have a third of that
_MAX_ENLARGED = 2.0  # digits smaller than half of MIN_DIGIT_HEIGHT can't be read
_SAME_SCALE = 2**0.25  # a factor; nearer scales show the same
_CHUNK = 4096  # places at a time, each of which takes some KB a level
_MARGIN = 16  # pixels of paper around the page, for digits that touch its border
_AROUND = MAX_DIGIT_HEIGHT  # pixels of paper around the coarse peaks, at the fine scale


class Level(NamedTuple):
    """The page at one scale, and what the detector says of it.

    scale: float64 [2], along x and y: the level's pixels by the page's.
    origin: float64 [2], x and y of the page's corner in the level's pixels.
    centres, symbols, boxes: see `detector_model.Maps`.
    """

    scale: Floats
    origin: Floats
    centres: Map
    symbols: Map
    boxes: Map

    def detections(self, rows: Integers, columns: Integers) -> Detections:
        """What the detector says in n cells."""
        logits = self.symbols[:, rows, columns].T.astype(np.float64)
        scores = self.centres[rows, columns].astype(np.float64)
        return Detections(scores, log_softmax(logits), self._boxes(rows, columns))

    def _boxes(self, rows: Integers, columns: Integers) -> Floats:
        """The boxes of cells: float64 [..., 4]."""
        offsets = np.moveaxis(self.boxes[:, rows, columns], 0, -1).astype(np.float64)
        cells = np.stack([columns, rows], -1) * STRIDE + STRIDE / 2
        middles = cells + BOX_UNIT * offsets[..., :2] - self.origin
        halves = BOX_UNIT / 2 * np.exp(offsets[..., 2:].clip(-_MAX_EXPONENT, _MAX_EXPONENT))
        return np.concatenate([middles - halves, middles + halves], -1) / np.tile(self.scale, 2)

    def look_up(self, detections: Detections) -> Detections:
        """What the detector says at this scale of each symbol that it found at any.

        The peak may be in the next cell; but one there may be a neighbour's, whose box is another.
        """
        nearest = ((detections.centres * self.scale + self.origin) / STRIDE).astype(np.int64)
        cells = nearest[:, None] + _NEIGHBOURS
        columns, rows = np.moveaxis(cells.clip(0, np.array(self.centres.shape[::-1]) - 1), -1, 0)
        shared, _ = overlaps(detections.boxes[:, None], self._boxes(rows, columns))
        # The first is the nearest, which counts if none of them is the same symbol.
        best = np.where(shared > NMS_IOU, self.centres[rows, columns], -np.inf).argmax(1)
        best_cells = np.arange(len(best)), best
        return self.detections(rows[best_cells], columns[best_cells])


def detect(page: Grey, maps: MapsFn, height: float | None = None) -> Detections:
    """Find the places where a symbol may be, as all levels together see them.

    page: uint8 [height, width].
    maps: see `MapsFn`.
    height: that of the symbols, in pixels of the page, if it is known; then one level is enough.

    Places that several levels find are there several times.
    """
    if height:
        return find_peaks(_level(page, min(1.0, _IDEAL / height), maps))
    coarse = min(1.0, math.sqrt(_COARSE_PIXELS / page.size))
    # Ever smaller scales, until no digit can be too large for the last.
    halvings = max(0, math.ceil(math.log2(coarse * min(page.shape) / MAX_DIGIT_HEIGHT)))
    levels = [_level(page, coarse / 2**halving, maps) for halving in range(halvings + 1)]
    peaks = [find_peaks(level) for level in levels]
    closest = min(_MAX_ENLARGED, _largest_scale(*page.shape))
    typical = _typical_height(concatenate(peaks))
    fine = closest
    if typical:
        affordable = math.sqrt(_FINE_PIXELS / page.size)
        fine = min(closest, max(_IDEAL, min(_LARGE, affordable * typical)) / typical)
    # If there is nothing at the scale that suits the coarse peaks, they were no digits.
    for scale in sorted({fine, closest}):
        ratios = [scale / level.scale.max() for level in levels]
        if all(max(ratio, 1 / ratio) > _SAME_SCALE for ratio in ratios):
            boxes = concatenate(peaks).boxes if scale < closest else None
            levels.append(_level(page, scale, maps, boxes))
            peaks.append(find_peaks(levels[-1]))
        combined = _combine(concatenate(peaks), levels, typical or _IDEAL / scale)
        if (combined.are_digits & (combined.scores > 0)).any():
            break
    height, width = page.shape
    x, y = combined.centres.T
    return combined.select((x > 0) & (x < width) & (y > 0) & (y < height))


def find_peaks(level: Level) -> Detections:
    """The local maxima of the heatmap, but for those that are too unlikely.

    Of equal neighbours the last is one, so there is at most one in 2x2 cells.
    """
    centres = largest = level.centres
    for _ in range(2):  # the largest of 3x3 cells: along columns, then along rows
        padded = np.pad(largest, ((1, 1), (0, 0)), constant_values=-np.inf)
        largest = np.maximum(np.maximum(padded[:-2], padded[2:]), padded[1:-1]).T
    rows, columns = np.nonzero((centres > MIN_SCORE) & (centres >= largest))
    padded = np.pad(centres, 1, constant_values=-np.inf)
    later = padded[rows + _LATER[:, :1], columns + _LATER[:, 1:]]
    is_last = (centres[rows, columns] > later).all(0)
    return level.detections(rows[is_last], columns[is_last])


def _combine(detections: Detections, levels: list[Level], typical: float) -> Detections:
    """Replace the score, symbols and box of each place by what all levels say of it.

    typical: height of a digit in pixels of the page; a sign belongs to such a digit.

    A level counts where the symbol has, at its scale, a size that the detector knows. Where it has
    no peak its log odds are low, so places on which levels agree score best. The box is that of the
    surest level.
    """
    if len(detections.scores) > _CHUNK:
        head, tail = detections.select(slice(_CHUNK)), detections.select(slice(_CHUNK, None))
        return concatenate([_combine(head, levels, typical), _combine(tail, levels, typical)])
    by_level = [level.look_up(detections) for level in levels]
    heights = np.where(detections.are_digits, detections.heights, typical)
    scales = np.array([level.scale.max() for level in levels])
    sizes = np.log(heights[:, None] * scales / _IDEAL) / _HALF_RANGE
    weights = np.exp(log_softmax(-(sizes**4) / 2))
    scores = (weights * np.stack([level.scores for level in by_level], 1)).sum(1)
    # A level that doesn't see the symbol doesn't say which one it is.
    weights = weights * np.stack([level.probabilities for level in by_level], 1)
    weights /= weights.sum(1, keepdims=True)
    symbols = np.exp(np.stack([level.symbols for level in by_level], 1))
    mean = (weights[..., None] * symbols).sum(1)
    boxes = np.stack([level.boxes for level in by_level], 1)[
        np.arange(len(scores)), weights.argmax(1)
    ]
    return Detections(scores, np.log(mean.clip(1e-12)), boxes)


def _level(page: Grey, scale: float, maps: MapsFn, boxes: Floats | None = None) -> Level:
    """Look at a page at a scale.

    boxes: float64 [n, 4], around which to look; the rest of the page is taken for blank.
    """
    sides = np.array(page.shape[::-1])
    near, far = 0 * sides, sides
    if boxes is not None:
        near = np.floor(boxes[:, :2].min(0) - _AROUND / scale).clip(0, sides - 1).astype(int)
        far = np.ceil(boxes[:, 2:].max(0) + _AROUND / scale).clip(near + 1, sides).astype(int)
    page, sides = page[near[1] : far[1], near[0] : far[0]], far - near
    size = (sides * scale).round().clip(1).astype(int)
    method = Image.Resampling.BILINEAR if scale < 1 else Image.Resampling.BICUBIC
    resized = page if scale == 1 else Image.fromarray(page).resize(size, method, reducing_gap=2.0)
    framed = np.pad(np.asarray(resized), _MARGIN, mode="edge")
    return Level(size / sides, _MARGIN - near * size / sides, *maps(framed))


def _typical_height(detections: Detections) -> float | None:
    """The median height of digits; None if there seem to be none."""
    digits = detections.select(detections.are_digits)
    # Squared, so that many faint places don't outweigh a few sure ones.
    weights = digits.probabilities**2
    if weights.sum() < 0.25:  # less than one place that is as likely as not
        return None
    order = np.argsort(digits.heights)
    middle = np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)
    return float(digits.heights[order][middle])


def _largest_scale(height: int, width: int) -> float:
    """The scale at which a page and its margin have as many pixels as the network may get."""
    border = 2 * _MARGIN + PAGE_MULTIPLE
    # The root of (scale * height + border) * (scale * width + border) = PAGE_MAX_PIXELS.
    half = border * (height + width) / (2 * height * width)
    return math.sqrt(half**2 + (PAGE_MAX_PIXELS - border**2) / (height * width)) - half
