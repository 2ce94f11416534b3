"""Make a detector's log odds and logits match how often it is right on validation pages.

The log odds of centres are divided by a temperature and shifted, which is logistic regression on
whether a symbol is where one was found (J. Platt, "Probabilistic outputs for support vector
machines", 1999); the symbols' logits are divided by a temperature.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from digits.reader.detections import Detections, concatenate
from digits.reader.page import find_symbols
from digits.reader.pyramid import MapsFn
from digits.terminal import track
from digits_export.temperature import TEMPERATURES, fit, fit_log_odds
from digits_train.symbols import DOUBTFUL, LabelledPage, Match

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


def match_digits(page: LabelledPage, detections: Detections) -> tuple[Detections, Match]:
    """The detected digits, the surest first, and which of the page's symbols they are."""
    digits = detections.select(detections.are_digits)
    surest = digits.select(np.argsort(-digits.scores, kind="stable"))
    return surest, page.match(surest.boxes, surest.symbols.argmax(1))


def labelled_detections(
    page: LabelledPage, maps: MapsFn, scaling: MapScaling = UNSCALED
) -> tuple[Detections, Labels]:
    """What may be digits by calibrated maps and isn't doubtful, the surest first.

    And the true symbols there, or -1.
    """
    detections = find_symbols(page.pixels, lambda pixels: scaling.apply(*maps(pixels)))
    surest, matched = match_digits(page, detections)
    counted = matched.partners != DOUBTFUL
    return surest.select(counted), np.append(page.truth.symbols, -1)[matched.partners[counted]]


def fit_scaling(pages: Sequence[LabelledPage], maps: MapsFn) -> MapScaling:
    """Fit the calibration on what uncalibrated maps show of pages.

    The temperatures are kept in TEMPERATURES; in each round, the shift within 5. What can't be
    fitted, because all or nothing was right, stays as it is.
    """
    scaling = UNSCALED
    for _ in range(_ROUNDS):
        tracked = track(pages, len(pages), "calibrating")
        labelled = [labelled_detections(page, maps, scaling) for page in tracked]
        labels = np.concatenate([np.zeros(0, np.int64), *(truth for _, truth in labelled)])
        right = labels >= 0
        if not right.any():
            break
        detections = concatenate([digits for digits, _ in labelled])
        divided = partial(np.divide, detections.symbols[right])
        [temperature] = fit(divided, labels[right], [1], [TEMPERATURES])
        centre_temperature, shift = fit_log_odds(detections.scores, right)
        scaling = MapScaling(
            float(np.clip(scaling.temperature * temperature, *TEMPERATURES)),
            scaling.centre_temperature * centre_temperature,
            scaling.centre_shift / centre_temperature + shift,
        )
    return scaling
