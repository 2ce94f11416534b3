"""All the symbols of a page, each once, and in reading order."""

import math
from typing import NamedTuple

import numpy as np

from digits.images.grey import Grey
from digits.inference.interface import SYMBOLS
from digits.reader.detections import (
    NMS_IOU,
    NUM_DIGITS,
    Box,
    Detections,
    Floats,
    Integers,
    concatenate,
    overlaps,
)
from digits.reader.lines import nearest_digits, text_lines
from digits.reader.path import best_path
from digits.reader.pyramid import MIN_SCORE, MapsFn, detect

Columns = list[list[Detections]]  # of each line

MUCH_LARGER = 2.0  # by the height; the digits of one number differ less
_INSIDE = 0.65  # of a box's area; then it is part of the other, if that is much larger
_MAX_LOG_ODDS = 30.0  # so that no exponential overflows


def read_symbols(page: Grey, maps: MapsFn) -> Columns:
    """Read a page by the detector alone, as training and export do to measure it.

    page: uint8 [height, width].
    maps: see `pyramid.MapsFn`.

    Returns lines from top to bottom, in each its columns, in each its symbols.
    """
    return [[*map(best_path, line)] for line in find_columns(find_symbols(page, maps))]


def find_symbols(page: Grey, maps: MapsFn, height: float | None = None) -> Detections:
    """The places of a page where a symbol may be; arguments as for `pyramid.detect`."""
    return resolve_nested(non_max_suppression(detect(page, maps, height)))


def non_max_suppression(detections: Detections) -> Detections:
    """Keep the surest of those that overlap much, whatever their symbols, from left to right.

    Non-maximum suppression: what overlaps less stays, as an alternative.
    """
    detections = detections.select(np.argsort(detections.centres[:, 0], kind="stable"))
    near = detections.slices(detections.boxes[:, 0], detections.boxes[:, 2])
    candidates, keep = np.ones((2, len(detections.scores)), np.bool_)
    for index in np.argsort(-detections.scores, kind="stable"):
        keep[index] = candidates[index]
        if keep[index]:
            shared, _ = overlaps(detections.boxes[index], detections.boxes[near[index]])
            candidates[near[index]] &= shared <= NMS_IOU
    return detections.select(keep)


def resolve_nested(detections: Detections) -> Detections:
    """Decide between a digit and much smaller ones inside it: those with the larger sum stay.

    The detector may see a large digit in a page's textures, or small ones in a large one's loops.
    They would be in different lines, so no path through a line can choose between them.

    detections: from `non_max_suppression`, in its order.
    """
    near = detections.slices(detections.boxes[:, 0], detections.boxes[:, 2])
    digits, heights = detections.are_digits, detections.heights
    keep, evidence = np.ones_like(digits), np.where(digits, detections.scores, 0).clip(0)
    large = heights > MUCH_LARGER * heights[digits].min(initial=np.inf)
    for index in np.argsort(-heights)[: large.sum()]:
        if not keep[index] or not evidence[index]:
            continue
        neighbours = near[index]
        _, shares = overlaps(detections.boxes[index], detections.boxes[neighbours])
        is_smaller = heights[neighbours] * MUCH_LARGER < heights[index]
        inside = (shares > _INSIDE) & keep[neighbours] & digits[neighbours] & is_smaller
        if evidence[neighbours][inside].sum() > evidence[index]:
            keep[index] = False
        else:
            keep[neighbours] &= ~inside
    return detections.select(keep)


class SingleDigitVote(NamedTuple):
    """What the detector says of a picture that should show one digit; all sum to 1.

    digits: float64 [10], the probability of each digit alone. several, none: that there are more,
    or none. box: the likeliest digit's left, top, right and bottom, in pixels; None without any.
    """

    digits: Floats
    several: float
    none: float
    box: Box | None


UNDECIDED = SingleDigitVote(
    np.full(NUM_DIGITS, 1 / (NUM_DIGITS + 1)), 0.0, 1 / (NUM_DIGITS + 1), None
)


def single_digit_vote(detections: Detections) -> SingleDigitVote:
    """Weigh three explanations of detections: no digit, the surest one alone, the surest two.

    Their odds are those of independent places. A minus or a point isn't a digit, and none counts
    beside one, since it may be dirt; but with a minus before it, it is a number. What isn't
    reported has at most the least probability that is.

    detections: sorted from left to right.
    """
    digits = detections.select(detections.are_digits)
    unreported = np.full(NUM_DIGITS, math.exp(MIN_SCORE) / NUM_DIGITS)
    if not len(digits.scores):
        box, weights = None, np.array([*unreported, 0, 1])
    else:
        odds = np.exp(digits.scores.clip(-_MAX_LOG_ODDS, _MAX_LOG_ODDS))
        surest = int(odds.argmax())
        # Another digit of the same number is elsewhere, and about as high.
        box = digits.boxes[surest]
        shares = np.maximum(overlaps(box, digits.boxes)[1], overlaps(digits.boxes, box)[1])
        ratios = np.abs(np.log(digits.heights / digits.heights[surest]))
        is_other = (shares < NMS_IOU) & (ratios <= math.log(MUCH_LARGER))
        symbols = odds[surest] * np.exp(digits.symbols[surest])
        is_near = nearest_digits(detections, box[None]) == 0
        minus_scores = detections.scores + detections.symbols[:, SYMBOLS.index("-")]
        minus_scores = minus_scores[is_near & (detections.centres[:, 0] < box[0])]
        minus_odds = np.exp(minus_scores.clip(-_MAX_LOG_ODDS, _MAX_LOG_ODDS))
        several = odds[surest] * max(odds[is_other].max(initial=0), minus_odds.max(initial=0))
        none = 1 + symbols[NUM_DIGITS:].sum()
        weights = np.array([*(symbols[:NUM_DIGITS] + unreported), several, none])
    weights /= weights.sum()
    sides = None if box is None else tuple(box.tolist())
    return SingleDigitVote(weights[:NUM_DIGITS], float(weights[-2]), float(weights[-1]), sides)


def find_columns(detections: Detections) -> Columns:
    """The lines of a page, in each its columns, in each what may be a symbol of it.

    A column is a number, or what looks like one: on its best path is a digit.
    """
    are_likely = detections.are_digits & (detections.scores > 0)
    digits, alternatives = detections.select(are_likely), detections.select(~are_likely)
    nearest = nearest_digits(alternatives, digits.boxes)
    order = np.argsort(nearest, kind="stable")
    firsts = np.searchsorted(nearest[order], np.arange(len(digits.scores)))
    _, *by_digit = np.split(order, firsts)  # the first have no digit beside them

    def column(members: Integers) -> Detections:
        beside = np.concatenate([by_digit[index] for index in members])
        return concatenate([digits.select(members), alternatives.select(beside)])

    lines = [
        [symbols for symbols in map(column, columns) if best_path(symbols).are_digits.any()]
        for columns in text_lines(digits)
    ]
    return [line for line in lines if line]
