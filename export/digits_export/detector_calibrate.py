"""Make a detector's log odds and logits match how often it is right on validation pages.

The log odds of centres are divided by a temperature and shifted, which is logistic regression on
whether a symbol is where one was found (J. Platt, "Probabilistic outputs for support vector
machines", 1999); the symbols' logits are divided by a temperature. The runtime multiplies what they
say of digits with what the bundled classifier says, each with an exponent, and divides the log odds
of whole numbers by one more temperature: the digits of a number are easy or hard together.
"""

from collections.abc import Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import scipy.optimize
from numpy.typing import NDArray
from torch import Tensor, nn

from digits.constraints.constraints import Constraints
from digits.reader.classify import ClassifyFn, Weights, classify, cut_inks, evidence
from digits.reader.detections import DIGITS, Detections, concatenate
from digits.reader.lattice import Arc
from digits.reader.numbers import read_number
from digits.reader.page import build_lattices, find_symbols
from digits.reader.pyramid import MapsFn
from digits.terminal import progress_bar, track
from digits_export.temperature import TEMPERATURES, Floats, fit
from digits_train.matching import DOUBTFUL, LabelledPage

_SHIFTS = -5.0, 5.0
_WEIGHTS = 1e-3, 1e3  # that the runtime accepts
# A fit changes which peaks are seen at all, and how the looks at a page are weighted.
_ROUNDS = 2

Labels = NDArray[np.int64]


class MapScaling(NamedTuple):
    """How the maps become calibrated.

    temperature: divides the symbols' logits. centre_temperature: divides the centres' log odds.
    centre_shift: is then added to them.
    """

    temperature: float = 1.0
    centre_temperature: float = 1.0
    centre_shift: float = 0.0

    def apply(self, centres: Any, symbols: Any, boxes: Any) -> tuple[Any, Any, Any]:
        """Calibrate maps, which are tensors or arrays of float32."""
        log_odds = centres / self.centre_temperature + self.centre_shift
        return log_odds, symbols / self.temperature, boxes


UNSCALED = MapScaling()


class CalibratedDetector(nn.Module):
    """A detector and its calibration as what is exported."""

    def __init__(self, network: nn.Module, scaling: MapScaling) -> None:
        super().__init__()
        self.network, self._scaling = network, scaling

    def forward(self, pages: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self._scaling.apply(*self.network(pages))


class Seen(NamedTuple):
    """A page, and where calibrated maps show symbols on it."""

    page: LabelledPage
    detections: Detections

    def label(self) -> tuple[Detections, Labels]:
        """What may be digits and isn't doubtful, the surest first, and the true symbols, or -1."""
        digits = self.detections.select(self.detections.are_digits)
        surest = digits.select(np.argsort(-digits.scores, kind="stable"))
        partners = self.page.match(surest.boxes, surest.symbols.argmax(1)).partners
        known = partners != DOUBTFUL
        return surest.select(known), np.append(self.page.truth.symbols, -1)[partners[known]]


def see(pages: Sequence[LabelledPage], maps: MapsFn, scaling: MapScaling = UNSCALED) -> list[Seen]:
    """Find the symbols of pages, as `read_page` does before it decides."""
    tracked = track(pages, len(pages), "calibrating")
    return [
        Seen(page, find_symbols(page.pixels, lambda pixels: scaling.apply(*maps(pixels))))
        for page in tracked
    ]


def fit_scaling(pages: Sequence[LabelledPage], maps: MapsFn) -> MapScaling:
    """Fit the calibration on what uncalibrated maps show of pages.

    The temperatures are kept in TEMPERATURES; in each round, the shift within 5. What can't be
    fitted, because all or nothing was right, stays as it is.
    """
    scaling = UNSCALED
    for _ in range(_ROUNDS):
        labelled = [each.label() for each in see(pages, maps, scaling)]
        labels = np.concatenate([np.zeros(0, np.int64), *(truth for _, truth in labelled)])
        right = labels >= 0
        if not right.any():
            break
        detections = concatenate([digits for digits, _ in labelled])
        divided = partial(np.divide, detections.symbols[right])
        [temperature] = fit(divided, labels[right], [1], [TEMPERATURES])
        centre_temperature, shift = UNSCALED[1:]
        if not right.all():
            centre_temperature, shift = fit_centres(detections.scores, right)
        scaling = MapScaling(
            float(np.clip(scaling.temperature * temperature, *TEMPERATURES)),
            scaling.centre_temperature * centre_temperature,
            scaling.centre_shift / centre_temperature + shift,
        )
    return scaling


def fit_centres(scores: Floats, right: NDArray[np.bool_]) -> list[float]:
    """Fit the temperature and the shift of log odds. scores, right: [n]."""
    wrong = np.zeros_like(scores)  # whose logits are 0
    return fit(
        lambda parameters: np.stack([wrong, scores / parameters[0] + parameters[1]], 1),
        right.astype(int),
        (1, 0),
        [TEMPERATURES, _SHIFTS],
    )


def fit_weights(seen: Sequence[Seen], classify_inks: ClassifyFn) -> Weights:
    """Fit how much either network counts for which digit one is, by those whose label is known."""
    parts, labels = [], []
    for each in seen:
        detections, truth = each.label()
        inks = cut_inks(each.page.pixels, detections.boxes)
        usable = [index for index, ink in enumerate(inks) if ink.size and truth[index] >= 0]
        if usable:
            answers = classify_inks([inks[index] for index in usable])
            parts.append(evidence(detections.symbols[usable, :DIGITS], answers))
            labels.append(truth[usable])
    if not parts:
        return Weights(0.5, 0.5)
    combined = partial(np.tensordot, b=np.concatenate(parts, 1), axes=1)
    bounds = [_WEIGHTS, _WEIGHTS]
    return Weights(*fit(combined, np.concatenate(labels), (0.5, 0.5), bounds))


def fit_number_temperature(
    seen: Sequence[Seen], classify_inks: ClassifyFn, weights: Weights
) -> float:
    """Fit the temperature of whole numbers: the likeliest one, given which are right.

    seen: pages with a number a line. 1 where all or nothing is right.
    """
    numbers: list[tuple[list[Arc], str]] = []
    for page, detections in seen:
        lines = classify(build_lattices(detections), page.pixels, classify_inks, weights)
        columns, written = [*chain.from_iterable(lines)], page.text.split()
        if len(columns) == len(written):  # or it isn't known which is which
            numbers += zip(columns, written, strict=True)
    lattices = [lattice for lattice, _ in numbers]
    right = [read_number(lattice, Constraints(), 1.0).text == truth for lattice, truth in numbers]
    if all(right) or not any(right):
        return 1.0

    def loss(temperature: float) -> float:
        readings = (read_number(lattice, Constraints(), temperature) for lattice in lattices)
        given = np.array([reading.probability for reading in readings]).clip(1e-6, 1 - 1e-6)
        return float(-np.log(np.where(right, given, 1 - given)).sum())

    with progress_bar() as bar:
        bar.add_task("calibrating numbers", total=None)
        fitted = scipy.optimize.minimize_scalar(loss, bounds=TEMPERATURES, method="bounded")
    return float(fitted.x)
