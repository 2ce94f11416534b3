"""Make a reader's log odds and logits match how often it is right on validation pages.

The log odds of centres are divided by a temperature and shifted, which is logistic regression on
whether a symbol is where one was found (J. Platt, "Probabilistic outputs for support vector
machines", 1999); the symbols' logits are divided by a temperature.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from digits.reader.looks import look_around
from digits.reader.peaks import Map, MapsFn
from digits.reader.suppression import settle, suppress
from digits_export.reader_graph import UNSCALED, MapScaling
from digits_train.matching import Found, LabelledPage

_MIN_TEMPERATURE, _MAX_TEMPERATURE = 0.2, 5.0
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
        scaling = _combine(scaling, _fit(pages, _scaled(maps, scaling)))
    return scaling


def _scaled(maps: MapsFn, scaling: MapScaling) -> MapsFn:
    def scaled(page: NDArray[np.uint8]) -> tuple[Map, Map, Map]:
        centres, symbols, boxes = maps(page)
        centres = centres / scaling.centre_temperature + scaling.centre_shift
        return centres.astype(np.float32), symbols / np.float32(scaling.temperature), boxes

    return scaled


def _combine(first: MapScaling, second: MapScaling) -> MapScaling:
    """One scaling after the other."""
    product = first.temperature * second.temperature
    return MapScaling(
        min(max(product, _MIN_TEMPERATURE), _MAX_TEMPERATURE),
        first.centre_temperature * second.centre_temperature,
        first.centre_shift / second.centre_temperature + second.centre_shift,
    )


def _fit(pages: Sequence[LabelledPage], maps: MapsFn) -> MapScaling:
    found = detect(pages, maps)
    right = found.labels >= 0
    scaling = UNSCALED
    if right.any() and not right.all():
        temperature, shift = fit_centres(found.scores, right)
        scaling = scaling._replace(centre_temperature=temperature, centre_shift=shift)
    if right.any():
        temperature = fit_symbols(found.logits[right], found.labels[right])
        scaling = scaling._replace(temperature=temperature)
    return scaling


def detect(pages: Sequence[LabelledPage], maps: MapsFn) -> Detections:
    """Find all that may be a digit, as `read_page` does before it decides."""
    scores, logits, labels = [np.zeros(0)], [np.zeros((0, 12))], [np.zeros(0, np.int64)]
    for page in pages:
        found = settle(suppress(look_around(page.pixels, maps)))
        found = found.select(found.are_digits)
        surest = found.select(np.argsort(-found.scores, kind="stable"))
        boxes = Found(surest.boxes.astype(np.float32), surest.symbols.argmax(1))
        partners = page.match(boxes).partners
        scores.append(surest.scores)
        logits.append(surest.symbols)
        labels.append(
            np.array([page.digits[place] if place >= 0 else -1 for place in partners], int)
        )
    parts = (torch.from_numpy(np.concatenate(arrays)) for arrays in (scores, logits, labels))
    return Detections(*parts)


def fit_centres(scores: Tensor, right: Tensor) -> tuple[float, float]:
    """Fit the temperature and the shift of log odds. scores: float64 [n]. right: bool [n]."""
    parameters = torch.zeros(2, dtype=torch.float64, requires_grad=True)

    def loss() -> Tensor:
        scaled = scores / _temperature(parameters[0]) + parameters[1].clamp(-_MAX_SHIFT, _MAX_SHIFT)
        return binary_cross_entropy_with_logits(scaled, right.double())

    _minimize(parameters, loss)
    shift = parameters[1].detach().clamp(-_MAX_SHIFT, _MAX_SHIFT)
    return _temperature(parameters[0].detach()).item(), shift.item()


def fit_symbols(logits: Tensor, labels: Tensor) -> float:
    """Fit the temperature of logits. logits: float64 [n, classes]. labels: int64 [n]."""
    parameters = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    _minimize(parameters, lambda: cross_entropy(logits / _temperature(parameters[0]), labels))
    return _temperature(parameters[0].detach()).item()


def _temperature(logarithm: Tensor) -> Tensor:
    return logarithm.exp().clamp(_MIN_TEMPERATURE, _MAX_TEMPERATURE)


def _minimize(parameters: Tensor, loss: Callable[[], Tensor]) -> None:
    optimizer = torch.optim.LBFGS([parameters], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(closure)  # type: ignore[no-untyped-call]
