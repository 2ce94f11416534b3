"""The number that both networks see: its likeliest text, and how likely that is as a whole.

The detector's lattice and the recognizer's output each give every text a probability. A text's
weight is their product, each with an exponent (a logarithmic opinion pool: C. Genest and J. Zidek,
"Combining probability distributions", 1986). It is worked out for the texts that either network
finds likely; `digits export` fits the exponents on pages that no training shows.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import nlargest
from operator import itemgetter, mul
from typing import Any, NamedTuple

from digits.constraints.automaton import Automaton, Product, State, product
from digits.constraints.constraints import Constraints
from digits.evaluation.alignment import align
from digits.inference.interface import SYMBOLS
from digits.reader import ctc, lattice
from digits.reader.detections import DIGITS, Floats
from digits.reader.lattice import Arc, Box, best_path
from digits.reader.search import log_total

# How many numbers break the constraints that they should satisfy: slips of the pen, and other
# things on the page. Without that, one allowed number would be found in every scribble.
BROKEN = 0.01
_MAX_TEXTS = 8  # of either network, of those among the beam's
_TEXT_BEAM = 16
_LEAST_TEXT = math.log(1e-3)  # of the likeliest one's probability
_LEAST_REST = 1e-6  # share of a network's probability that is always other texts'
_STATE_BEAM = 500  # scribbles, and a list of a million numbers
ANY_TEXT: Automaton = product([], 0, math.inf, ignored=SYMBOLS)

# An automaton and a beam to the logarithms of its accepted states' probabilities.
AcceptedFn = Callable[[Automaton, int], Mapping[State, float]]


class Weights(NamedTuple):
    """How much either network counts.

    detector, recognizer: the exponents of their probabilities of texts. slip: of a symbol that the
    detector misses, makes up or takes for another without a doubt, the probability.
    """

    detector: float
    recognizer: float
    slip: float


@dataclass(frozen=True)
class Views:
    """What both networks see of a number.

    lattice: of the detector. steps: float64 [n, 13], the recognizer's log probabilities; none where
    it can't look. box: where the number is.
    """

    lattice: Sequence[Arc]
    steps: Floats
    box: Box = (0.0, 0.0, 0.0, 0.0)

    @cached_property
    def everything(self) -> float:
        """The logarithm of the weight of all paths of the lattice."""
        return log_total(lattice.accepted_states(self.lattice, ANY_TEXT, _STATE_BEAM).values())

    def detected(self, automaton: Automaton, beam: int) -> dict[State, float]:
        """The accepted states, with the logarithms of their probabilities, by the detector."""
        accepted = lattice.accepted_states(self.lattice, automaton, beam)
        return {state: weight - self.everything for state, weight in accepted.items()}

    def recognized(self, automaton: Automaton, beam: int) -> dict[State, float]:
        """The same by the recognizer."""
        return ctc.accepted_states(self.steps, automaton, beam)


class NumberReading(NamedTuple):
    """What is read.

    text: the likeliest one that satisfies the constraints; the likeliest of all if a number that
    satisfies none is likelier; empty where there is rather no number. probability: that it is right
    as a whole, 0 to 1. texts: the probabilities of the likeliest ones that satisfy the constraints.
    free: those of the likeliest without constraints, of which the empty one is no number.
    satisfies: whether the text does. is_disputed: whether a person has to look at it in any case.
    """

    text: str
    probability: float
    texts: Mapping[str, float]
    free: Mapping[str, float]
    satisfies: bool = True
    is_disputed: bool = False

    @property
    def unconstrained(self) -> str:
        return likeliest(self.free)

    @property
    def runner_up(self) -> str:
        """The second-best text that satisfies the constraints, or empty."""
        return likeliest({text: p for text, p in self.texts.items() if text != self.text})


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
    by each network. best: of the detector's likeliest text. slips: how many symbols of each text
    differ from that.
    """

    texts: list[str]
    scores: list[list[float]]
    rests: list[float]
    best: float
    slips: list[int]

    def pool(self, weights: Weights) -> Pool:
        """Weigh them. A slip may have led the detector from each text to its likeliest one."""
        detected = [
            max(score, self.best + count * math.log(weights.slip))
            for score, count in zip(self.scores[0], self.slips, strict=True)
        ]
        columns = zip(detected, *self.scores[1:], strict=True)
        pooled = (_pooled(logarithms, weights) for logarithms in columns)
        return Pool(dict(zip(self.texts, pooled, strict=True)), _pooled(self.rests, weights))


