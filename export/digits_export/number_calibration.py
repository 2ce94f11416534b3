"""Fit how certain numbers are that a recognizer reads, alone and with a second opinion."""

import math
from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
import scipy.optimize

from digits.reader.decode import Calibration, TextScores, likeliest, score_texts
from digits.reader.looks import NetworkOutputs, RecognizeFn
from digits.reader.pyramid import MapsFn
from digits.reader.read_page import find_numbers
from digits.terminal import track
from digits_export.temperature import fit_log_odds
from digits_train.symbols import LabelledPage

_MIN_PROBABILITY = 1e-6  # of a text that no look finds likely
_WEIGHTS = 0.1, 10.0  # of a second opinion

LabelledScores = tuple[TextScores, str]  # of a number; what is written


def read_pages(
    maps: MapsFn,
    recognize: RecognizeFn,
    pages: Sequence[LabelledPage],
    second_opinion: RecognizeFn | None = None,
) -> Iterator[LabelledScores]:
    """What is read of the numbers on pages, and what is written there.

    pages: with a number a line. Where no digit is, the text is empty; what is in two lines is left
    out.
    """
    for page in track(pages, len(pages), "reading numbers"):
        numbers = find_numbers(maps, recognize, page.pixels, second_opinion)
        for views in chain.from_iterable(numbers):
            written = _written_in(page, views)
            if len(written) < 2:
                yield score_texts(views), "".join(written)


def _written_in(page: LabelledPage, views: NetworkOutputs) -> set[str]:
    """The numbers with a digit in a region."""
    lines = page.text.split()
    line_of_digit = np.repeat(np.arange(len(lines)), [sum(map(str.isdigit, n)) for n in lines])
    x, y = (page.truth.boxes[:, :2] + page.truth.boxes[:, 2:]).T / 2
    left, top, right, bottom = views.region.bounds
    inside = (left < x) & (x < right) & (top < y) & (y < bottom)
    return {lines[line] for line in line_of_digit[inside]}


def fit_calibration(numbers: Sequence[LabelledScores], weight: float = 0.0) -> Calibration:
    """How certain the numbers are that are read. weight: of a second opinion."""
    others, right = list[float](), list[bool]()
    for scores, text in numbers:
        shares = scores.shares(weight)
        if (read := likeliest(shares)) and shares[""] < 0.5:
            others.append(1 - shares[read])
            right.append(read == text)
    surprise = -np.log(np.clip(others, _MIN_PROBABILITY, 1))
    temperature, shift = fit_log_odds(surprise, np.array(right))
    return Calibration(temperature, shift, weight)


def fit_second_opinion(numbers: Sequence[LabelledScores]) -> Calibration:
    """The weight with which what is written is likeliest, and the calibration with it."""

    def loss(logarithm: float) -> float:
        shares = (scores.shares(math.exp(logarithm)).get(text, 0.0) for scores, text in numbers)
        return -sum(math.log(max(share, _MIN_PROBABILITY)) for share in shares)

    bounds = np.log(_WEIGHTS)
    fitted = scipy.optimize.minimize_scalar(loss, bounds=bounds, method="bounded")
    return fit_calibration(numbers, math.exp(fitted.x))
