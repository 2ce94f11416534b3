"""Make the confidence mean what it says: the temperature, and the threshold for rejection."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from digits.data.mnist import Split

# The share of real digits that may be turned away: a little less than the 1 % that a user would
# forgive. From 0.5 to 0.8 %, one letter in five that were taken for digits is turned away, too.
REJECTED = 0.008

# Digits that the network knows by heart would drive the temperature to zero.
_LEAST, _MOST = 0.2, 5.0


def temperature(logits: Tensor, split: Split) -> float:
    """The number that the logits are divided by so that confidence matches accuracy.

    logits: float32 [n, 10] of the validation digits in `split`. Minimises their cross-entropy
    (C. Guo et al., "On calibration of modern neural networks", ICML 2017). From 0.2 to 5.
    """
    labels = torch.from_numpy(split.labels.astype(np.int64))
    log_temperature = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_temperature], max_iter=50, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = cross_entropy(logits.double() / log_temperature.exp(), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return log_temperature.detach().exp().clamp(_LEAST, _MOST).item()


def rejection_threshold(probabilities: NDArray[np.float32]) -> float:
    """The confidence that all but REJECTED of the validation digits reach.

    probabilities: float32 [n, 10] of the validation digits, calibrated.
    """
    # Rounded down, so that no digit that reached it is turned away.
    return math.floor(1e4 * float(np.quantile(probabilities.max(1), REJECTED))) / 1e4
