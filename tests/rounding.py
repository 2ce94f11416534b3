"""Two ways to compute the same, such as PyTorch and onnxruntime, or one process and two.

Each processor sums in an order of its own, so they differ by rounding: by a share of the largest
value, and after a training by a share of what it has changed.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from digits_export.verify import MAX_MAP_DIFFERENCE


def assert_agree(actual: npt.ArrayLike, expected: npt.ArrayLike) -> None:
    """Check that they differ by no more than the exporter allows."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() <= MAX_MAP_DIFFERENCE * np.abs(expected).max()


def distance(first: dict[str, Tensor], second: dict[str, Tensor]) -> float:
    """Between the weights of two networks: the norm of their difference."""
    parts = [(weight.double() - second[name]).norm() for name, weight in first.items()]
    return float(torch.stack(parts).norm())
