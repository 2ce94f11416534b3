"""Which numbers are accepted: those as probable as the user says, or as labelled ones show."""

import hashlib
import json
import math
import os
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from decimal import Context, Decimal
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from digits import __version__
from digits.constraints.constraints import Constraints
from digits.errors import DataError
from digits.evaluation.statistics import binomial_tail
from digits.files import write_text
from digits.inference.model_file import ModelBytes, read_file

_ALPHA = 0.05  # the significance level: 1 minus the confidence
_EPSILON = 2**-53  # 1 - _EPSILON is the largest float below 1
_MAX_BYTES = 1 << 16  # of a file
_EXACT = Context(prec=200)  # digits
_CONDITIONS = ("detector", "recognizer", "constraints")  # what a risk bound is for

# The detector, the recognizer, and whether there is a second opinion, as for `Classifier`.
Files = tuple[Path | None, Path | None, bool]


class RiskBound(NamedTuple):
    """At most a share `max_risk` of the accepted numbers is wrong, with 95 % confidence.

    max_error_probability: `max_errors` for `Classifier.read`.
    numbers, accepted, errors: how many labelled numbers were read; how many of them are accepted;
        how many of these are wrong.
    """

    max_error_probability: float
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
    max_error_probability = min(max(1 - probability, _EPSILON), 1 - _EPSILON)
    return RiskBound(max_error_probability, max_risk, len(curve), passed, errors)


def minimum_sample_size(max_risk: float) -> int:
    """How many numbers, all of them right, show that the share of errors is at most this."""
    return math.ceil(math.log(_ALPHA) / math.log1p(-max_risk))


def save(path: Path, bound: RiskBound, files: Files, constraints: Constraints) -> None:
    """Write a file for `parse_max_errors`. Raises DigitsError if it can't be written."""
    conditions = _conditions(files, constraints)
    values = bound._asdict() | conditions | {"digits": __version__}
    write_text(path, json.dumps(values, indent=2) + "\n")


def parse_max_errors(text: str, files: Files, constraints: Constraints) -> float:
    """Parse what `Classifier.read` takes: a share, or the path of a file from `save`.

    Raises ValueError as `parse_share` does, and DataError for a file of other networks or
    constraints, or one that isn't from `save`.
    """
    try:
        return parse_share(text)
    except ValueError:
        if not os.path.lexists(text):
            raise
    values = load(Path(text))
    for name, value in _conditions(files, constraints).items():
        if values[name] != value:
            raise DataError(f"{text} is for the {name} {values[name]!s:.200}, not {value:.200}")
    return float(values["max_error_probability"])


def parse_share(text: str) -> float:
    """Parse a share above 0 and below 1, such as "0.1%" or "0.001". Raises ValueError."""
    number = text.strip().replace(",", ".")
    try:
        share = float(number.removesuffix("%")) / (100 if number.endswith("%") else 1)
    except ValueError:
        raise ValueError(f"{text!r} is neither a share, such as 1% or 0.01, nor a file") from None
    if 0 < share < 1:
        return share
    hint = f"; is {number}% meant?" if 1 <= share < 100 and "%" not in number else ""
    raise ValueError(f"a share of errors must lie between 0 and 100%, not {text!r}{hint}")


def _conditions(files: Files, constraints: Constraints) -> dict[str, str]:
    """The SHA-256 of the networks, and the constraints as options of the command line."""
    detector, recognizer, has_second_opinion = files
    recognizers = [read_file(recognizer, "recognizer")]
    if has_second_opinion:
        from digits.inference.second_opinion import read_second_opinion  # loads onnxruntime

        recognizers.append(read_second_opinion())
    networks = _digest(read_file(detector, "detector")), " and ".join(map(_digest, recognizers))
    values = ((field.name, getattr(constraints, field.name)) for field in fields(constraints))
    options = (_as_option(name, value) for name, value in values if value not in (None, False))
    conditions = [*networks, " ".join(options) or "none"]
    return dict(zip(_CONDITIONS, conditions, strict=True))


def _digest(network: ModelBytes) -> str:
    return hashlib.sha256(network.content).hexdigest()


def _as_option(name: str, value: object) -> str:
    """Format a constraint as an option; equal ones in the same words."""
    option = "--" + name.replace("allowed", "list").replace("_", "-")
    if isinstance(value, tuple):
        bounds = (Decimal(bound).normalize(_EXACT) for bound in dict.fromkeys(value))
        value = "-".join(f"{bound:f}" for bound in bounds)
    return option if value is True else f"{option} {value}"


def load(path: Path) -> dict[str, Any]:
    """The values in a file from `save`. Raises DataError for any other."""
    with suppress(OSError, ValueError, LookupError, TypeError, RecursionError):
        if path.is_file():
            with path.open("rb") as file:
                values: dict[str, Any] = json.loads(file.read(_MAX_BYTES))
            is_whole = {*_CONDITIONS} <= {*values}
            if is_whole and 0 < values["max_error_probability"] < 1:
                return values
    raise DataError(f"{path} isn't a file from `digits eval --calibrate`, or it can't be read")
