"""Shares with their confidence intervals, and how well confidences are calibrated."""

import math

import numpy as np
from numpy.typing import ArrayLike

_BINS = 15
_Z = 1.959964  # 95 % of a normal distribution lie within so many standard deviations


class Calibration:
    """Running totals of confidences (0 to 1) and of what was right."""

    def __init__(self, confidences: ArrayLike = (), right: ArrayLike = ()) -> None:
        self.total, self._gaps = 0, np.zeros(_BINS)
        self.add(confidences, right)

    def add(self, confidences: ArrayLike, right: ArrayLike) -> None:
        """Count n answers: their confidences, and whether each was right."""
        confidences = np.asarray(confidences, np.float64)
        bins = np.minimum((confidences * _BINS).astype(int), _BINS - 1)
        gaps = confidences - np.asarray(right, np.float64)
        self._gaps += np.bincount(bins, gaps, minlength=_BINS)
        self.total += len(confidences)

    @property
    def error(self) -> float:
        """The expected calibration error over 15 equal bins of confidence, 0 to 1.

        See C. Guo et al., "On calibration of modern neural networks", ICML 2017.
        """
        return ratio(float(np.abs(self._gaps).sum()), self.total)


def wilson_interval(share: float, n: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share of n (E. B. Wilson, JASA 22, 1927)."""
    if not n:
        return math.nan, math.nan
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    low, high = (round(end, 12) for end in (middle - half, middle + half))  # or 0 is 6e-17
    return max(low, 0.0), min(high, 1.0)


def ratio(numerator: float, denominator: float) -> float:
    """Divide; NaN by zero."""
    return float(numerator / denominator) if denominator else math.nan


def binomial_tail(errors: int, n: int, rate: float) -> float:
    """The probability of so many errors or fewer among n, each at a rate from 0 to 1."""
    log_choices = (
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(errors + 1)
    )
    right, odds = n * math.log1p(-rate), math.log(rate) - math.log1p(-rate)
    return math.fsum(math.exp(right + k * odds + log) for k, log in enumerate(log_choices))
