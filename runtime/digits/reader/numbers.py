"""The number that both networks see: its likeliest text, and how likely that is as a whole."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from digits.constraints.automaton import accepts_text
from digits.constraints.constraints import Constraints
from digits.reader.opinions import Views, Weights, opinions_of

# The share of numbers that break the constraints that they should satisfy: slips of the pen, and
# other things on the page. With 0, an allowed number would be found in every scribble.
VIOLATION_RATE = 0.01


class NumberReading(NamedTuple):
    """What is read.

    text: the likeliest text that satisfies the constraints; the likeliest of all if a number that
    breaks them is likelier; empty where there is rather no number.
    probability: that the text is right as a whole, 0 to 1.
    texts: the probabilities of the likeliest texts that satisfy the constraints.
    unconstrained_texts: those of the likeliest texts, whether or not they satisfy the constraints;
        the empty text means no number.
    satisfies: whether the text satisfies the constraints.
    is_disputed: whether a person has to look at it in any case.
    """

    text: str
    probability: float
    texts: Mapping[str, float]
    unconstrained_texts: Mapping[str, float]
    satisfies: bool = True
    is_disputed: bool = False

    @property
    def unconstrained(self) -> str:
        """The likeliest text, whether or not it satisfies the constraints."""
        return likeliest(self.unconstrained_texts)

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
    with_digits = {text: weight for text, weight in pool.texts.items() if has_digit(text)}
    numbers = pool._replace(texts=with_digits)
    satisfying = numbers
    if constraints:
        satisfying = opinions_of(views, constraints.automaton, opinions).pool(weights)
    unconstrained_texts = _probabilities(pool.texts, pool.total, weights)
    text, blank = likeliest(satisfying.texts), pool.total - numbers.total
    violation_rate = VIOLATION_RATE * constraints.share(text) if text else 1.0
    violating = violation_rate * max(numbers.total - satisfying.total, 0.0)
    total = satisfying.total + violating + blank
    if 2 * blank > total:
        return NumberReading("", blank / total, {}, unconstrained_texts, False)
    if not text or satisfying.total <= violating:
        return NumberReading(likeliest(numbers.texts), 0.0, {}, unconstrained_texts, False)
    texts, has_two_values = _probabilities(satisfying.texts, total, weights), False
    if re.fullmatch(r"-?[1-9][0-9]{0,2}\.[0-9]{3}", text):  # 3.200 may be 3200, if that is allowed
        has_two_values = accepts_text(constraints.automaton, text.replace(".", ""))
    return NumberReading(text, texts[text], texts, unconstrained_texts, True, has_two_values)


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
