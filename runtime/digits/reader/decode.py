"""The number that the networks see: its likeliest text, and how likely that is as a whole."""

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from digits.constraints.constraints import Constraints
from digits.errors import ModelError
from digits.inference.models import Models
from digits.reader import ctc, lattice
from digits.reader.detections import Floats
from digits.reader.looks import NetworkOutputs, stack

# The share of numbers that break the constraints that they should satisfy: slips of the pen, and
# other things on the page. With 0, an allowed number would be found in every scribble.
VIOLATION_RATE = 0.01

_BEAM, _CONSTRAINED_BEAM = 8, 64  # texts that a look is asked for
_MIN_SCORE = -40.0  # the least log probability that counts: no network can exclude a text
_DETECTOR_WEIGHT = 0.25  # of what the detector reads, beside the recognizer
_TINY = 1e-9


class Calibration(NamedTuple):
    """How scores of texts become the probability that the likeliest is right.

    temperature, shift: its log odds grow with minus the logarithm of the other texts' share,
        divided and shifted.
    second_opinion_weight: how much that counts beside our recognizer; 0 without one.
    """

    temperature: float
    shift: float
    second_opinion_weight: float = 0.0

    @classmethod
    def load(cls, models: Models) -> "Calibration":
        """The calibration in the recognizer's file, for the recognizers that are asked.

        Raises ModelError if the file has none for a second opinion.
        """
        metadata = models.recognizer.metadata
        if models.second_opinion is None:
            return cls(metadata.number_temperature, metadata.number_shift)
        if not metadata.second_opinion_weight:
            raise ModelError(
                f"{models.recognizer.name} was exported without a second opinion: export it again"
                ' where "digits[ocr]" is installed'
            )
        return cls(
            metadata.second_opinion_temperature,
            metadata.second_opinion_shift,
            metadata.second_opinion_weight,
        )

    def probability(self, others: float) -> float:
        """The probability that the likeliest text is right; others: the share of all others."""
        surprise = -math.log(max(others, _TINY))
        return 1 / (1 + math.exp(-surprise / self.temperature - self.shift))


class NumberReading(NamedTuple):
    """What is read.

    text: the likeliest text that satisfies the constraints; the likeliest of all if a number that
    breaks them is likelier; empty where there is rather no number.
    probability: that the text is right as a whole, 0 to 1.
    texts: the probabilities of the likeliest texts that satisfy the constraints, if it is whole.
    unconstrained_texts: those of the likeliest texts, whether or not they satisfy the constraints;
        the empty text means no number.
    satisfies: whether the text satisfies the constraints.
    needs_review: whether a person has to look at it in any case.
    """

    text: str
    probability: float
    texts: Mapping[str, float]
    unconstrained_texts: Mapping[str, float]
    satisfies: bool = True
    needs_review: bool = False

    @property
    def unconstrained(self) -> str:
        """The likeliest text, whether or not it satisfies the constraints."""
        return likeliest(self.unconstrained_texts)

    @property
    def second_best(self) -> str:
        """The second-best text that satisfies the constraints, or empty."""
        return likeliest({text: p for text, p in self.texts.items() if text != self.text})


def read_number(
    views: NetworkOutputs, constraints: Constraints, calibration: Calibration
) -> NumberReading:
    """Read a number, or the likeliest one that satisfies constraints.

    With constraints, texts that break them count, too, but only as far as people break constraints
    and such a text arises by chance (Bayes' rule).
    """
    beam = _BEAM if constraints.is_empty else _CONSTRAINED_BEAM
    scores = score_texts(views, constraints.digits_only, beam)
    shares = scores.shares(calibration.second_opinion_weight)
    blank = shares[""]
    numbers = {text: share for text, share in shares.items() if text}
    satisfying = numbers
    if not constraints.is_empty:
        satisfying = {text: p for text, p in numbers.items() if constraints.accepts(text)}
    unconstrained_texts = _calibrated(shares, 1.0, calibration)
    text, satisfied = likeliest(satisfying), sum(satisfying.values())
    violation_rate = VIOLATION_RATE * constraints.chance_rate(text) if text else 1.0
    violating = violation_rate * max(1 - blank - satisfied, 0.0)
    total = satisfied + violating + blank
    if 2 * blank > total:
        return NumberReading("", blank / total, {}, unconstrained_texts, False)
    if not text or satisfied <= violating:
        return NumberReading(likeliest(numbers), 0.0, {}, unconstrained_texts, False)
    texts = _calibrated(satisfying, total, calibration)
    whole = 1 / (1 + math.exp(-max(views.whole, -700.0)))  # of less, the power would overflow
    is_doubtful = whole < 0.5 or not views.region.fits_in_crop or _has_two_values(text, constraints)
    return NumberReading(text, whole * texts[text], texts, unconstrained_texts, True, is_doubtful)


