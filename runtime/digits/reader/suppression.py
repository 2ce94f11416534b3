"""Which detections are the same symbol, or part of a larger one."""

import numpy as np

from digits.reader.detections import SAME, Detections, overlaps

_INSIDE = 0.65  # of a box's area; then it is part of the other, if that is much larger
_MUCH_LARGER = 2.0  # by the height; the digits of one number differ less


def suppress(found: Detections) -> Detections:
    """Keep the surest of those that overlap much, whatever their symbols, surest first.

    Non-maximum suppression: what overlaps less stays, as an alternative.
    """
    left = np.argsort(-found.scores, kind="stable")
    kept = []
    while len(left):
        kept.append(int(left[0]))
        shared, _ = overlaps(found.boxes[left[0]], found.boxes[left])
        shared[0] = 1
        left = left[shared <= SAME]
    return found.select(np.array(kept, np.int64))


def settle(found: Detections) -> Detections:
    """Decide between a digit and much smaller ones inside it: those with the larger sum stay.

    Of a page's textures a large digit may be made up, and the loops of one may look like small
    ones. They would be in different lines, so no path through a line can choose between them.
    """
    kept = np.ones(len(found.scores), np.bool_)
    digits = found.are_digits
    evidence = np.where(digits, found.scores, 0).clip(0)
    heights = found.heights
    for number in np.argsort(-heights):
        if not kept[number] or not evidence[number]:
            continue
        smaller = np.flatnonzero(kept & digits & (heights * _MUCH_LARGER < heights[number]))
        _, inside = overlaps(found.boxes[number], found.boxes[smaller])
        parts = smaller[inside > _INSIDE]
        if evidence[parts].sum() > evidence[number]:
            kept[number] = False
        else:
            kept[parts] = False
    return found.select(kept)
