"""Make a reader's log odds and logits match how often it is right on validation pages.

The log odds of centres are divided by a temperature and shifted, which is logistic regression on
whether a symbol is where one was found (J. Platt, "Probabilistic outputs for support vector
machines", 1999); the symbols' logits are divided by a temperature. The runtime multiplies what they
say of digits with what the bundled classifier says, each with an exponent, and divides the log odds
of whole numbers by one more temperature: the digits of a number are easy or hard together.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from digits.constraints.constraints import Constraints
from digits.reader.classify import ClassifyFn, Weights, classify, cut_inks, evidence
from digits.reader.detections import DIGITS
from digits.reader.detections import Detections as PageDetections
from digits.reader.lattice import Arc
from digits.reader.numbers import read_number
from digits.reader.page import build_lattices, find_symbols
from digits.reader.pyramid import MapsFn
from digits.terminal import track
from digits_export.temperature import MAX_TEMPERATURE, MIN_TEMPERATURE, minimize
from digits_train.matching import DOUBTFUL, LabelledPage

_MAX_SHIFT = 5.0
# A fit changes which peaks are seen at all, and how the looks at a page are weighted.
_ROUNDS = 2
_TEMPERATURES = 65  # that are tried for whole numbers: steps of 5 %


A = TypeVar("A", Tensor, NDArray[np.float32])


class MapScaling(NamedTuple):
    """How the maps become calibrated.

    temperature: divides the symbols' logits. centre_temperature: divides the centres' log odds.
    centre_shift: is then added to them.
    """

    temperature: float = 1.0
    centre_temperature: float = 1.0
    centre_shift: float = 0.0

    def apply(self, centres: A, symbols: A, boxes: A) -> tuple[A, A, A]:
        """Calibrate maps, which are tensors or arrays of float32."""
        return (
            centres / self.centre_temperature + self.centre_shift,
            symbols / self.temperature,
            boxes,
        )


UNSCALED = MapScaling()


class CalibratedReader(nn.Module):
    """A reader and its calibration as what is exported."""

    def __init__(self, network: nn.Module, scaling: MapScaling) -> None:
        super().__init__()
        self.network, self._scaling = network, scaling

    def forward(self, pages: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self._scaling.apply(*self.network(pages))


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


class Seen(NamedTuple):
    """A page, and where calibrated maps show symbols on it."""

    page: LabelledPage
    detections: PageDetections


def see(pages: Sequence[LabelledPage], maps: MapsFn) -> list[Seen]:
    """Find the symbols of pages. maps: calibrated."""
    tracked = track(pages, len(pages), "reading numbers")
    return [Seen(page, find_symbols(page.pixels, maps)) for page in tracked]


def fit_weights(seen: Sequence[Seen], classify_inks: ClassifyFn) -> Weights:
    """Fit how much either network counts for which digit one is, by those whose label is known."""
    parts, labels = [], []
    for page, symbols in seen:
        detections, truth = _label(page, symbols)
        inks = cut_inks(page.pixels, detections.boxes)
        usable = [index for index, ink in enumerate(inks) if ink.size and truth[index] >= 0]
        if usable:
            answers = classify_inks([inks[index] for index in usable])
            parts.append(evidence(detections.symbols[usable, :DIGITS], answers))
            labels.append(truth[usable])
    if not parts:
        return Weights(0.5, 0.5)
    given = torch.from_numpy(np.concatenate(parts, 1))
    wanted = torch.from_numpy(np.concatenate(labels))
    logarithms = torch.full((2, 1, 1), -0.5, dtype=torch.float64, requires_grad=True)
    minimize(logarithms, lambda: cross_entropy((logarithms.exp() * given).sum(0), wanted))
    return Weights(*logarithms.detach().exp().flatten().tolist())


def fit_number_temperature(
    seen: Sequence[Seen], classify_inks: ClassifyFn, weights: Weights
) -> float:
    """Fit the temperature of whole numbers: the likeliest one, given which are right.

    seen: pages with a number a line. 1 where all or nothing is right.
    """
    lattices: list[list[Arc]] = []
    right: list[bool] = []
    for page, detections in seen:
        lines = classify(build_lattices(detections), page.pixels, classify_inks, weights)
        written = page.text.split()
        columns = [column for line in lines for column in line]
        if len(columns) == len(written):  # or it isn't known which is which
            lattices += columns
            texts = [read_number(column, Constraints(), 1.0).text for column in columns]
            right += [text == truth for text, truth in zip(texts, written, strict=True)]

    def loss(temperature: float) -> float:
        readings = (read_number(lattice, Constraints(), temperature) for lattice in lattices)
        given = np.array([reading.probability for reading in readings]).clip(1e-6, 1 - 1e-6)
        return float(-np.log(np.where(right, given, 1 - given)).sum())

    if all(right) or not any(right):
        return 1.0
    candidates = np.geomspace(MIN_TEMPERATURE, MAX_TEMPERATURE, _TEMPERATURES)
    return float(min(track(candidates, len(candidates), "calibrating numbers"), key=loss))


def detect(pages: Sequence[LabelledPage], maps: MapsFn) -> Detections:
    """Find all that may be a digit, as `read_page` does before it decides."""
    scores, logits, labels = [np.zeros(0)], [np.zeros((0, 12))], [np.zeros(0, np.int64)]
    for page in track(pages, len(pages), "calibrating symbols"):
        surest, truth = _label(page, find_symbols(page.pixels, maps))
        scores.append(surest.scores)
        logits.append(surest.symbols)
        labels.append(truth)
    parts = (torch.from_numpy(np.concatenate(arrays)) for arrays in (scores, logits, labels))
    return Detections(*parts)


def _label(
    page: LabelledPage, detections: PageDetections
) -> tuple[PageDetections, NDArray[np.int64]]:
    """What may be digits and isn't doubtful, the surest first; the true digit of each, or -1."""
    digits = detections.select(detections.are_digits)
    surest = digits.select(np.argsort(-digits.scores, kind="stable"))
    partners = page.match(surest.boxes, surest.symbols.argmax(1)).partners
    known = partners != DOUBTFUL
    return surest.select(known), np.append(page.truth.symbols, -1)[partners[known]]


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
