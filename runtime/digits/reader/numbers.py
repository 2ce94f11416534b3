"""The number that both networks see: its likeliest text, and how likely that is as a whole."""

from collections.abc import Mapping
from typing import NamedTuple

from digits.constraints.constraints import Constraints
from digits.reader.opinions import ANY_TEXT, Pool, Views, Weights, ask

# How many numbers break the constraints that they should satisfy: slips of the pen, and other
# things on the page. Without that, one allowed number would be found in every scribble.
BROKEN = 0.01


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


def read_number(views: Views, constraints: Constraints, weights: Weights) -> NumberReading:
    """Read a number, or the likeliest one that satisfies constraints.

    Its probability is its share of the weight of all texts. With constraints, it is by Bayes' rule
    its share of the weight of those that satisfy them, of no number at all, and of the others so
    far as some numbers break the constraints and could read so by chance.
    """
    views = views.without_signs() if constraints.digits_only else views
    opinions = ask(views, ANY_TEXT)
    everything = opinions.pool(weights)
    numbers = Pool({t: w for t, w in everything.texts.items() if has_digit(t)}, everything.rest)
    satisfying, free = numbers, {t: w / everything.total for t, w in everything.texts.items()}
    if constraints:
        satisfying = ask(views, constraints.automaton, opinions.reads).pool(weights)
    text, blank = likeliest(satisfying.texts), everything.total - numbers.total
    chance = BROKEN * constraints.share(text) if text else 1.0
    others = chance * max(numbers.total - satisfying.total, 0.0)
    total = satisfying.total + others + blank
    if not total or 2 * blank > total:
        return NumberReading("", blank / total if total else 0.0, {}, free, False)
    if satisfying.total <= others:
        return NumberReading(likeliest(numbers.texts), 0.0, {}, free, False)
    shares = {text: weight / total for text, weight in satisfying.texts.items()}
    probability = weights.calibrated(shares[text])
    scale = (1 - probability) / max(1 - shares[text], 1e-9)
    texts = {other: scale * share for other, share in shares.items()} | {text: probability}
    return NumberReading(text, probability, texts, free)


def likeliest(texts: Mapping[str, float]) -> str:
    """Of probabilities or weights by text; empty if there are none."""
    return max(texts, key=texts.__getitem__, default="")


def has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))
