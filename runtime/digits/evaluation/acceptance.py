"""Which numbers are accepted: those as probable as the user says, or as labelled ones show."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from digits.errors import DataError
from digits.evaluation.statistics import binomial_tail

_ALPHA = 0.05  # the significance level: 1 minus the confidence
_EPSILON = 2**-53  # 1 - _EPSILON is the largest float below 1


class RiskBound(NamedTuple):
    """At most a share `max_risk` of the accepted numbers is wrong, with 95 % confidence.

    max_errors: for `Reader.read`.
    numbers, accepted, errors: how many labelled numbers were read; how many of them are accepted;
        how many of these are wrong.
    """

    max_errors: float
    max_risk: float
    numbers: int
    accepted: int
    errors: int


def calibrate(probabilities: Sequence[float], right: Sequence[int], max_risk: float) -> RiskBound:
    """Accept as many numbers as possible, at most a share of them wrong.

    probabilities, right: of labelled numbers that are drawn from those to be read.
    max_risk: that share, above 0 and below 1.

    Raises DataError if the numbers are too few, or too many of them wrong.
    """
    ranked = sorted(zip(probabilities, right, strict=True), reverse=True)
    errors = accumulate(1 - is_right for _, is_right in ranked)
    curve = [(probability, count) for (probability, _), count in zip(ranked, errors, strict=True)]
    aim = f"show that at most {100 * max_risk:.3g}% are wrong"
    if (missing := minimum_sample_size(max_risk) - len(ranked)) > 0:
        raise DataError(
            f"{len(ranked):,} labelled numbers were read; to {aim} takes {missing:,} more"
        )
    if bound := _test(curve, max_risk):
        return bound
    risks = (float(f"{max_risk * 1.1**step:.2g}") for step in range(1, 200))
    possible = next((risk for risk in risks if risk < 1 and _test(curve, risk)), 1.0)
    raise DataError(
        f"these {len(ranked):,} numbers can't {aim}, but at most {100 * possible:.3g}%; more of"
        " them may, or a stronger constraint, such as a check digit"
    )


def _test(curve: Sequence[tuple[float, int]], max_risk: float) -> RiskBound | None:
    """Accept ever more numbers, the most probable first, until too many may be wrong.

    As the tests have a fixed order and end with the first failure, all are as sure as one (A. N.
    Angelopoulos et al., "Learn then Test", 2021). The first takes a quarter of the numbers: an
    error among the first few would end them.

    curve: falling probabilities, and the number of errors up to each.
    """
    passed, count = 0, max(minimum_sample_size(max_risk), len(curve) // 4)
    while count <= len(curve):
        # All that are as probable, too.
        count = bisect_right(curve, -curve[count - 1][0], key=lambda point: -point[0])
        if binomial_tail(curve[count - 1][1], count, max_risk) > _ALPHA:
            break
        passed, count = count, max(count + 1, min(math.ceil(1.05 * count), len(curve)))
    if not passed:
        return None
    probability, errors = curve[passed - 1]
    max_errors = min(max(1 - probability, _EPSILON), 1 - _EPSILON)
    return RiskBound(max_errors, max_risk, len(curve), passed, errors)


def minimum_sample_size(max_risk: float) -> int:
    """How many numbers, all of them right, show that the share of errors is at most this."""
    return math.ceil(math.log(_ALPHA) / math.log1p(-max_risk))


def parse_share(text: str) -> float:
    """Parse a share above 0 and below 1, such as "0.1%" or "0.001". Raises ValueError."""
    number = text.strip().replace(",", ".")
    try:
        share = float(number.removesuffix("%")) / (100 if number.endswith("%") else 1)
    except ValueError:
        raise ValueError(f"{text!r} is not a share, such as 1% or 0.01") from None
    if 0 < share < 1:
        return share
    hint = f"; is {number}% meant?" if 1 <= share < 100 and "%" not in number else ""
    raise ValueError(f"a share of errors must lie between 0 and 100%, not {text!r}{hint}")
