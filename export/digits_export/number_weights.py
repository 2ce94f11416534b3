"""Fit how much the detector and the recognizer count where they read the same numbers.

Logarithmic opinion pools are fitted as logistic regression is: by the likelihood of what is written
(T. Heskes, "Selecting weighting factors in logarithmic opinion pools", 1998).
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import scipy.optimize

from digits.reader.numbers import ANY_TEXT, Opinions, Weights, ask
from digits.reader.pyramid import MapsFn
from digits.reader.reading import RecognizeFn, find_numbers
from digits.terminal import track
from digits_train.matching import LabelledPage

_START = Weights(0.5, 0.8, 0.01)
_BOUNDS = (0.01, 10.0), (0.01, 10.0), (1e-6, 0.3)
_LEAST = 1e-6  # probability of a text that neither network finds likely


def read_opinions(
    maps: MapsFn, recognize: RecognizeFn, pages: Sequence[LabelledPage]
) -> Iterator[tuple[Opinions, str]]:
    """What both networks say of the numbers of pages, and what is written.

    pages: with a number a line. Those with more or fewer found are left out, as it isn't known
    which is which.
    """
    for page in track(pages, len(pages), "reading numbers"):
        found = [views for line in find_numbers(maps, recognize, page.pixels) for views in line]
        written = page.text.split()
        if len(found) == len(written):
            for views, text in zip(found, written, strict=True):
                yield ask(views, ANY_TEXT), text


def fit_weights(numbers: Sequence[tuple[Opinions, str]]) -> Weights:
    """The weights for which what is written is likeliest."""

    def loss(logarithms: Sequence[float]) -> float:
        weights = Weights(*map(math.exp, logarithms))
        return -sum(_log_probability(opinions, text, weights) for opinions, text in numbers)

    bounds = np.log(_BOUNDS)
    fitted = scipy.optimize.minimize(loss, np.log(_START), method="Nelder-Mead", bounds=bounds)
    return Weights(*(float(value) for value in np.exp(fitted.x)))


def _log_probability(opinions: Opinions, text: str, weights: Weights) -> float:
    pool = opinions.pool(weights)
    weight = pool.texts.get(text, _LEAST * pool.rest)
    return math.log(max(weight / pool.total, _LEAST))
