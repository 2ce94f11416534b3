"""What the reader says of a picture that should hold one digit."""

import math

import numpy as np

from digits.images.grey import Grey
from digits.reader.detections import DIGITS, SAME, Detections, Mask, overlaps
from digits.reader.page import MUCH_LARGER, find_symbols
from digits.reader.pyramid import MapsFn
from digits.vision.ensemble import Evidence

_MAX_LOG_ODDS = 30.0  # so that no exponential overflows


def see(page: Grey, maps: MapsFn, height: float | None = None) -> Evidence:
    """What the reader sees in a picture; arguments as for `find_symbols`."""
    return weigh(find_symbols(page, maps, height))


def weigh(detections: Detections) -> Evidence:
    """Weigh three explanations of what the reader found: nothing, its surest digit, its surest two.

    Their odds are those of independent places. A minus or a point isn't a digit, and none counts
    beside one, since it may be dirt.
    """
    digits = detections.select(detections.are_digits)
    if not len(digits.scores):
        return Evidence(np.zeros(DIGITS), 0.0, 1.0)
    odds = np.exp(digits.scores.clip(-_MAX_LOG_ODDS, _MAX_LOG_ODDS))
    first = int(odds.argmax())
    symbols = odds[first] * np.exp(digits.symbols[first])
    second = float(odds[_beside(digits, first)].max(initial=0))
    weights = np.array([*symbols[:DIGITS], odds[first] * second, 1 + symbols[DIGITS:].sum()])
    weights /= weights.sum()
    return Evidence(weights[:DIGITS], float(weights[-2]), float(weights[-1]))


def _beside(digits: Detections, first: int) -> Mask:
    """Whether each is another digit of the same number: elsewhere, and about as high."""
    _, of_others = overlaps(digits.boxes[first], digits.boxes)
    _, of_first = overlaps(digits.boxes, digits.boxes[first])
    elsewhere = np.maximum(of_others, of_first) < SAME
    ratios = np.abs(np.log(digits.heights / digits.heights[first]))
    beside: Mask = elsewhere & (ratios <= math.log(MUCH_LARGER))
    return beside
