"""The printed background: the lines of ruled and squared paper and the boxes of forms."""

import numpy as np

from digits.vision.components import Integers, Mask, run_lengths, spans

MAX_LINE_WIDTH = 0.04  # of the longer side of the component that a line is part of
_MIN_COVERAGE = 0.6  # of the width; strokes interrupt a line, digits in a row cover less
_MIN_RULED = 0.25  # the same for further lines of ruled paper
_MIN_RULED_LINES = 3  # fewer may be the edges of a sheet
_BIN = 3  # pixels by which the middle of a line may stray
_MAX_SLOPE = 0.25  # pixels of height for each of width: 14 degrees
_MAX_RUNS = 100_000  # a sample of the runs is enough to find lines
_PASSES = 3  # seen in perspective, lines have several slopes


def remove_lines(mask: Mask, thickest: int) -> Mask:
    """Remove long, thin, straight lines along and across a mask; keep the strokes that cross them.

    mask: bool [height, width]. thickest: of a line, in pixels.
    """
    cleaned = mask.copy()
    for turned in (cleaned, cleaned.T):
        for _ in range(_PASSES):
            if not _erase_lines(turned, thickest):
                break
    return cleaned


def _erase_lines(mask: Mask, thickest: int) -> bool:
    """Erase lines from left to right, in place; return whether there were any."""
    width = mask.shape[1]
    columns, starts, ends = run_lengths(mask.T)
    thin = ends - starts <= thickest
    columns, starts, ends = columns[thin], starts[thin], ends[thin]
    if len(columns) < _MIN_COVERAGE * width:
        return False
    middles = (starts + ends) / 2
    slope, lines = _find_lines(middles, columns, width)
    if not len(lines):
        return False
    bins = _bins(middles, columns, slope, width)
    # A pen stroke along a line is thicker and stays.
    thickness = np.median((ends - starts)[np.isin(bins, lines)])
    alike = ends - starts <= thickness + 1
    # Ruled paper has more lines like these, hidden under more writing.
    ruled = np.count_nonzero(np.diff(lines) > 1) + 1 >= _MIN_RULED_LINES
    if ruled:
        lines = _dense(np.bincount(bins[alike], minlength=2), _MIN_RULED * width)
    near = alike & np.isin(bins, lines)
    lengths = (ends - starts)[near]
    mask[spans(starts[near], lengths), np.repeat(columns[near], lengths)] = False
    return bool(near.any())


def _find_lines(middles: np.ndarray, columns: Integers, width: int) -> tuple[float, Integers]:
    """The slope shared by most pixels of lines, and the bins that hold a line at this slope.

    A Hough transform of one family of parallel lines (R. Duda, P. Hart, 1972).
    """
    step = 1 + len(columns) // _MAX_RUNS  # only noise and textures have more
    some = columns % step == 0
    middles, columns = middles[some], columns[some].astype(np.float64)
    best, slope, lines = 0, 0.0, np.zeros(0, np.int64)
    # Between successive slopes, the far end of a line moves by one bin.
    steps = int(_MAX_SLOPE * width / _BIN)
    for candidate in np.arange(-steps, steps + 1) * (_BIN / width):
        counts = np.bincount(_bins(middles, columns, candidate, width), minlength=2)
        dense = _dense(counts, _MIN_COVERAGE * width / step)
        merit = int(counts[dense] @ counts[dense])
        if merit > best:
            best, slope, lines = merit, candidate, dense
    return slope, lines


def _dense(counts: Integers, least: float) -> Integers:
    """The bins that, with a neighbour, hold more than `least`: a line may straddle two."""
    dense = np.zeros(len(counts), np.bool_)
    dense[:-1] = counts[:-1] + counts[1:] > least
    dense[1:] |= dense[:-1]
    return np.flatnonzero(dense)


def _bins(middles: np.ndarray, columns: Integers, slope: float, width: int) -> Integers:
    """The line of this slope that each run would lie on."""
    levels = middles - slope * columns
    levels += max(slope, 0) * width
    levels /= _BIN
    bins: Integers = levels.astype(np.int64)
    return bins
