"""A check of the probabilities that a network outputs."""

import numpy as np
from numpy.typing import NDArray

# A hundred times the precision of float32, for sums of ten.
_ROUNDING = 100 * 2.0**-23


def are_probabilities(rows: NDArray[np.float32]) -> bool:
    """Whether each row of [n, k] is finite, not negative and sums to 1."""
    with np.errstate(all="ignore"):  # infinities
        furthest = np.abs(rows.sum(1) - 1).max(initial=0)
    return bool(rows.min(initial=0) >= 0 and furthest <= _ROUNDING)  # as NaN is not