def _has_two_values(text: str, constraints: Constraints) -> bool:
    """Whether a point may be that of thousands: 3.200 is 3200, too, if that is allowed.

    So may one of two points, where nothing says what they are.
    """
    if text.count(".") > 1:
        return constraints.is_empty
    is_either = re.fullmatch(r"-?[1-9][0-9]{0,2}\.[0-9]{3}", text)
    return bool(is_either) and constraints.accepts(text.replace(".", ""))


class TextScores(NamedTuple):
    """What the networks say of the texts that any of them finds likely: log probabilities.

    texts: each once, and first the empty one, which means no number.
    recognizer: float64 [texts], the mean of its looks.
    detector: float64 [texts].
    second_opinion: float64 [texts], of the other recognizer; 0 without one.
    """

    texts: list[str]
    recognizer: Floats
    detector: Floats
    second_opinion: Floats

    def shares(self, second_opinion_weight: float) -> dict[str, float]:
        """How likely each text is, with the sum 1; a second opinion replaces the detector's."""
        others = _DETECTOR_WEIGHT * self.detector
        if second_opinion_weight:
            others = second_opinion_weight * self.second_opinion
        scores = self.recognizer + others
        shares = np.exp(scores - np.logaddexp.reduce(scores))
        return dict(zip(self.texts, shares.tolist(), strict=True))


def score_texts(views: NetworkOutputs, digits_only: bool = False, beam: int = _BEAM) -> TextScores:
    """Score the likely texts of a number.

    digits_only: whether minus signs and points are nothing.
    beam: how many texts each look is asked for.
    """
    outputs = stack([*map(ctc.without_pauses, views.log_probs)])
    second_opinion = stack([*map(ctc.without_pauses, views.second_opinion)])
    candidates = {"", *lattice.likely_texts(views.detections, beam)}
    for output in (*outputs, *second_opinion):
        candidates.update(ctc.likely_texts(output, beam))
    variants = sorted(candidates, key=lambda text: canonical(text, digits_only))
    names = [canonical(text, digits_only) for text in variants]
    firsts = [n for n in range(len(names)) if n == 0 or names[n] != names[n - 1]]

    def pooled(scores: Floats) -> Floats:
        """Those of each look or network; none of them may exclude what the others see."""
        return np.maximum(np.logaddexp.reduceat(scores, firsts, 1), _MIN_SCORE)

    return TextScores(
        [names[n] for n in firsts],
        pooled(ctc.text_scores(outputs, variants)).mean(0),
        pooled(lattice.text_scores(views.detections, variants)[None])[0],
        pooled(ctc.text_scores(second_opinion, variants)).sum(0),
    )


def canonical(text: str, digits_only: bool = False) -> str:
    """A number as it counts: without the signs that close an amount, as "1200.-" or ".50"; empty
    without a digit.
    """
    if digits_only or not any(map(str.isdigit, text)):
        return "".join(filter(str.isdigit, text))
    return text.rstrip("-.").lstrip(".")


def _calibrated(
    texts: Mapping[str, float], total: float, calibration: Calibration
) -> dict[str, float]:
    """Make probabilities of shares: the likeliest text's is calibrated, the others' in proportion.

    total: the share of all texts, these and others. Returns the likeliest first.
    """
    by_share = sorted(texts, key=texts.__getitem__, reverse=True)
    best = likeliest(texts)
    others = max(1 - texts.get(best, 0.0) / total, 0.0)
    probability = calibration.probability(others)
    scale = (1 - probability) / max(others, _TINY) / total
    scaled = {text: min(scale * texts[text], probability) for text in by_share}
    return scaled | {best: probability} if texts else {}


def likeliest(texts: Mapping[str, float]) -> str:
    """The text with the largest probability or share; empty if there are none."""
    return max(texts, key=texts.__getitem__, default="")
