"""Fit how certain numbers are that a recognizer reads, alone and with a second opinion."""

import math
from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
import scipy.optimize

from digits.reader.decode import Calibration, TextScores, likeliest, score_texts
from digits.reader.looks import NetworkOutputs, OpinionFn, RecognizeFn
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
    second_opinion: OpinionFn | None = None,
) -> Iterator[LabelledScores]:
    """What is read of the whole numbers on pages, and what is written there.

    pages: with a number a line. How likely a number is whole is calibrated apart.
    """
    for page in track(pages, len(pages), "reading numbers"):
        numbers = find_numbers(maps, recognize, page.pixels, second_opinion)
        for views in chain.from_iterable(numbers):
            if text := _whole_number_in(page, views):
                yield score_texts(views), text


def _whole_number_in(page: LabelledPage, views: NetworkOutputs) -> str:
    """The number that is in a region with all its digits; empty if there is none, or a part."""
    lines = page.text.split()
    line_of_digit = np.repeat(np.arange(len(lines)), [sum(map(str.isdigit, n)) for n in lines])
    x, y = (page.truth.boxes[:, :2] + page.truth.boxes[:, 2:]).T / 2
    left, top, right, bottom = views.region.bounds
    inside = (left < x) & (x < right) & (top < y) & (y < bottom)
    seen = {*line_of_digit[inside]}
    is_whole = len(seen) == 1 and inside.sum() == np.isin(line_of_digit, [*seen]).sum()
    return lines[seen.pop()] if is_whole else ""


def fit_calibration(numbers: Sequence[LabelledScores], weight: float = 0.0) -> Calibration:
    """How certain the numbers are that are read. weight: of a second opinion."""
    others, right = list[float](), list[bool]()
    for scores, text in numbers:
        shares = scores.shares(weight)
        if read := likeliest(shares):
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
