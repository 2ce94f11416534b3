"""What both networks say of the texts that a number may have, and the weights of these together.

The detector's lattice and the recognizer's output each give every text a probability. A text's
weight is their product, each with an exponent (a logarithmic opinion pool: C. Genest and J. Zidek,
"Combining probability distributions", 1986). It is worked out for the texts that either network
finds likely; `digits export` fits the exponents on pages that no training shows.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest
from operator import itemgetter, mul
from typing import Any, NamedTuple

import numpy as np

from digits.alignment import edit_distance
from digits.constraints.automaton import Automaton, Product, State, product
from digits.inference.interface import SYMBOLS
from digits.reader import ctc, lattice
from digits.reader.detections import DIGITS, Floats
from digits.reader.lattice import PAGE_STEPS, Arc, Box
from digits.reader.search import log_total

_MAX_TEXTS = 8  # of either network
_MAX_SLIP = math.log(0.3)  # more likely than any slip rate
_LEAST_TEXT = math.log(1e-3)  # of the likeliest one's probability
_NEVER = -1e3  # log probability of what can't be
_LEAST_REST = 1e-6  # share of a network's probability that is always other texts'
_STATE_BEAM = 30  # scribbles, and a list of a million numbers
ANY_TEXT: Automaton = product([], 0, math.inf, ignored=SYMBOLS)


class Weights(NamedTuple):
    """How much either network counts, and what that says of whole numbers.

    detector, recognizer: the exponents of their probabilities of texts. detector_slip,
    recognizer_slip: the probabilities that they miss a symbol, make one up or take one for another
    without a doubt. temperature, shift: divides the log odds of the likeliest text, and is then
    added to them.
    """

    detector: float
    recognizer: float
    detector_slip: float
    recognizer_slip: float
    temperature: float = 1.0
    shift: float = 0.0

    def calibrated(self, probability: float) -> float:
        """The probability that the likeliest text, of this share of all weight, is right."""
        kept = min(max(probability, _LEAST_REST), 1 - _LEAST_REST)
        log_odds = math.log(kept / (1 - kept)) / self.temperature + self.shift
        return 1 / (1 + math.exp(-log_odds))


@dataclass(frozen=True)
class Views:
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


class _Detected:
    """What the detector says of a number's texts; logarithms of probabilities."""

    def __init__(self, arcs: Sequence[Arc]) -> None:
        self._arcs, self._everything = arcs, lattice.total_score(arcs)

    def states(self, automaton: Automaton, beam: int) -> dict[State, float]:
        """Those that an automaton accepts, by its states."""
        accepted = lattice.accepted_states(self._arcs, automaton, beam)
        return {state: weight - self._everything for state, weight in accepted.items()}

    def scores(self, texts: Sequence[str]) -> list[float]:
        return [lattice.text_score(self._arcs, text) - self._everything for text in texts]


class _Recognized:
    """The same of the recognizer."""

    def __init__(self, steps: Floats, most: int) -> None:
        """most: states at a step, as far as a search in all numbers of a page may take."""
        self._steps, self._most = steps, max(_MAX_TEXTS, most)

    def states(self, automaton: Automaton, beam: int) -> dict[State, float]:
        return ctc.accepted_states(self._steps, automaton, min(beam, self._most))

    def scores(self, texts: Sequence[str]) -> list[float]:
        return ctc.text_scores(self._steps, texts)


class Pool(NamedTuple):
    """texts: the weights of the likeliest texts. rest: the weight of all others."""

    texts: dict[str, float]
    rest: float

    @property
    def total(self) -> float:
        return sum(self.texts.values()) + self.rest


class Opinions(NamedTuple):
    """What each network says of texts; logarithms of probabilities.

    texts: those that either finds likely. scores: of these, by each network. rests: of all others,
    by each network. reads: the likeliest text of each network, and its score. slips: how many of
    that one's symbols are others in each text; infinitely many if it is about as likely.
    """

    texts: list[str]
    scores: list[list[float]]
    rests: list[float]
    reads: list[tuple[str, float]]
    slips: list[list[float]]

    def pool(self, weights: Weights) -> Pool:
        """Weigh them. Slips may have led each network from each text to its likeliest one."""
        rates = [math.log(rate) for rate in (weights.detector_slip, weights.recognizer_slip)]
        scored = [
            [max(score, best + count * rate) for score, count in zip(scores, slips, strict=True)]
            for scores, slips, (_, best), rate in zip(
                self.scores, self.slips, self.reads, rates, strict=False
            )
        ]
        pooled = (_pooled(logarithms, weights) for logarithms in zip(*scored, strict=True))
        return Pool(dict(zip(self.texts, pooled, strict=True)), _pooled(self.rests, weights))


def ask(
    views: Views, automaton: Automaton, reads: list[tuple[str, float]] | None = None
) -> Opinions:
    """What the networks say of the texts that an automaton accepts.

    reads: as of Opinions, if the automaton doesn't accept all texts.
    """
    networks: list[_Detected | _Recognized] = [_Detected(views.lattice)]
    if len(views.steps):
        steps = sum(arc.steps for arc in views.lattice) or PAGE_STEPS
        networks.append(_Recognized(views.steps, steps // views.steps.size))
    spelled = _SPELLED if automaton is ANY_TEXT else _spelled(automaton)
    likely = [_likeliest_texts(network.states(spelled, _MAX_TEXTS)) for network in networks]
    texts = [*{text: None for some in likely for text in some}]
    scores = [network.scores(texts) for network in networks]
    totals = (
        0.0 if reads is None else log_total(network.states(automaton, _STATE_BEAM).values())
        for network in networks
    )
    rests = [_rest(total, some) for total, some in zip(totals, scores, strict=True)]
    if reads is None:
        reads = [
            max(zip(texts, some, strict=True), key=itemgetter(1), default=("", 0.0))
            for some in scores
        ]
    slips = [
        [
            edit_distance(read, text) if score < best + _MAX_SLIP else math.inf
            for text, score in zip(texts, some, strict=True)
        ]
        for some, (read, best) in zip(scores, reads, strict=True)
    ]
    return Opinions(texts, scores, rests, reads, slips)


def _pooled(logarithms: Sequence[float], weights: Weights) -> float:
    return math.exp(sum(map(mul, logarithms, weights)))


def _rest(total: float, scores: Sequence[float]) -> float:
    """The logarithm of the probability of the other texts. total: that of all accepted ones."""
    left = math.exp(total) - sum(map(math.exp, scores))
    return math.log(max(left, _LEAST_REST * math.exp(total))) if total > -math.inf else total


def _likeliest_texts(states: Mapping[Any, float]) -> list[str]:
    likely = nlargest(_MAX_TEXTS, states.items(), key=itemgetter(1))
    return [text for (_, text), total in likely if total > likely[0][1] + _LEAST_TEXT]


def _spelled(automaton: Automaton) -> Automaton:
    """The same automaton, whose states also tell the text so far."""

    def step(state: Any, symbol: str) -> State | None:
        following = automaton.step(state[0], symbol)
        return None if following is None else (following, state[1] + symbol)

    def accepts(state: Any) -> bool:
        return automaton.accepts(state[0])

    return Product((automaton.start, ""), step, accepts)


def _spell(state: Any, symbol: str) -> State:
    return "", state[1] + symbol


# Whose states are the texts themselves, which most readings need.
_SPELLED = Product(("", ""), _spell, lambda state: True)
