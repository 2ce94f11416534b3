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

    text: the likeliest text that satisfies the constraints; the likeliest of all if a number that
    breaks them is likelier; empty where there is rather no number.
    probability: that the text is right as a whole, 0 to 1.
    texts: the probabilities of the likeliest texts that satisfy the constraints.
    free: those of the likeliest texts without constraints; the empty text means no number.
    satisfies: whether the text satisfies the constraints.
    is_disputed: whether a person has to look at it in any case.
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
    pool = opinions.pool(weights)
    numbers = Pool({text: w for text, w in pool.texts.items() if has_digit(text)}, pool.rest)
    satisfying = numbers
    if constraints:
        satisfying = opinions_of(views, constraints.automaton, opinions).pool(weights)
    free = _probabilities(pool.texts, pool.total, weights)
    text, blank = likeliest(satisfying.texts), pool.total - numbers.total
    share_broken = BROKEN * constraints.share(text) if text else 1.0
    breaking = share_broken * max(numbers.total - satisfying.total, 0.0)
    total = satisfying.total + breaking + blank
    if 2 * blank > total:
        return NumberReading("", blank / total, {}, free, False)
    if not text or satisfying.total <= breaking:
        return NumberReading(likeliest(numbers.texts), 0.0, {}, free, False)
    texts = _probabilities(satisfying.texts, total, weights)
    return NumberReading(text, texts[text], texts, free)


def _probabilities(texts: Mapping[str, float], total: float, weights: Weights) -> dict[str, float]:
    """Make probabilities of weights: the likeliest text's is calibrated, the others' in proportion.

    total: the weight of all texts, these and others.
    """
    best = likeliest(texts)
    share = texts.get(best, 0.0) / total
    probability = weights.calibrated(share)
    scale = (1 - probability) / max(1 - share, 1e-9) / total
    scaled = {text: min(scale * weight, probability) for text, weight in texts.items()}
    return scaled | {best: probability} if texts else {}


def likeliest(texts: Mapping[str, float]) -> str:
    """The text with the largest probability or weight; empty if there are none."""
    return max(texts, key=texts.__getitem__, default="")


def has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))
