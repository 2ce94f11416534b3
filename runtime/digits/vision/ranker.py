"""Rank the hypotheses with a small model, and combine what they and the detector say."""

import math
import operator
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.vision import weights
from digits.vision.frame import DIGIT_SIDE
from digits.vision.hypotheses import Hypothesis

Floats = NDArray[np.float64]

FEATURES, SEVERAL_FEATURES = tuple(weights.RANKER), tuple(weights.SEVERAL)  # their names
_HEAVIEST = ("alone", "inner", "main")  # the first that exists is the heaviest component itself
_MIN_PROBABILITY = 1e-4  # in log odds; 1 minus this is the largest
_TINY = 1e-9  # a probability that doesn't matter beside another, but isn't 0


class Evidence(NamedTuple):
    """What the detector sees in a picture that should hold one digit.

    probabilities: float64 [10], that it holds this digit alone. several, none: that it holds more
    digits, or none. All sum to 1.
    """

    probabilities: Floats
    several: float
    none: float


class Ranking(NamedTuple):
    """What a picture shows.

    probabilities: float64 [10]; they sum to 1, since those of "no digit" and "several digits" are
    spread evenly. hypotheses: float64 [n], the probability of each. several, none: the probability
    that the picture shows several digits, or none.
    """

    probabilities: Floats
    hypotheses: Floats
    several: float
    none: float

    @property
    def confidence(self) -> float:
        """The largest probability of a digit."""
        return float(self.probabilities.max())

    def combine(self, answers: NDArray[np.float32], evidence: Evidence) -> "Ranking":
        """Combine it with what the detector says of the picture: Dempster's rule.

        It is assumed that they overlook digits independently of each other, and make none up: where
        one sees several digits, or one, and the other none, these are there; where both see one, it
        is the same, so that all pairs of different digits are ruled out. A. P. Dempster, "Upper and
        lower probabilities induced by a multivalued mapping", 1967. answers: as for `rank`.
        """
        several = 1 - (1 - self.several) * (1 - evidence.several)
        ranked_none, seen_none = self.none + _TINY, evidence.none + _TINY
        fits = evidence.probabilities + seen_none  # float64 [10]: what the ranker's digits allow
        seen_alone = ranked_none * evidence.probabilities
        digits = self.hypotheses @ answers * fits + seen_alone
        none = ranked_none * seen_none
        # Of the hypotheses, the digit that the detector alone sees is in those that show it; where
        # none does, all are alike.
        alone = (self.hypotheses + _TINY) * (answers @ evidence.probabilities + _TINY)
        hypotheses = self.hypotheses * (answers @ fits) + alone * (seen_alone.sum() / alone.sum())
        share = (1 - several) / (digits.sum() + none)
        digits, none = share * digits, share * none
        probabilities = digits + (several + none) / 10
        return Ranking(probabilities / probabilities.sum(), share * hypotheses, several, none)


UNRANKED = Ranking(np.full(10, 0.1), np.zeros(0), 0.0, 1.0)  # without hypotheses


def rank(
    hypotheses: Sequence[Hypothesis],
    strokes: Sequence[float],
    answers: NDArray[np.float32],
    shape: tuple[int, ...],
) -> Ranking:
    """Rank n hypotheses of one picture: Σ P(hypothesis | picture) · P(digit | hypothesis).

    strokes: the width of each in its frame; answers: float32 [n, 10], the network's probabilities;
    shape: rows and columns of the picture. The probability of each hypothesis, of several digits
    and of none is a softmax over linear scores. digits_train/fit_ranker.py fits their weights on
    synthetic pictures.
    """
    if not hypotheses:
        return UNRANKED
    views = features(hypotheses, strokes, answers, shape)
    pair = several_features(hypotheses, views)
    scores = [_score(values, weights.RANKER) for values in views]
    scores += [_score(pair, weights.SEVERAL) if pair else -math.inf, 0.0]
    top = max(scores)
    likely = np.array([math.exp(score - top) for score in scores])
    likely /= likely.sum()
    several, none = likely[-2:].tolist()
    digit = likely[:-2] @ answers + (several + none) / 10
    return Ranking(digit / digit.sum(), likely[:-2], several, none)


