"""What is on a sheet that nobody wrote: ruled lines, the boxes of forms, the table beside it."""

import numpy as np

from digits.vision.ink import Ink, Levels
from digits.vision.strokes import Integers, Mask, Strokes, connected, dilated, runs

_SOFT = 0.5  # of its peak is a shadow's mean darkness; of strokes in photographs 0.55 and more
_BROAD = 0.03  # of the longer side, along a row on average; a narrower stroke may be all edge
_SMALLEST = 100  # pixels; in a smaller picture one can't tell a line from a stroke
_TILES = 3  # along the longer side: paper curls, but not much within a third of it
_THICKEST = 0.008  # of the longer side; a stroke of a pen is thicker, or shorter than a tile
_COVERED = 0.6  # of a tile's width: strokes interrupt a line, and digits in a row cover less
_CROSSED = 0.25  # of the width, where other lines cover more
_RULED = 3  # lines make ruled paper; fewer may be the edge of a sheet
_BIN = 3  # pixels; a line's middle is that straight
_SLOPES = np.linspace(-0.25, 0.25, 101)  # pixels of height for each of width, to 14 degrees


def without(ink: Ink, levels: Levels) -> Strokes:
    """The strokes without rules, boxes, shadows, and what comes in from the border.

    ink: uint8 [height, width].
    """
    mask = ink > levels.faint
    cleaned = without_lines(mask)
    strokes = connected(cleaned, ink)
    if not len(strokes):
        return strokes
    height, width = ink.shape
    unwritten = _shadows(strokes, max(ink.shape)) | _sides(strokes, dilated(mask & ~cleaned))
    strokes = strokes.only((strokes.peak > levels.threshold) & ~unwritten)
    dropped = _along_border(strokes, height, width) | _boxes(strokes)
    if dropped.all():  # a digit may fill the picture
        return strokes
    return strokes.only(~dropped)


