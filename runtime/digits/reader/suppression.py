"""Which detections are the same symbol, or part of a larger one."""

import numpy as np

from digits.reader.detections import SAME, Detections, overlaps

_INSIDE = 0.65  # of a box's area; then it is part of the other, if that is much larger
_MUCH_LARGER = 2.0  # by the height; the digits of one number differ less


def suppress(detections: Detections) -> Detections:
    """Keep the surest of those that overlap much, whatever their symbols, from left to right.

    Non-maximum suppression: what overlaps less stays, as an alternative.
    """
    detections = detections.sorted()
    near = detections.between(detections.boxes[:, 0], detections.boxes[:, 2])
    candidates, keep = np.ones((2, len(detections.scores)), np.bool_)
    for number in np.argsort(-detections.scores, kind="stable"):
        keep[number] = candidates[number]
        if keep[number]:
            shared, _ = overlaps(detections.boxes[number], detections.boxes[near[number]])
            candidates[near[number]] &= shared <= SAME
    return detections.select(keep)


def settle(detections: Detections) -> Detections:
    """Decide between a digit and much smaller ones inside it: those with the larger sum stay.

    Of a page's textures a large digit may be made up, and the loops of one may look like small
    ones. They would be in different lines, so no path through a line can choose between them.
    """
    detections = detections.sorted()
    near = detections.between(detections.boxes[:, 0], detections.boxes[:, 2])
    digits, heights = detections.are_digits, detections.heights
    keep, evidence = np.ones_like(digits), np.where(digits, detections.scores, 0).clip(0)
    large = heights > _MUCH_LARGER * heights[digits].min(initial=np.inf)
    for number in np.argsort(-heights)[: large.sum()]:
        if not keep[number] or not evidence[number]:
            continue
        inside = overlaps(detections.boxes[number], detections.boxes[near[number]])[1] > _INSIDE
        inside &= (keep & digits)[near[number]]
        inside &= heights[near[number]] * _MUCH_LARGER < heights[number]
        if evidence[near[number]][inside].sum() > evidence[number]:
            keep[number] = False
        else:
            keep[near[number]] &= ~inside
    return detections.select(keep)
