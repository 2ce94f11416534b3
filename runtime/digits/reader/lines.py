"""Lines of a page, and their columns."""

import math

import numpy as np

from digits.reader.detections import Detections, Floats, Integers

COLUMN_GAP = 3.0  # heights of a digit; what is written in one go has smaller gaps
_MIN_SHARED = 0.35  # of the lower one's height is shared by a digit and the line before it
_RECENT = 3  # digits at the end of a line that say where it continues
_GAP_COST = 0.1  # of the shared height, for a gap as wide as a digit is high
_MAX_SLOPE = 0.6  # of lines, and a little more between neighbours, which are seldom level
_STRAY = 0.15  # standard deviation of digits' middles from their line, in heights of a digit
_TILT = 0.05  # slope of most pages: 3 degrees
_MAX_PAIRED = 400  # digits that tell how a page is tilted
_BELOW = 0.25  # of a digit's height, where a point or comma may still be


def text_lines(detections: Detections) -> list[list[Integers]]:
    """Group digits into lines from top to bottom, and each into columns from left to right.

    Returns the indices of each column's digits, from left to right. Lines may slope, bend, and have
    digits at different heights.
    """
    if not len(detections.scores):
        return []
    boxes = _level(detections)
    height = float(np.median(boxes[:, 3] - boxes[:, 1]))
    rows = _grow_rows(boxes, height)
    rows.sort(key=lambda row: float(boxes[row][:, [1, 3]].mean()))
    return [_columns(row, boxes) for row in rows]


def nearest_digits(symbols: Detections, digits: Floats) -> Integers:
    """The index of the digit that each symbol belongs to, or -1: int64 [symbols].

    symbols: signs and alternatives to the digits, sorted from left to right.
    digits: float64 [n, 4], the boxes of the digits.

    A symbol belongs to a digit if its middle is between the digit's top and a little below its foot
    (a minus is in the middle, a point at the foot), and it is no further away than the digit is
    high, its middle no further than twice that.
    """
    nearest = np.full(len(symbols.scores), -1, np.int64)
    distances = np.full(len(nearest), np.inf)  # of the middles, to the nearest digit
    (x, y), (lefts, _, rights, _) = symbols.centres.T, symbols.boxes.T
    reach = 2 * (digits[:, 3] - digits[:, 1])
    near = symbols.slices(digits[:, 0] - reach, digits[:, 2] + reach)
    for index, (left, top, right, bottom) in enumerate(digits):
        window, height = near[index], bottom - top
        distance = np.abs((left + right) / 2 - x[window])
        gap = np.maximum(left - rights[window], lefts[window] - right)
        is_level = (y[window] > top) & (y[window] < bottom + _BELOW * height)
        is_nearest = is_level & (gap < height) & (distance < distances[window])
        nearest[window][is_nearest] = index
        distances[window][is_nearest] = distance[is_nearest]
    return nearest


def _level(detections: Detections) -> Floats:
    """The boxes as if the lines were level: float64 [n, 4]."""
    slope = _slope(detections)
    x, y = detections.centres.T
    halves = detections.boxes[:, 2:] - detections.centres
    middles = np.stack([x + slope * y, y - slope * x], 1) / math.hypot(1, slope)
    return np.concatenate([middles - halves, middles + halves], 1)


def _slope(detections: Detections) -> float:
    """How much the lines descend to the right.

    The slope of the lines through digits that follow each other, by least squares; for a few
    digits, which vary more in height than most pages are tilted, it is nearer to 0.
    """
    sample = detections.select(slice(None, None, 1 + len(detections.scores) // _MAX_PAIRED))
    x, y = sample.centres.T / np.median(sample.heights)
    chains = _chains(x, y)
    lengths = np.maximum(np.bincount(chains), 1)
    across = x - (np.bincount(chains, x) / lengths)[chains]
    down = y - (np.bincount(chains, y) / lengths)[chains]
    prior = (_STRAY / _TILT) ** 2
    return float((across * down).sum() / ((across * across).sum() + prior))


def _chains(x: Floats, y: Floats) -> Integers:
    """The chain of each digit, in which the next is the nearest to the right: int64 [n].

    x, y: float64 [n], the digits' middles in heights of a digit.
    """
    right, down = x - x[:, None], y - y[:, None]
    near = (right > 0) & (right < COLUMN_GAP) & (np.abs(down) < _MAX_SLOPE * right + 0.2)
    nearest = np.where(near, np.hypot(right, down), np.inf).argmin(1)
    chains = np.arange(len(x))
    for index in np.argsort(x, kind="stable"):
        if near[index].any():
            chains[nearest[index]] = chains[index]
    return chains


def _grow_rows(boxes: Floats, height: float) -> list[list[int]]:
    """Add each digit, from left to right, to the line that continues where it is."""
    rows: list[list[int]] = []
    ends = np.zeros((0, 3))  # top, bottom and right of each row's last digits
    for index in np.argsort(boxes[:, 0] + boxes[:, 2], kind="stable").tolist():
        left, top, _, bottom = boxes[index]
        shared = np.minimum(ends[:, 1], bottom) - np.maximum(ends[:, 0], top)
        shared /= np.minimum(ends[:, 1] - ends[:, 0], bottom - top)
        merits = shared - _GAP_COST * (left - ends[:, 2]).clip(0) / height
        merits[shared < _MIN_SHARED] = -np.inf
        row = int(merits.argmax()) if merits.max(initial=-np.inf) > -np.inf else len(rows)
        if row == len(rows):
            rows.append([])
            ends = np.append(ends, np.zeros((1, 3)), 0)
        rows[row].append(index)
        recent = boxes[rows[row][-_RECENT:]]
        ends[row] = *np.median(recent[:, [1, 3]], 0), recent[:, 2].max()
    return rows


def _columns(row: list[int], boxes: Floats) -> list[Integers]:
    """Split a line at its wide gaps."""
    indices = np.array(row, np.int64)
    height = float(np.median(boxes[indices, 3] - boxes[indices, 1]))
    reach = np.maximum.accumulate(boxes[indices, 2])[:-1]
    wide = boxes[indices[1:], 0] - reach > COLUMN_GAP * height
    return np.split(indices, np.flatnonzero(wide) + 1)
