"""Make the confidence mean what it says: the temperature, and the threshold for rejection."""

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from digits.data.mnist import Split
from digits_train.models.network import NONE, probabilities

# The share of real digits that may be turned away: a little less than the 1 % that a user would
# forgive. From 0.5 to 0.8 %, one letter in five that were taken for digits is turned away, too.
REJECTED = 0.008

# Digits that the network knows by heart would drive the temperature to zero.
_LEAST, _MOST = 0.2, 5.0

# Pictures of no digit for each digit that is read. People mostly send digits. With as many of both
# the digits' own confidence lies 0.6 points below their accuracy instead of 0.25, and of what is no
# digit 9 to 10 instead of 12 % pass.
_OUTLIER_PRIOR = 0.1


class Calibration(NamedTuple):
    """How logits become probabilities. none_logit: that of no digit, see `network.with_none`."""

    temperature: float = 1.0  # which the digits' logits are divided by
    none_logit: float = 0.0

    def probabilities(self, logits: Tensor) -> Tensor:
        """float32 [n, 10] of logits [n, 10]."""
        return probabilities(logits / self.temperature, self.none_logit)


UNCALIBRATED = Calibration()


def calibrate(logits: Tensor, split: Split, outliers: Tensor | None = None) -> Calibration:
    """Let confidence match accuracy, where one picture in eleven is no digit.

    logits: float32 [n, 10] of the validation digits in `split`. outliers: those of other pictures,
    for a network that has learnt what is no digit. Minimises the cross-entropy (C. Guo et al., "On
    calibration of modern neural networks", ICML 2017). The temperature is from 0.2 to 5.
    """
    labels = torch.from_numpy(split.labels.astype(np.int64))
    found = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([found], max_iter=100, line_search_fn="strong_wolfe")

    def loss_of(some: Tensor, classes: Tensor) -> Tensor:
        digits = some.double() / found[0].exp().clamp(_LEAST, _MOST)
        none = found[1] if outliers is not None else torch.zeros(())
        return cross_entropy(torch.cat([digits, none.expand(len(some), 1)], 1), classes)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = loss_of(logits, labels)
        if outliers is not None:
            nothing = torch.full((len(outliers),), NONE)
            loss = loss + _OUTLIER_PRIOR * loss_of(outliers, nothing)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    log_temperature, none_logit = found.detach()
    return Calibration(log_temperature.exp().clamp(_LEAST, _MOST).item(), none_logit.item())


def rejection_threshold(probabilities: NDArray[np.float32]) -> float:
    """The confidence that all but REJECTED of the validation digits reach.

    probabilities: float32 [n, 10] of the validation digits, calibrated.
    """
    # Rounded down, so that no digit that reached it is turned away.
    return math.floor(1e4 * float(np.quantile(probabilities.max(1), REJECTED))) / 1e4
