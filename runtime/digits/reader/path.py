"""Which detections are the symbols of a number: of those that overlap, one."""

import numpy as np

from digits.reader.detections import Detections, Integers

# The middle of a box, as a share of its width: those of two symbols in a row don't overlap, even if
# a slanted digit leans over the next.
_CORE = 0.6


def order_by_end(detections: Detections) -> tuple[Detections, Integers]:
    """Detections in one row, by the right ends of their middles.

    With each, how many of them end before it starts: only these may come before it.
    """
    lefts, _, rights, _ = detections.boxes.T
    middles, halves = (lefts + rights) / 2, _CORE / 2 * (rights - lefts)
    order = np.argsort(middles + halves, kind="stable")
    ends, starts = (middles + halves)[order], (middles - halves)[order]
    earlier = np.minimum(np.searchsorted(ends, starts, "right"), np.arange(len(order)))
    return detections.select(order), earlier


def best_path(detections: Detections) -> Detections:
    """Those that don't overlap and whose scores have the largest sum, from left to right.

    That is the likeliest choice of symbols: the log odds of independent places add up.
    """
    ordered, earlier = order_by_end(detections)
    totals = [0.0]  # of the best path through the first ones
    for start, score in zip(earlier.tolist(), ordered.scores.tolist(), strict=True):
        totals.append(max(totals[start] + score, totals[-1]))
    path, count = list[int](), len(earlier)
    while count:
        if totals[count] > totals[count - 1]:  # it ends with this one
            path.append(count - 1)
            count = int(earlier[count - 1])
        else:
            count -= 1
    return ordered.select(np.array(path[::-1], np.int64))
