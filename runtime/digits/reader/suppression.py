"""Which detections are the same symbol, or part of a larger one."""

import numpy as np

from digits.reader.detections import SAME, Detections, overlaps

_INSIDE = 0.65  # of a box's area; then it is part of the other, if that is much larger
_MUCH_LARGER = 2.0  # by the height; the digits of one number differ less


def suppress(found: Detections) -> Detections:
    """Keep the surest of those that overlap much, whatever their symbols, from left to right.

    Non-maximum suppression: what overlaps less stays, as an alternative.
    """
    found = found.sorted()
    near = found.between(found.boxes[:, 0], found.boxes[:, 2])
    candidates, kept = np.ones((2, len(found.scores)), np.bool_)
    for number in np.argsort(-found.scores, kind="stable"):
        kept[number] = candidates[number]
        if kept[number]:
            shared, _ = overlaps(found.boxes[number], found.boxes[near[number]])
            candidates[near[number]] &= shared <= SAME
    return found.select(kept)


def settle(found: Detections) -> Detections:
    """Decide between a digit and much smaller ones inside it: those with the larger sum stay.

    Of a page's textures a large digit may be made up, and the loops of one may look like small
    ones. They would be in different lines, so no path through a line can choose between them.
    """
    found = found.sorted()
    near = found.between(found.boxes[:, 0], found.boxes[:, 2])
    digits, heights = found.are_digits, found.heights
    kept, evidence = np.ones_like(digits), np.where(digits, found.scores, 0).clip(0)
    large = heights > _MUCH_LARGER * heights[digits].min(initial=np.inf)
    for number in np.argsort(-heights)[: large.sum()]:
        if not kept[number] or not evidence[number]:
            continue
        inside = overlaps(found.boxes[number], found.boxes[near[number]])[1] > _INSIDE
        inside &= (kept & digits)[near[number]]
        inside &= heights[near[number]] * _MUCH_LARGER < heights[number]
        if evidence[near[number]][inside].sum() > evidence[number]:
            kept[number] = False
        else:
            kept[near[number]] &= ~inside
    return found.select(kept)