def _score(values: Mapping[str, float], fitted: Mapping[str, float]) -> float:
    return sum(fitted[name] * value for name, value in values.items())


def features(
    hypotheses: Sequence[Hypothesis],
    strokes: Sequence[float],
    answers: NDArray[np.float32],
    shape: tuple[int, ...],
) -> list[dict[str, float]]:
    """FEATURES of each of n hypotheses, but for zeros; arguments as for `rank`."""
    height, width = shape
    kinds, views = {view.kind for view in hypotheses}, []
    listed = answers.tolist()
    mean = [sum(column) / len(listed) for column in zip(*listed, strict=True)]
    for (kind, (ink, box), share, _, inverted, uneven), answer, stroke in zip(
        hypotheses, listed, strokes, strict=True
    ):
        confidence = max(answer)
        digit = answer.index(confidence)
        contrast = int(ink.sum()) / (255 * np.count_nonzero(ink))
        x, y = (box.left + box.right) / width - 1, (box.top + box.bottom) / height - 1
        values: dict[str, float] = {
            kind: 1.0,
            "inverted": inverted,  # whether the ink is on the less likely of dark and light
            "confidence": log_odds(confidence),
            "agreement": log_odds(mean[digit]),  # of all hypotheses on its digit
            "share": math.log(share),  # of all ink that it explains
            "distance": x * x + y * y,  # of its middle from the picture's; 1: a side's middle
            # The picture's sides that it touches.
            "border": sum(map(operator.eq, box, (0, 0, width, height))),
            "size": math.log(box.longer / max(width, height)),
            "width": math.log(stroke / DIGIT_SIDE),  # of its strokes, by its longer side
            "contrast": math.log(contrast),  # the mean ink of its inked pixels, 0 to 1
            "unevenness": math.log1p(uneven / contrast),
            "enlarged": max(math.log(DIGIT_SIDE / box.longer), 0),  # the factor by which it was
            "one": digit == 1,  # as the network reads every bare stroke
            # Nothing looks like a line of the paper.
            "dark, no lines": kind == "dark" and "unruled" not in kinds,
        }
        views.append(values)
    return views


def several_features(
    hypotheses: Sequence[Hypothesis], views: Sequence[Mapping[str, float]]
) -> dict[str, float]:
    """SEVERAL_FEATURES of the two heaviest components; empty if there is only one.

    views: what `features` returns.
    """
    rows = {(view.kind, view.inverted): row for row, view in enumerate(hypotheses)}
    for inverted in (False, True):
        alone = [rows[kind, inverted] for kind in _HEAVIEST if (kind, inverted) in rows]
        if alone and ("second", inverted) in rows:
            break
    else:
        return {}
    pair = alone[0], rows["second", inverted]
    (first, first_box), (second, second_box) = (hypotheses[row].component for row in pair)
    heavier, lighter = (views[row] for row in pair)
    common = min(first_box.right, second_box.right) - max(first_box.left, second_box.left)
    wider = heavier["width"] + math.log(first_box.longer / second_box.longer) - lighter["width"]
    return {
        "several": 1.0,
        "less sure": min(heavier["confidence"], lighter["confidence"]),
        "lighter": math.log(second.sum() / first.sum()),
        "lower": -abs(math.log(first_box.height / second_box.height)),
        "overlap": max(common, 0) / min(first_box.width, second_box.width),  # across
        "pen": abs(wider),  # of the first, in the picture's pixels
        "contrast": abs(heavier["contrast"] - lighter["contrast"]),
        "one": lighter["one"],
        "inverted": inverted,
    }


def log_odds(probability: float) -> float:
    """Log odds of a probability, kept finite."""
    inside = min(max(probability, _MIN_PROBABILITY), 1 - _MIN_PROBABILITY)
    return math.log(inside / (1 - inside))