def read_number(views: Views, constraints: Constraints, weights: Weights) -> NumberReading:
    """Read a number, or the likeliest one that satisfies constraints.

    Its probability is its share of the weight of all texts. With constraints, it is by Bayes' rule
    its share of the weight of those that satisfy them, of no number at all, and of the others so
    far as some numbers break the constraints and could read so by chance.
    """
    ignored = SYMBOLS[DIGITS:] if constraints.digits_only else ""
    everything = ask(views, ANY_TEXT, ignored).pool(weights)
    numbers = Pool({t: w for t, w in everything.texts.items() if has_digit(t)}, everything.rest)
    satisfying, free = numbers, {t: w / everything.total for t, w in everything.texts.items()}
    if constraints:
        satisfying = ask(views, constraints.automaton, ignored).pool(weights)
    text, blank = likeliest(satisfying.texts), everything.total - numbers.total
    chance = BROKEN * constraints.share(text) if text else 1.0
    others = chance * max(numbers.total - satisfying.total, 0.0)
    total = satisfying.total + others + blank
    if not total or 2 * blank > total:
        return NumberReading("", blank / total if total else 0.0, {}, free, False)
    if satisfying.total <= others:
        return NumberReading(likeliest(numbers.texts), 0.0, {}, free, False)
    texts = {text: weight / total for text, weight in satisfying.texts.items()}
    return NumberReading(text, texts[text], texts, free)


def likeliest(texts: Mapping[str, float]) -> str:
    """Of probabilities or weights by text; empty if there are none."""
    return max(texts, key=texts.__getitem__, default="")


def has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))


def ask(views: Views, automaton: Automaton, ignored: str) -> Opinions:
    """What the networks say of the texts that an automaton accepts.

    ignored: signs that are no part of a text.
    """
    networks = [views.detected, views.recognized] if len(views.steps) else [views.detected]
    spelled = _spelled(automaton, ignored)
    likely = [_likeliest_texts(accepted(spelled, _TEXT_BEAM)) for accepted in networks]
    texts = [*{text: None for some in likely for text in some}]
    scores, rests = list[list[float]](), list[float]()
    for accepted, known in zip(networks, likely, strict=True):
        others = {text: OnlyText(text, ignored) for text in texts if text not in known}
        known |= {text: _total(accepted, only) for text, only in others.items()}
        scores.append([known[text] for text in texts])
        rests.append(_rest(_total(accepted, automaton), scores[-1]))
    path = best_path(views.lattice)
    read = "".join(arc.symbol.strip(ignored) for arc in path)
    best = sum(arc.score + float(arc.symbols.max()) for arc in path) - views.everything
    slips = [align(read, text).score.errors if text != read else 0 for text in texts]
    return Opinions(texts, scores, rests, best, slips)


def _pooled(logarithms: Sequence[float], weights: Weights) -> float:
    return math.exp(sum(map(mul, logarithms, weights)))


def _total(accepted: AcceptedFn, automaton: Automaton) -> float:
    """The logarithm of the probability of all texts that an automaton accepts."""
    return 0.0 if automaton is ANY_TEXT else log_total(accepted(automaton, _STATE_BEAM).values())


def _rest(total: float, scores: Sequence[float]) -> float:
    """The logarithm of the probability of the other texts. total: that of all accepted ones."""
    left = math.exp(total) - sum(map(math.exp, scores))
    return math.log(max(left, _LEAST_REST * math.exp(total))) if total > -math.inf else total


def _likeliest_texts(states: Mapping[Any, float]) -> dict[str, float]:
    likely = nlargest(_MAX_TEXTS, states.items(), key=itemgetter(1))
    return {text: total for (_, text), total in likely if total > likely[0][1] + _LEAST_TEXT}


def _spelled(automaton: Automaton, ignored: str) -> Automaton:
    """The same automaton, whose states also tell the text so far."""

    def step(state: Any, symbol: str) -> State | None:
        following = automaton.step(state[0], symbol)
        return None if following is None else (following, state[1] + symbol.strip(ignored))

    def accepts(state: Any) -> bool:
        return automaton.accepts(state[0])

    return Product((automaton.start, ""), step, accepts)


class OnlyText:
    """Accepts one text. ignored: symbols that may be anywhere in it."""

    start: State = 0

    def __init__(self, text: str, ignored: str = "") -> None:
        self._text, self._ignored = text, ignored

    def step(self, state: State, symbol: str) -> State | None:
        if symbol in self._ignored:
            return state
        assert isinstance(state, int)
        return state + 1 if self._text[state : state + 1] == symbol else None

    def accepts(self, state: State) -> bool:
        return state == len(self._text)
