"""What both networks say of the texts that a number may have, and the weights of these together.

The detector's lattice and the recognizer's output each give every text a probability. A text's
weight is their product, each with an exponent (a logarithmic opinion pool: C. Genest and J. Zidek,
"Combining probability distributions", 1986). It is worked out for the texts that either network
finds likely; `digits export` fits the exponents on pages that no training shows.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from operator import itemgetter, mul
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from digits.alignment import edit_distance
from digits.constraints.automaton import Automaton, Product, State, product
from digits.inference.interface import SYMBOLS
from digits.inference.metadata import RecognizerMetadata
from digits.reader import ctc, lattice
from digits.reader.detections import DIGITS, Floats
from digits.reader.lattice import Arc, Box

_MAX_TEXTS = 8  # that either network is asked for
_MAX_SLIP = math.log(0.3)  # more likely than any slip rate
_MIN_TEXT = math.log(1e-3)  # relative to the likeliest text
_NEVER = -1e3  # log probability of what can't be
_TINY = 1e-6  # the share of a network's probability that other texts have at least
_STATE_BEAM = 30  # enough for scribbles, and a list of a million numbers
EVERY_TEXT: Automaton = product([], 0, math.inf, ignored=SYMBOLS)


class Weights(NamedTuple):
    """How much either network counts, and what that says of whole numbers.

    detector_weight, recognizer_weight: the exponents of their probabilities of texts.
    detector_slip_rate, recognizer_slip_rate: the probabilities that they miss a symbol, make one up
    or take one for another without a doubt.
    number_temperature, number_shift: see `calibrated`.
    """

    detector_weight: float
    recognizer_weight: float
    detector_slip_rate: float
    recognizer_slip_rate: float
    number_temperature: float = 1.0
    number_shift: float = 0.0

    @classmethod
    def from_metadata(cls, metadata: RecognizerMetadata) -> "Weights":
        """The weights in a recognizer's file."""
        return cls(*(getattr(metadata, name) for name in cls._fields))

    def calibrated(self, share: float) -> float:
        """The probability that the likeliest text, of this share of all weight, is right.

        Its log odds grow with minus the logarithm of the other texts' share, divided and shifted.
        """
        surprise = -math.log(max(1 - share, _TINY))
        return 1 / (1 + math.exp(-surprise / self.number_temperature - self.number_shift))


class Views(NamedTuple):
    """What both networks see of a number.

    lattice: what the detector sees.
    steps: float64 [n, 13], the recognizer's log probabilities; n is 0 where it can't look.
    box: where the number is, in the same pixels as the lattice.
    """

    lattice: Sequence[Arc]
    steps: Floats
    box: Box = (0.0, 0.0, 0.0, 0.0)

    def without_signs(self) -> "Views":
        """The same, as if minus signs and points were nothing."""
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


class PooledOpinion(NamedTuple):
    """What both networks together say of texts; a weight is in proportion to a probability.

    texts: the weights of the likeliest texts.
    other_weight: that of all other texts together.
    """

    texts: dict[str, float]
    other_weight: float

    @property
    def total(self) -> float:
        return sum(self.texts.values()) + self.other_weight


class Opinion(NamedTuple):
    """What one network says of texts; a score is the logarithm of a probability.

    scores: those of the texts that either network finds likely.
    other_score: that of all other texts together.
    likeliest: this network's likeliest text of all, and its score.
    distances: how many symbols of that text each text changes; infinitely many if it is about as
    likely.
    """

    scores: list[float]
    other_score: float
    likeliest: tuple[str, float]
    distances: list[float]

    def with_slips(self, slip_rate: float) -> list[float]:
        """The scores, if slips may have led the network from each text to its likeliest one."""
        _, largest = self.likeliest
        by_slips = [largest + distance * math.log(slip_rate) for distance in self.distances]
        return [*map(max, self.scores, by_slips)]


class Opinions(NamedTuple):
    """What the detector, and the recognizer where it could look, say of the same texts."""

    texts: list[str]
    by_network: list[Opinion]

    def pool(self, weights: Weights) -> PooledOpinion:
        """Make one weight of what both networks say of each text."""
        slip_rates = weights.detector_slip_rate, weights.recognizer_slip_rate
        scores = [
            opinion.with_slips(rate)
            for opinion, rate in zip(self.by_network, slip_rates, strict=False)
        ]
        pooled = [_pooled(both, weights) for both in zip(*scores, strict=True)]
        other_weight = _pooled([opinion.other_score for opinion in self.by_network], weights)
        return PooledOpinion(dict(zip(self.texts, pooled, strict=True)), other_weight)


def opinions_of(
    views: Views, automaton: Automaton = EVERY_TEXT, unconstrained_opinions: Opinions | None = None
) -> Opinions:
    """What the networks say of the texts that an automaton accepts.

    unconstrained_opinions: what the networks say of all texts, if the automaton is another than
        EVERY_TEXT.
    """
    # Each with the module that searches it.
    outputs: list[tuple[ModuleType, Any]] = [(lattice, views.lattice)]
    if len(views.steps):
        outputs.append((ctc, views.steps))
    spelled = _spelled(automaton)
    likely = [
        _likely_texts(network.accepted_states(output, spelled, _MAX_TEXTS))
        for network, output in outputs
    ]
    texts = [*dict.fromkeys(chain.from_iterable(likely))]
    by_network = []
    for index, (network, output) in enumerate(outputs):
        scores, total = network.text_scores(output, texts), 0.0
        if unconstrained_opinions is None:
            scored = zip(texts, scores, strict=True)
            likeliest = max(scored, key=itemgetter(1), default=("", 0.0))
        else:
            likeliest = unconstrained_opinions.by_network[index].likeliest
            accepted = network.accepted_states(output, automaton, _STATE_BEAM)
            total = float(np.logaddexp.reduce([*accepted.values()]))
        distances = [_distance(likeliest, *pair) for pair in zip(texts, scores, strict=True)]
        by_network.append(Opinion(scores, _other_score(total, scores), likeliest, distances))
    return Opinions(texts, by_network)


def _distance(likeliest: tuple[str, float], text: str, score: float) -> float:
    likeliest_text, largest = likeliest
    return edit_distance(likeliest_text, text) if score < largest + _MAX_SLIP else math.inf


def _pooled(scores: Sequence[float], weights: Weights) -> float:
    """The product of the networks' probabilities, each with its exponent."""
    exponents = weights.detector_weight, weights.recognizer_weight
    return math.exp(sum(map(mul, scores, exponents)))


def _other_score(total: float, scores: Sequence[float]) -> float:
    """The score of all accepted texts but those with these scores. total: that of all of them."""
    if total == -math.inf:
        return total
    rest = 1 - sum(math.exp(min(score - total, 0)) for score in scores)
    return total + math.log(max(rest, _TINY))


def _likely_texts(states: Mapping[Any, float]) -> list[str]:
    largest = max(states.values(), default=0.0)
    return [text for (_, text), score in states.items() if score > largest + _MIN_TEXT]


def _spelled(automaton: Automaton) -> Automaton:
    """The same automaton, whose states also tell the text so far."""

    def step(state: Any, symbol: str) -> State | None:
        following = automaton.step(state[0], symbol)
        return None if following is None else (following, state[1] + symbol)

    def accepts(state: Any) -> bool:
        return automaton.accepts(state[0])

    return Product((automaton.start, ""), step, accepts)
