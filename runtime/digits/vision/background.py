"""The printed background: the lines of ruled and squared paper and the boxes of forms."""

import numpy as np
from numpy.typing import NDArray

from digits.vision.components import Integers, Mask, run_lengths, spans

MAX_LINE_WIDTH = 0.04  # of the longer side of the component that a line is part of
_MIN_COVERAGE = 0.6  # of the width; strokes interrupt a line, digits in a row cover less
_MIN_RULED = 0.25  # of the width; enough for further lines of ruled paper
_MIN_RULED_LINES = 3  # fewer may be the edges of a sheet
_BIN = 3  # pixels by which the middle of a line may stray
_MAX_SLOPE = 0.25  # pixels of height for each of width: 14 degrees
_PASSES = 3  # seen in perspective, lines have several slopes


def remove_lines(mask: Mask, max_width: int) -> Mask:
    """Remove long, straight lines along and across a mask; keep the strokes that cross them.

    max_width: of a line, in pixels.
    """
    cleaned = mask.copy()
    for turned in (cleaned, cleaned.T):
        for _ in range(_PASSES):
            if not _erase_lines(turned, max_width):
                break
    return cleaned


def _erase_lines(mask: Mask, max_width: int) -> bool:
    """Erase lines from left to right, in place; return whether there were any."""
    width = mask.shape[1]
    columns, starts, ends = run_lengths(mask.T)
    thin = ends - starts <= max_width
    columns, starts, ends = columns[thin], starts[thin], ends[thin]
    if len(columns) < _MIN_COVERAGE * width:
        return False
    bins, lines = _find_lines((starts + ends) / 2, columns, width)
    if not len(lines):
        return False
    lengths = ends - starts
    # A pen stroke along a line is thicker and stays.
    are_alike = lengths <= np.median(lengths[np.isin(bins, lines)]) + 1
    # Ruled paper has more lines like these, hidden under more writing.
    if np.count_nonzero(np.diff(lines) > 1) + 1 >= _MIN_RULED_LINES:
        lines = _dense(np.bincount(bins[are_alike], minlength=2), _MIN_RULED * width)
    on_line = are_alike & np.isin(bins, lines)
    rows = spans(starts[on_line], lengths[on_line])
    mask[rows, np.repeat(columns[on_line], lengths[on_line])] = False
    return bool(on_line.any())


def _find_lines(
    middles: NDArray[np.float64], columns: Integers, width: int
) -> tuple[Integers, Integers]:
    """The bin of each run at the slope shared by most pixels of lines, and the bins with a line.

    A Hough transform of one family of parallel lines (R. Duda, P. Hart, 1972).
    """
    best, bins, lines = 0, np.zeros(0, np.int64), np.zeros(0, np.int64)
    # Between successive slopes, the far end of a line moves by one bin.
    steps = int(_MAX_SLOPE * width / _BIN)
    for slope in np.arange(-steps, steps + 1) * (_BIN / width):
        levels = (middles - slope * columns + max(slope, 0) * width) / _BIN
        candidates = levels.astype(np.int64)
        counts = np.bincount(candidates, minlength=2)
        dense = _dense(counts, _MIN_COVERAGE * width)
        merit = int(counts[dense] @ counts[dense])
        if merit > best:
            best, bins, lines = merit, candidates, dense
    return bins, lines


def _dense(counts: Integers, min_count: float) -> Integers:
    """The bins that, with a neighbour, hold more than `min_count`: a line may straddle two."""
    dense = np.zeros(len(counts), np.bool_)
    dense[:-1] = counts[:-1] + counts[1:] > min_count
    dense[1:] |= dense[:-1]
    return np.flatnonzero(dense)
