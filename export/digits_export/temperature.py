"""Make confidence match accuracy: temperature scaling, and the rejection threshold."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.optimize
import scipy.special
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from digits_train.models.network import NONE, with_none

Floats = NDArray[np.float64]

# The share of real digits that may be rejected: a little less than the 1 % that a user would
# forgive. Going from 0.5 to 0.8 % also rejects one in five of the letters accepted as digits.
REJECTION_RATE = 0.008

# A network that has memorized the digits would drive the temperature to zero.
TEMPERATURES = 0.2, 5.0
_SHIFTS = -5.0, 5.0

# Outliers per digit. People mostly send digits. With equal weights, the confidence of digits is
# 0.6 points below their accuracy instead of 0.25, and 9 to 10 % of the outliers pass instead of 12.
_OUTLIER_PRIOR = 0.1


class TemperatureScaling(NamedTuple):
    """How logits become probabilities.

    temperature: divides the digits' logits. none_logit: the logit of "no digit", see
    `network.with_none`.
    """

    temperature: float = 1.0
    none_logit: float = 0.0


class CalibratedClassifier(nn.Module):
    """A network and its calibration as what is exported: probabilities, float32 [n, 10].

    Two products do what `TemperatureScaling` describes: the first scales the logits and adds that
    of no digit, the second adds a tenth of its probability to each digit.
    """

    def __init__(self, network: nn.Module, scaling: TemperatureScaling) -> None:
        super().__init__()
        self.network = network
        self.calibration = nn.Linear(NONE, NONE + 1).requires_grad_(False)
        self.calibration.weight.copy_(torch.eye(NONE + 1, NONE) / scaling.temperature)
        self.calibration.bias.copy_(with_none(torch.zeros(NONE), scaling.none_logit))
        tenths = torch.full((1, NONE), 1 / NONE)
        self.register_buffer("shares", torch.cat([torch.eye(NONE), tenths]))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.calibration(self.network(images))
        return logits.softmax(1) @ self.get_buffer("shares")


def fit_temperature(
    logits: Floats, labels: NDArray[Any], outliers: Floats | None = None
) -> TemperatureScaling:
    """Assume that one image in eleven is an outlier.

    logits, labels: [n, 10] and [n], of the validation digits. outliers: logits of images without a
    digit, for a network trained to recognize them. The temperature is kept in TEMPERATURES. See
    C. Guo et al., "On calibration of modern neural networks" (ICML 2017).
    """
    digits = len(labels)
    weights, none_logits = np.ones(digits), (0.0, 0.0)
    if outliers is not None:
        none_logits, none = (-np.inf, np.inf), np.full(len(outliers), NONE)
        weights = np.append(weights, np.full(len(none), _OUTLIER_PRIOR * digits / len(none)))
        logits, labels = np.concatenate([logits, outliers]), np.append(labels, none)

    def scaled(parameters: Floats) -> Floats:
        temperature, none_logit = parameters
        return np.pad(logits / temperature, ((0, 0), (0, 1)), constant_values=none_logit)

    fitted = fit(scaled, labels, (1, 0), [TEMPERATURES, none_logits], weights)
    return TemperatureScaling(*fitted)


def fit(
    logits: Callable[[Floats], Floats],
    labels: NDArray[Any],
    start: Sequence[float],
    bounds: Sequence[tuple[float, float]],
    weights: Floats | None = None,
) -> list[float]:
    """Return the parameters for which the mean cross-entropy is least.

    logits: of the parameters, [n, classes]. labels, weights: [n]. bounds: of each parameter.
    """

    def loss(parameters: Floats) -> float:
        chosen = scipy.special.log_softmax(logits(parameters), 1)[np.arange(len(labels)), labels]
        return -float(np.average(chosen, weights=weights))

    fitted = scipy.optimize.minimize(loss, start, bounds=bounds, tol=1e-10)
    return [*map(float, fitted.x)]


def fit_log_odds(scores: Floats, right: NDArray[np.bool_]) -> list[float]:
    """Return the temperature and the shift of log odds, by logistic regression; 1 and 0 if all or
    none are right.

    See J. Platt, "Probabilistic outputs for support vector machines", 1999. scores, right: [n].
    """
    if right.all() or not right.any():
        return [1.0, 0.0]
    wrong = np.zeros_like(scores)  # whose logits are 0
    return fit(
        lambda parameters: np.stack([wrong, scores / parameters[0] + parameters[1]], 1),
        right.astype(int),
        (1, 0),
        [TEMPERATURES, _SHIFTS],
    )


def rejection_threshold(confidences: NDArray[np.float32], rate: float) -> float:
    """Return the confidence that all but a rate of these reach. confidences: [n], n > 0."""
    # Rounded down, so that rounding never rejects one that reached it.
    return math.floor(1e4 * float(np.quantile(confidences, rate))) / 1e4
