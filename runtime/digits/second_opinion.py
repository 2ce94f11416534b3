"""A second opinion on the picture of one digit, by the network that reads pages."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.reader.detections import DIGITS, SAME, Detections, overlaps
from digits.vision.judge import Judgement

_MUCH_LARGER = 2.0  # by the height; the digits of one number differ less
_MAX_LOG_ODDS = 30.0  # so that no exponential overflows
_TINY = 1e-9  # a probability that doesn't matter beside another, but isn't 0


class Opinion(NamedTuple):
    """What the reader sees in a picture that should hold one digit.

    probabilities: float64 [10], that it holds this digit alone. several, none: that it holds more
    digits, or none. All sum to 1.
    """

    probabilities: NDArray[np.float64]
    several: float
    none: float


def weigh(detections: Detections) -> Opinion:
    """Weigh three explanations of what the reader found: nothing, its surest digit, its surest two.

    Their odds are those of independent places. A minus or a point isn't a digit, and none counts
    beside one, since it may be dirt.
    """
    digits = detections.select(detections.are_digits)
    if not len(digits.scores):
        return Opinion(np.zeros(DIGITS), 0.0, 1.0)
    odds = np.exp(digits.scores.clip(-_MAX_LOG_ODDS, _MAX_LOG_ODDS))
    first = int(odds.argmax())
    symbols = odds[first] * np.exp(digits.symbols[first])
    second = float(odds[_beside(digits, first)].max(initial=0))
    weights = np.array([*symbols[:DIGITS], odds[first] * second, 1 + symbols[DIGITS:].sum()])
    weights /= weights.sum()
    return Opinion(weights[:DIGITS], float(weights[-2]), float(weights[-1]))


def combine(judgement: Judgement, answers: NDArray[np.float32], opinion: Opinion) -> Judgement:
    """Combine what the judge and the reader say of a picture: Dempster's rule.

    It is assumed that they overlook digits independently of each other, and make none up: where
    one sees several digits, or one, and the other none, these are there; where both see one, it
    is the same, so that all pairs of different digits are ruled out. A. P. Dempster, "Upper and
    lower probabilities induced by a multivalued mapping", 1967. answers: float32 [n, 10], the
    classifier's of the n hypotheses.
    """
    several = 1 - (1 - judgement.several) * (1 - opinion.several)
    judged_none, seen_none = judgement.none + _TINY, opinion.none + _TINY
    fits = opinion.probabilities + seen_none  # float64 [10]: what the judge's digits allow
    seen_alone = judged_none * opinion.probabilities
    digits = judgement.hypotheses @ answers * fits + seen_alone
    none = judged_none * seen_none
    # Of the hypotheses, the digit that the reader alone sees is in those that show it; where none
    # does, all are alike.
    alone = (judgement.hypotheses + _TINY) * (answers @ opinion.probabilities + _TINY)
    hypotheses = judgement.hypotheses * (answers @ fits) + alone * (seen_alone.sum() / alone.sum())
    share = (1 - several) / (digits.sum() + none)
    digits, none = share * digits, share * none
    probabilities = digits + (several + none) / DIGITS
    return Judgement(probabilities / probabilities.sum(), share * hypotheses, several, none)


def _beside(digits: Detections, first: int) -> NDArray[np.bool_]:
    """Whether each is another digit of the same number: elsewhere, and about as high."""
    _, of_others = overlaps(digits.boxes[first], digits.boxes)
    _, of_first = overlaps(digits.boxes, digits.boxes[first])
    elsewhere: NDArray[np.bool_] = np.maximum(of_others, of_first) < SAME
    ratios = np.abs(np.log(digits.heights / digits.heights[first]))
    as_high: NDArray[np.bool_] = ratios <= math.log(_MUCH_LARGER)
    return elsewhere & as_high