def without_lines(mask: Mask) -> Mask:
    """The mask without long, thin, straight lines along and across the picture.

    mask: bool [height, width]. What crosses a line stays.
    """
    if max(mask.shape) < _SMALLEST:
        return mask
    tile = -(-max(mask.shape) // _TILES)
    cleaned = mask.copy()
    for turned in (cleaned, cleaned.T):
        for part in np.array_split(turned, max(1, round(turned.shape[1] / tile)), axis=1):
            _erase_lines(part, round(_THICKEST * tile * _TILES))
    return cleaned


def _erase_lines(part: Mask, thickest: int) -> None:
    """Erase what runs from left to right, in place."""
    width = part.shape[1]
    columns, starts, ends = runs(part.T)
    thin = ends - starts <= max(3, thickest)
    columns, starts, ends = columns[thin], starts[thin], ends[thin]
    if len(columns) < _COVERED * width:
        return
    middles = (starts + ends) / 2
    slope, lines = _lines(middles, columns, width)
    if not len(lines):
        return
    bins = _bins(middles, columns, slope, width)
    # A pen's stroke along a line is thicker, and stays.
    thickness = np.median((ends - starts)[np.isin(bins, lines)])
    alike = ends - starts <= thickness + 1
    # On ruled paper there are other lines like these, on which more is written.
    ruled = np.count_nonzero(np.diff(lines) > 1) + 1 >= _RULED
    near = alike & np.isin(bins, _dense(bins[alike], _CROSSED * width) if ruled else lines)
    starts, lengths = starts[near], (ends - starts)[near]
    rows = np.arange(lengths.sum()) + np.repeat(starts - np.cumsum(lengths) + lengths, lengths)
    part[rows, np.repeat(columns[near], lengths)] = False


def _lines(middles: np.ndarray, columns: Integers, width: int) -> tuple[float, Integers]:
    """The slope that most pixels of lines share, and which of its bins hold a line.

    A Hough transform of one family of parallel lines (R. Duda, P. Hart, 1972).
    """
    best, slope, lines = 0, 0.0, np.zeros(0, np.int64)
    for candidate in _SLOPES:
        bins = _bins(middles, columns, candidate, width)
        found = _dense(bins, _COVERED * width)
        merit = int((np.bincount(bins, minlength=2)[found] ** 2).sum())
        if merit > best:
            best, slope, lines = merit, candidate, found
    return slope, lines


def _dense(bins: Integers, least: float) -> Integers:
    """The bins which, with a neighbour, hold more than `least`: a line may lie between two."""
    counts = np.bincount(bins, minlength=2)
    found = np.flatnonzero(counts[:-1] + counts[1:] > least)
    return np.unique(np.concatenate([found, found + 1]))


def _bins(middles: np.ndarray, columns: Integers, slope: float, width: int) -> Integers:
    """Which line of this slope each run would be on."""
    levels = middles - slope * columns + max(slope, 0) * width
    bins: Integers = (levels / _BIN).astype(np.int64)
    return bins


def _shadows(strokes: Strokes, side: int) -> np.ndarray:
    """Which are broad and have no edges."""
    runs = np.bincount(strokes.owner, minlength=len(strokes))
    area = np.bincount(strokes.owner, strokes.ends - strokes.starts, len(strokes))
    return np.asarray(
        (area > max(_BROAD * side, 8) * runs) & (strokes.mass < _SOFT * strokes.peak * area)
    )


def _sides(strokes: Strokes, erased: Mask) -> np.ndarray:
    """Which are as thin as lines and end on erased ones above and below: the sides of boxes."""
    left, top, right, bottom = strokes.boxes.T
    runs = np.bincount(strokes.owner, minlength=len(strokes))
    area = np.bincount(strokes.owner, strokes.ends - strokes.starts, len(strokes))
    high = bottom - top
    thin = (area <= max(3, _THICKEST * max(erased.shape)) * runs) & (4 * (right - left) <= high)
    found = np.zeros(len(strokes), np.bool_)
    for i in np.flatnonzero(thin & (high > 2)) if erased.any() else ():
        columns = slice(left[i], right[i])
        found[i] = erased[top[i], columns].any() and erased[bottom[i] - 1, columns].any()
    return found


def _along_border(strokes: Strokes, height: int, width: int) -> np.ndarray:
    """Which strokes lie along the picture's border: a table, the edge of the sheet, a box."""
    left, top, right, bottom = strokes.boxes.T
    lengths = strokes.ends - strokes.starts

    def total(runs: np.ndarray) -> np.ndarray:
        return np.bincount(strokes.owner[runs], lengths[runs], len(strokes))

    def count(runs: np.ndarray) -> np.ndarray:
        return np.bincount(strokes.owner[runs], minlength=len(strokes))

    beside = np.maximum(count(strokes.starts == 0), count(strokes.ends == width)) / height
    above = np.maximum(total(strokes.rows == 0), total(strokes.rows == height - 1)) / width
    narrow, flat = right - left < 0.3 * width, bottom - top < 0.3 * height
    return np.asarray(
        (beside > 0.8) | (above > 0.8) | (beside > 0.4) & narrow | (above > 0.4) & flat
    )


def _boxes(strokes: Strokes) -> np.ndarray:
    """Which strokes go round another one and leave their own middle empty: boxes of forms."""
    boxes = np.zeros(len(strokes), np.bool_)
    if len(strokes) < 2:
        return boxes
    left, top, right, bottom = strokes.boxes.T
    for i in np.argsort(top - bottom)[:20]:  # the highest
        inside = (left > left[i]) & (top > top[i]) & (right < right[i]) & (bottom < bottom[i])
        if not (inside & (bottom - top > (bottom[i] - top[i]) / 4)).any():
            continue
        runs = strokes.owner == i
        height, width = bottom[i] - top[i], right[i] - left[i]
        rows = strokes.rows[runs]
        middle = (rows > top[i] + 0.2 * height) & (rows < bottom[i] - 0.2 * height)
        inner = (strokes.starts[runs] > left[i] + 0.2 * width) & (
            strokes.ends[runs] < right[i] - 0.2 * width
        )
        boxes[i] = not (middle & inner).any()
    return boxes
