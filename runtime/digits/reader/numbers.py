"""The number that both networks see: its likeliest text, and how likely that is as a whole."""

from collections.abc import Mapping
from typing import NamedTuple

from digits.constraints.constraints import Constraints
from digits.reader.opinions import Pool, Views, Weights, opinions_of

# How many numbers break the constraints that they should satisfy: slips of the pen, and other
# things on the page. Without that, one allowed number would be found in every scribble.
BROKEN = 0.01


class NumberReading(NamedTuple):
    """What is read.

    text: the likeliest one that satisfies the constraints; the likeliest of all if a number that
    satisfies none is likelier; empty where there is rather no number. probability: that it is right
    as a whole, 0 to 1. texts: the probabilities of the likeliest ones that satisfy the constraints.
    free: those of the likeliest without constraints; the empty text means no number.
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


def read_number(views: Views, constraints: Constraints, weights: Weights) -> NumberReading:
    """Read a number, or the likeliest one that satisfies constraints.

    Its probability is its share of all weight. With constraints, texts that break them count too,
    but only as far as people break constraints and such a text arises by chance (Bayes' rule).
    """
    views = views.without_signs() if constraints.digits_only else views
    opinions = opinions_of(views)
    everything = opinions.pool(weights)
    numbers = Pool({t: w for t, w in everything.texts.items() if has_digit(t)}, everything.rest)
    satisfying = numbers
    if constraints:
        satisfying = opinions_of(views, constraints.automaton, opinions.likeliest).pool(weights)
    free = _probabilities(everything.texts, everything.total, weights)
    text, blank = likeliest(satisfying.texts), everything.total - numbers.total
    chance = BROKEN * constraints.share(text) if text else 1.0
    others = chance * max(numbers.total - satisfying.total, 0.0)
    total = satisfying.total + others + blank
    if 2 * blank > total:
        return NumberReading("", blank / total, {}, free, False)
    if not text or satisfying.total <= others:
        return NumberReading(likeliest(numbers.texts), 0.0, {}, free, False)
    texts = _probabilities(satisfying.texts, total, weights)
    return NumberReading(text, texts[text], texts, free)


def _probabilities(texts: Mapping[str, float], total: float, weights: Weights) -> dict[str, float]:
    """Of texts, by their weights: the likeliest one's calibrated, the others' in proportion."""
    best = likeliest(texts)
    share = texts.get(best, 0.0) / total
    probability = weights.calibrated(share)
    scale = (1 - probability) / max(1 - share, 1e-9) / total
    others = {text: min(scale * weight, probability) for text, weight in texts.items()}
    return others | {best: probability} if texts else others


def likeliest(texts: Mapping[str, float]) -> str:
    """Of probabilities or weights by text; empty if there are none."""
    return max(texts, key=texts.__getitem__, default="")


def has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))
