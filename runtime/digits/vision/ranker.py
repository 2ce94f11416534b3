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
_TINY = 1e-9  # a probability that doesn't matter beside another, and isn't 0


class Evidence(NamedTuple):
    """What the detector sees in a picture that should hold one digit; all sum to 1.

    probabilities: float64 [10], that the picture holds each digit alone.
    several, none: the probability that it holds more digits, or none.
    """

    probabilities: Floats
    several: float
    none: float


class Ranking(NamedTuple):
    """How likely it is what a picture shows.

    probabilities: float64 [10], of each digit; they sum to 1, since those of "no digit" and
    "several digits" are spread evenly.
    hypothesis_probabilities: float64 [n], of each hypothesis.
    several, none: that the picture shows several digits, or none.
    """

    probabilities: Floats
    hypothesis_probabilities: Floats
    several: float
    none: float

    @property
    def confidence(self) -> float:
        """The largest probability of a digit."""
        return float(self.probabilities.max())

    def combine(self, answers: NDArray[np.float32], evidence: Evidence) -> "Ranking":
        """Combine the ranker's and the detector's view of a picture by Dempster's rule.

        answers: see `rank`.

        It is assumed that they overlook digits independently of each other, and make none up: where
        one sees several digits, or one, and the other none, these are there; where both see one, it
        is the same, so that all pairs of different digits are ruled out. A. P. Dempster, "Upper and
        lower probabilities induced by a multivalued mapping", 1967.
        """
        several = 1 - (1 - self.several) * (1 - evidence.several)
        ranked_none, detected_none = self.none + _TINY, evidence.none + _TINY
        allowed = evidence.probabilities + detected_none  # float64 [10], by the detector
        only_detected = ranked_none * evidence.probabilities
        digits = self.hypothesis_probabilities @ answers * allowed + only_detected
        none = ranked_none * detected_none
        # A digit that only the detector sees belongs to the hypotheses that show it; where none
        # does, to all alike.
        shows = (self.hypothesis_probabilities + _TINY) * (answers @ evidence.probabilities + _TINY)
        posterior = self.hypothesis_probabilities * (answers @ allowed)
        posterior += shows * (only_detected.sum() / shows.sum())
        share = (1 - several) / (digits.sum() + none)
        digits, none = share * digits, share * none
        probabilities = digits + (several + none) / 10
        return Ranking(probabilities / probabilities.sum(), share * posterior, several, none)


UNRANKED = Ranking(np.full(10, 0.1), np.zeros(0), 0.0, 1.0)  # without hypotheses


def rank(
    hypotheses: Sequence[Hypothesis],
    stroke_widths: Sequence[float],
    answers: NDArray[np.float32],
    shape: tuple[int, ...],
) -> Ranking:
    """Rank n hypotheses of one picture: Σ P(hypothesis | picture) · P(digit | hypothesis).

    stroke_widths: of the digit in the frame of each hypothesis, in pixels.
    answers: float32 [n, 10], the network's probabilities.
    shape: rows and columns of the picture.

    The probability of each hypothesis, of several digits and of none is a softmax over linear
    scores. digits_train/fit_ranker.py fits their weights on synthetic pictures.
    """
    if not hypotheses:
        return UNRANKED
    by_hypothesis = features(hypotheses, stroke_widths, answers, shape)
    pair = several_features(hypotheses, by_hypothesis)
    scores = [_score(values, weights.RANKER) for values in by_hypothesis]
    scores.append(_score(pair, weights.SEVERAL) if pair else -math.inf)
    scores.append(0.0)  # of none
    largest = max(scores)
    probabilities = np.array([math.exp(score - largest) for score in scores])
    probabilities /= probabilities.sum()
    several, none = probabilities[-2:].tolist()
    digits = probabilities[:-2] @ answers + (several + none) / 10
    return Ranking(digits / digits.sum(), probabilities[:-2], several, none)


def _score(values: Mapping[str, float], fitted_weights: Mapping[str, float]) -> float:
    return sum(fitted_weights[name] * value for name, value in values.items())


def features(
    hypotheses: Sequence[Hypothesis],
    stroke_widths: Sequence[float],
    answers: NDArray[np.float32],
    shape: tuple[int, ...],
) -> list[dict[str, float]]:
    """The FEATURES of each of n hypotheses that aren't zero; arguments: see `rank`."""
    height, width = shape
    has_lines, by_hypothesis = any(hypothesis.kind == "unruled" for hypothesis in hypotheses), []
    rows = answers.tolist()
    mean = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    for hypothesis, answer, stroke_width in zip(hypotheses, rows, stroke_widths, strict=True):
        ink, box = hypothesis.component
        confidence = max(answer)
        digit = answer.index(confidence)
        contrast = int(ink.sum()) / (255 * np.count_nonzero(ink))
        x, y = (box.left + box.right) / width - 1, (box.top + box.bottom) / height - 1
        values: dict[str, float] = {
            hypothesis.kind: 1.0,
            "inverted": hypothesis.inverted,
            "confidence": log_odds(confidence),
            "agreement": log_odds(mean[digit]),  # of all hypotheses on its digit
            "share": math.log(hypothesis.share),
            "distance": x * x + y * y,  # of its middle from the picture's; 1: a side's middle
            "border": sum(map(operator.eq, box, (0, 0, width, height))),  # sides that it touches
            "size": math.log(box.longer / max(width, height)),
            "width": math.log(stroke_width / DIGIT_SIDE),  # of its strokes, by its longer side
            "contrast": math.log(contrast),  # the mean ink of its inked pixels, 0 to 1
            "unevenness": math.log1p(hypothesis.unevenness / contrast),
            "enlarged": max(math.log(DIGIT_SIDE / box.longer), 0),  # the factor by which it was
            "one": digit == 1,  # as the network reads every bare stroke
            "dark, no lines": hypothesis.kind == "dark" and not has_lines,
        }
        by_hypothesis.append(values)
    return by_hypothesis


def several_features(
    hypotheses: Sequence[Hypothesis], by_hypothesis: Sequence[Mapping[str, float]]
) -> dict[str, float]:
    """The SEVERAL_FEATURES of the two heaviest components; empty if there is only one.

    by_hypothesis: what `features` returns.
    """
    pair = _heaviest_pair(hypotheses)
    if pair is None:
        return {}
    (first, first_box), (second, second_box) = (hypotheses[index].component for index in pair)
    heavier, lighter = (by_hypothesis[index] for index in pair)
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
        "inverted": lighter["inverted"],
    }


def _heaviest_pair(hypotheses: Sequence[Hypothesis]) -> tuple[int, int] | None:
    """The indices of the two heaviest components of one polarity, the likelier one first."""
    indices = {(kind, inverted): i for i, (kind, _, _, _, inverted, _) in enumerate(hypotheses)}
    for inverted in (False, True):
        first = [indices[kind, inverted] for kind in _HEAVIEST if (kind, inverted) in indices]
        if first and ("second", inverted) in indices:
            return first[0], indices["second", inverted]
    return None


def log_odds(probability: float) -> float:
    """The log odds of a probability, kept finite."""
    clipped = min(max(probability, _MIN_PROBABILITY), 1 - _MIN_PROBABILITY)
    return math.log(clipped / (1 - clipped))
