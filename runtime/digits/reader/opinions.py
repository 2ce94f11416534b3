"""What both networks say of the texts that a number may have, and the weights of these together.

The detector's lattice and the recognizer's output each give every text a probability. A text's
weight is their product, each with an exponent (a logarithmic opinion pool: C. Genest and J. Zidek,
"Combining probability distributions", 1986). It is worked out for the texts that either network
finds likely; `digits export` fits the exponents on pages that no training shows.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from operator import itemgetter, mul
from typing import Any, NamedTuple

import numpy as np

from digits.alignment import edit_distance
from digits.constraints.automaton import Automaton, Product, State, product
from digits.inference.interface import SYMBOLS
from digits.inference.metadata import RecognizerMetadata
from digits.reader import ctc, lattice
from digits.reader.detections import DIGITS, Floats
from digits.reader.lattice import Arc, Box

_MAX_TEXTS = 8  # of either network
_MAX_SLIP = math.log(0.3)  # more likely than any slip rate
_MIN_TEXT = math.log(1e-3)  # of the likeliest one's probability
_NEVER = -1e3  # log probability of what can't be
_TINY = 1e-6  # share of a network's probability that is always other texts'
_STATE_BEAM = 30  # scribbles, and a list of a million numbers
ANY_TEXT: Automaton = product([], 0, math.inf, ignored=SYMBOLS)


class Weights(NamedTuple):
    """How much either network counts, and what that says of whole numbers.

    detector_weight, recognizer_weight: the exponents of their probabilities of texts.
    detector_slip_rate, recognizer_slip_rate: the probabilities that they miss a symbol, make one up
    or take one for another without a doubt. number_temperature, number_shift: for `calibrated`.
    See `RecognizerMetadata`.
    """

    detector_weight: float
    recognizer_weight: float
    detector_slip_rate: float
    recognizer_slip_rate: float
    number_temperature: float = 1.0
    number_shift: float = 0.0

    @classmethod
    def from_metadata(cls, metadata: RecognizerMetadata) -> "Weights":
        """Those in a recognizer's file."""
        return cls(*(getattr(metadata, name) for name in cls._fields))

    def calibrated(self, share: float) -> float:
        """The probability that the likeliest text, of this share of all weight, is right.

        Its log odds grow with minus the logarithm of the other texts' share, divided and shifted.
        """
        surprise = -math.log(max(1 - share, _TINY))
        return 1 / (1 + math.exp(-surprise / self.number_temperature - self.number_shift))


class Views(NamedTuple):
    """What both networks see of a number.

    lattice: of the detector. steps: float64 [n, 13], the recognizer's log probabilities; none where
    it can't look. box: where the number is.
    """

    lattice: Sequence[Arc]
    steps: Floats
    box: Box = (0.0, 0.0, 0.0, 0.0)

    def without_signs(self) -> "Views":
        """The same if minus signs and points are nothing."""
        steps = self.steps.copy()
        steps[:, -1] = np.logaddexp.reduce(steps[:, DIGITS:], 1)
        steps[:, DIGITS:-1] = _NEVER
        return Views([*map(_without_signs, self.lattice)], steps, self.box)


def _without_signs(arc: Arc) -> Arc:
    digits = np.logaddexp.reduce(arc.symbols[:DIGITS])
    nothing = np.logaddexp.reduce([0.0, *(arc.score + arc.symbols[DIGITS:])])
    symbols = arc.symbols - digits
    symbols[DIGITS:] = _NEVER
    return arc._replace(score=arc.score + float(digits - nothing), symbols=symbols)


class Pool(NamedTuple):
    """texts: the weights of the likeliest texts. rest: the weight of all others."""

    texts: dict[str, float]
    rest: float

    @property
    def total(self) -> float:
        return sum(self.texts.values()) + self.rest


class Opinions(NamedTuple):
    """What each network says of texts; logarithms of probabilities.

    texts: those that either finds likely. scores: of these, by each network. other_scores: of all
    others, by each network. likeliest: the likeliest text of each network, and its score.
    distances: how many symbols of that one are others in each text; infinitely many if it is about
    as likely.
    """

    texts: list[str]
    scores: list[list[float]]
    other_scores: list[float]
    likeliest: list[tuple[str, float]]
    distances: list[list[float]]

    def pool(self, weights: Weights) -> Pool:
        """Weigh them. Slips may have led each network from each text to its likeliest one."""
        rates = weights.detector_slip_rate, weights.recognizer_slip_rate
        scored = [
            [
                max(score, best + far * math.log(rate))
                for score, far in zip(scores, some, strict=True)
            ]
            for scores, some, (_, best), rate in zip(
                self.scores, self.distances, self.likeliest, rates, strict=False
            )
        ]
        pooled = (_pooled(logarithms, weights) for logarithms in zip(*scored, strict=True))
        others = _pooled(self.other_scores, weights)
        return Pool(dict(zip(self.texts, pooled, strict=True)), others)


def opinions_of(
    views: Views,
    automaton: Automaton = ANY_TEXT,
    likeliest: list[tuple[str, float]] | None = None,
) -> Opinions:
    """What the networks say of the texts that an automaton accepts.

    likeliest: as of the Opinions of all texts, unless the automaton accepts all.
    """
    searches = [partial(lattice.accepted_states, views.lattice)]
    scorers = [partial(lattice.text_scores, views.lattice)]
    if len(views.steps):
        searches.append(partial(ctc.accepted_states, views.steps))
        scorers.append(partial(ctc.text_scores, views.steps))
    spelled = _spelled(automaton)
    likely = (_likely_texts(search(spelled, _MAX_TEXTS)) for search in searches)
    texts = [*dict.fromkeys(chain.from_iterable(likely))]
    scores = [score(texts) for score in scorers]
    totals = [0.0] * len(searches)
    if likeliest is None:
        pairs = (zip(texts, each, strict=True) for each in scores)
        likeliest = [max(each, key=itemgetter(1), default=("", 0.0)) for each in pairs]
    else:
        totals = [_log_total(search(automaton, _STATE_BEAM).values()) for search in searches]
    distances = [
        [
            edit_distance(read, text) if score < best + _MAX_SLIP else math.inf
            for text, score in zip(texts, each, strict=True)
        ]
        for each, (read, best) in zip(scores, likeliest, strict=True)
    ]
    others = [_other_score(total, each) for total, each in zip(totals, scores, strict=True)]
    return Opinions(texts, scores, others, likeliest, distances)


def _pooled(logarithms: Sequence[float], weights: Weights) -> float:
    return math.exp(sum(map(mul, logarithms, weights)))


def _log_total(logarithms: Iterable[float]) -> float:
    return float(np.logaddexp.reduce([*logarithms]))


def _other_score(total: float, scores: Sequence[float]) -> float:
    """The logarithm of the probability of the other texts. total: that of all accepted ones."""
    if total == -math.inf:
        return total
    left = 1 - sum(math.exp(min(score - total, 0)) for score in scores)
    return total + math.log(max(left, _TINY))


def _likely_texts(states: Mapping[Any, float]) -> list[str]:
    best = max(states.values(), default=0.0)
    return [text for (_, text), total in states.items() if total > best + _MIN_TEXT]


def _spelled(automaton: Automaton) -> Automaton:
    """The same automaton, whose states also tell the text so far."""

    def step(state: Any, symbol: str) -> State | None:
        following = automaton.step(state[0], symbol)
        return None if following is None else (following, state[1] + symbol)

    def accepts(state: Any) -> bool:
        return automaton.accepts(state[0])

    return Product((automaton.start, ""), step, accepts)
