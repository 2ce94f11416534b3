"""Make a reader's log odds and logits match how often it is right on validation pages.

The log odds of centres are divided by a temperature and shifted, which is logistic regression on
whether a symbol is where one was found (J. Platt, "Probabilistic outputs for support vector
machines", 1999); the symbols' logits are divided by a temperature.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from digits.reader.looks import look_around
from digits.reader.peaks import MapsFn
from digits.reader.suppression import settle, suppress
from digits_export.reader_graph import UNSCALED, MapScaling
from digits_export.temperature import MAX_TEMPERATURE, MIN_TEMPERATURE, minimize
from digits_train.matching import Found, LabelledPage

_MAX_SHIFT = 5.0
# A fit changes which peaks are seen at all, and how the looks at a page are weighted.
_ROUNDS = 2


class Detections(NamedTuple):
    """What was found on all pages.

    scores: float64 [n], log odds. logits: float64 [n, 12]. labels: int64 [n], the true symbol, or
    -1 where there is none.
    """

    scores: Tensor
    logits: Tensor
    labels: Tensor


def fit_scaling(pages: Sequence[LabelledPage], maps: MapsFn) -> MapScaling:
    """Fit the calibration on what uncalibrated maps show of pages.

    The temperatures are clamped to 0.2-5; in each round, the shift to 5. What can't be fitted,
    because all or nothing was right, stays as it is.
    """
    scaling = UNSCALED
    for _ in range(_ROUNDS):
        scaling = _refine(scaling, pages, maps)
    return scaling


def _refine(scaling: MapScaling, pages: Sequence[LabelledPage], maps: MapsFn) -> MapScaling:
    """Correct what maps show that are calibrated as far as this scaling does."""
    detections = detect(pages, lambda page: scaling.apply(*maps(page)))
    right = detections.labels >= 0
    temperature, centre_temperature, shift = UNSCALED
    if right.any() and not right.all():
        centre_temperature, shift = fit_centres(detections.scores, right)
    if right.any():
        temperature = fit_symbols(detections.logits[right], detections.labels[right])
    product = scaling.temperature * temperature
    return MapScaling(
        min(max(product, MIN_TEMPERATURE), MAX_TEMPERATURE),
        scaling.centre_temperature * centre_temperature,
        scaling.centre_shift / centre_temperature + shift,
    )


def detect(pages: Sequence[LabelledPage], maps: MapsFn) -> Detections:
    """Find all that may be a digit, as `read_page` does before it decides."""
    scores, logits, labels = [np.zeros(0)], [np.zeros((0, 12))], [np.zeros(0, np.int64)]
    for page in pages:
        hypotheses = settle(suppress(look_around(page.pixels, maps)))
        hypotheses = hypotheses.select(hypotheses.are_digits)
        surest = hypotheses.select(np.argsort(-hypotheses.scores, kind="stable"))
        boxes = Found(surest.boxes.astype(np.float32), surest.symbols.argmax(1))
        partners = page.match(boxes).partners
        scores.append(surest.scores)
        logits.append(surest.symbols)
        labels.append(np.append(page.digits, -1)[np.maximum(partners, -1)])
    parts = (torch.from_numpy(np.concatenate(arrays)) for arrays in (scores, logits, labels))
    return Detections(*parts)


def fit_centres(scores: Tensor, right: Tensor) -> tuple[float, float]:
    """Fit the temperature and the shift of log odds. scores: float64 [n]. right: bool [n]."""
    parameters = torch.zeros(2, dtype=torch.float64, requires_grad=True)

    def loss() -> Tensor:
        scaled = scores / _temperature(parameters[0]) + parameters[1].clamp(-_MAX_SHIFT, _MAX_SHIFT)
        return binary_cross_entropy_with_logits(scaled, right.double())

    minimize(parameters, loss)
    shift = parameters[1].detach().clamp(-_MAX_SHIFT, _MAX_SHIFT)
    return _temperature(parameters[0].detach()).item(), shift.item()


def fit_symbols(logits: Tensor, labels: Tensor) -> float:
    """Fit the temperature of logits. logits: float64 [n, classes]. labels: int64 [n]."""
    parameters = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    minimize(parameters, lambda: cross_entropy(logits / _temperature(parameters[0]), labels))
    return _temperature(parameters[0].detach()).item()


def _temperature(logarithm: Tensor) -> Tensor:
    return logarithm.exp().clamp(MIN_TEMPERATURE, MAX_TEMPERATURE)
