"""Two ways to compute the same, such as PyTorch and onnxruntime, or one process and two.

Each processor sums in an order of its own, so they differ by rounding: by a share of the largest
value, and after a training by a share of what it has changed.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

MAX_DIFFERENCE = 1e-4  # of the largest value, as the exporter allows a reader


def assert_agree(actual: npt.ArrayLike, expected: npt.ArrayLike) -> None:
    """Check that they differ by no more than MAX_DIFFERENCE."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() <= MAX_DIFFERENCE * np.abs(expected).max()


def distance(first: "dict[str, Tensor]", second: "dict[str, Tensor]") -> float:
    """Between the weights of two networks: the norm of their difference."""
    parts = [(weight.double() - second[name]).norm().item() for name, weight in first.items()]
    return float(np.linalg.norm(parts))
