"""Fit how much the detector and the recognizer count where they read the same numbers.

Logarithmic opinion pools are fitted as logistic regression is: by the likelihood of what is written
(T. Heskes, "Selecting weighting factors in logarithmic opinion pools", 1998).
"""

import math
from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
import scipy.optimize

from digits.reader.numbers import has_digit, likeliest
from digits.reader.opinions import Opinions, PooledOpinion, Weights, opinions_of
from digits.reader.pyramid import MapsFn
from digits.reader.reading import RecognizeFn, find_numbers
from digits.terminal import track
from digits_export.temperature import fit_log_odds
from digits_train.camera.crops import Crop
from digits_train.symbols import LabelledPage

_START = Weights(0.5, 0.8, 0.01, 0.01)
_BOUNDS = (0.01, 10.0), (0.01, 10.0), (1e-6, 0.3), (1e-6, 0.3)
_MIN_PROBABILITY = 1e-6  # probability of a text that neither network finds likely

LabelledOpinions = tuple[Opinions, str]  # what both networks say of a number; what is written


def read_pages(
    maps: MapsFn, recognize: RecognizeFn, pages: Sequence[LabelledPage]
) -> Iterator[LabelledOpinions]:
    """What both networks say of the numbers on pages, and what is written there.

    pages: with a number a line. Where no digit is, the text is empty; what is in two lines is left
    out.
    """
    for page in track(pages, len(pages), "reading numbers"):
        lines = page.text.split()
        digits = [sum(map(str.isdigit, line)) for line in lines]
        line_of_digit = np.repeat(np.arange(len(lines)), digits)
        x, y = (page.truth.boxes[:, :2] + page.truth.boxes[:, 2:]).T / 2
        for views in chain.from_iterable(find_numbers(maps, recognize, page.pixels)):
            left, top, right, bottom = views.box
            inside = (left < x) & (x < right) & (top < y) & (y < bottom)
            written = {lines[line] for line in line_of_digit[inside]}
            if len(written) < 2:
                yield opinions_of(views), "".join(written)


def read_crops(
    maps: MapsFn, recognize: RecognizeFn, crops: Sequence[Crop]
) -> Iterator[LabelledOpinions]:
    """The same of crops, as if each were a page, in which they see one number."""
    for crop in track(crops, len(crops), "reading crops"):
        numbers = [*chain.from_iterable(find_numbers(maps, recognize, crop.pixels))]
        if len(numbers) == 1:
            yield opinions_of(numbers[0]), crop.text


def fit_weights(pages: Sequence[LabelledOpinions], crops: Sequence[LabelledOpinions]) -> Weights:
    """The weights for which what is written is likeliest, calibrated on the pages alone.

    The crops are of worse paper than most: they say whom to believe, not how surely.
    """

    def loss(logarithms: Sequence[float]) -> float:
        return _loss([*pages, *crops], Weights(*map(math.exp, logarithms)))

    bounds = np.log(_BOUNDS)
    fitted = scipy.optimize.minimize(loss, np.log(_START[:4]), method="Nelder-Mead", bounds=bounds)
    weights = Weights(*(float(value) for value in np.exp(fitted.x)))
    pools = [(opinions.pool(weights), text) for opinions, text in pages]
    likely = [(likeliest(pool.texts), pool, text) for pool, text in pools]
    likely = [numbered for numbered in likely if has_digit(numbered[0])]
    shares = np.array([pool.texts[read] / pool.total for read, pool, _ in likely])
    right = np.array([read == text for read, _, text in likely])
    temperature, shift = fit_log_odds(-np.log((1 - shares).clip(_MIN_PROBABILITY)), right)
    return weights._replace(number_temperature=temperature, number_shift=shift)


def _loss(numbers: Sequence[LabelledOpinions], weights: Weights) -> float:
    return -sum(_log_probability(opinions.pool(weights), text) for opinions, text in numbers)


def _log_probability(pool: PooledOpinion, text: str) -> float:
    weight = pool.texts.get(text, _MIN_PROBABILITY * pool.other_weight)
    return math.log(max(weight / pool.total, _MIN_PROBABILITY))
