"""Make confidence match accuracy: temperature scaling, and the rejection threshold."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from digits.data.mnist import Split
from digits_train.models.network import NONE, probabilities, with_none

# The share of real digits that may be rejected: a little less than the 1 % that a user would
# forgive. Going from 0.5 to 0.8 % also rejects one in five of the letters accepted as digits.
REJECTION_RATE = 0.008

# A network that has memorized the digits would drive the temperature to zero.
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.2, 5.0

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

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return float32 [n, 10] for logits [n, 10]."""
        return probabilities(logits / self.temperature, self.none_logit)


UNSCALED = TemperatureScaling()


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
    logits: Tensor, split: Split, outliers: Tensor | None = None
) -> TemperatureScaling:
    """Minimize cross-entropy, assuming that one image in eleven is an outlier.

    logits: float32 [n, 10] of the validation digits in `split`. outliers: logits of images without
    a digit, for a network trained to recognize them. The temperature is clamped to 0.2-5. See
    C. Guo et al., "On calibration of modern neural networks" (ICML 2017).
    """
    labels = torch.from_numpy(split.labels.astype(np.int64))
    parameters = torch.zeros(2, dtype=torch.float64, requires_grad=True)

    def loss_of(some: Tensor, classes: Tensor) -> Tensor:
        digits = some.double() / parameters[0].exp().clamp(MIN_TEMPERATURE, MAX_TEMPERATURE)
        none = parameters[1] if outliers is not None else torch.zeros(())
        return cross_entropy(torch.cat([digits, none.expand(len(some), 1)], 1), classes)

    def loss() -> Tensor:
        digits = loss_of(logits, labels)
        if outliers is None:
            return digits
        return digits + _OUTLIER_PRIOR * loss_of(outliers, torch.full((len(outliers),), NONE))

    minimize(parameters, loss)
    log_temperature, none_logit = parameters.detach()
    temperature = log_temperature.exp().clamp(MIN_TEMPERATURE, MAX_TEMPERATURE)
    return TemperatureScaling(temperature.item(), none_logit.item())


def minimize(parameters: Tensor, loss: Callable[[], Tensor]) -> None:
    """Change the parameters to where the loss is least."""
    optimizer = torch.optim.LBFGS([parameters], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(closure)  # type: ignore[no-untyped-call]


def rejection_threshold(confidences: NDArray[np.float32], rate: float) -> float:
    """Return the confidence that all but a rate of these reach. confidences: [n], n > 0."""
    # Rounded down, so that rounding never rejects one that reached it.
    return math.floor(1e4 * float(np.quantile(confidences, rate))) / 1e4
