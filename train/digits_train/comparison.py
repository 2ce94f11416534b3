"""Before and after a fine-tuning, on the same pictures."""

import json
from dataclasses import dataclass
from pathlib import Path

from digits.errors import ModelError
from digits.evaluation.statistics import wilson_interval
from digits_train.config import from_dict


@dataclass(frozen=True)
class Comparison:
    """Errors of two networks on the same examples.

    name: what these are. tolerance: share of them by which the errors may rise; None for one's own
    pictures, of which they must fall.
    """

    name: str
    tolerance: float | None
    total: int
    before: int
    after: int

    @property
    def problem(self) -> str:
        """Why the second network shouldn't replace the first; empty if nothing is against it."""
        counts = f"{self.before} errors before, {self.after} after, of {self.total:,}"
        if self.tolerance is not None:
            is_worse = self.after - self.before > self.tolerance * self.total
            return f"it reads {self.name} worse: {counts}" if is_worse else ""
        if not self.total:
            return "none of your own pictures were held back to measure with: label more"
        gains = self.after < self.before or self.before == self.after == 0
        return "" if gains else f"it reads your own pictures no better: {counts}"

    def row(self) -> dict[str, str]:
        """Of a table: the examples, and error rates with 95 % intervals."""
        before, after = (_rate(errors, self.total) for errors in (self.before, self.after))
        examples = f"{self.total:,} {self.name}"
        return {"examples": examples, "errors before": before, "errors after": after}


def load(summary: Path) -> list[Comparison]:
    """Those in the run.json of a finished fine-tuning. Raises ModelError if there are none."""
    try:
        values = json.loads(summary.read_bytes())["comparison"]
        return [from_dict(Comparison, value) for value in values]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"{summary} doesn't compare the network with what it was: finish its training with"
            f" `digits train --resume {summary.parent} --data ...`"
        ) from error


def _rate(errors: int, total: int) -> str:
    if not total:
        return "-"
    if errors > total:  # more symbols were invented than there are
        return f"{errors / total:.2%}"
    low, high = wilson_interval(errors / total, total)
    return f"{errors / total:.2%} ({low:.2%} to {high:.2%})"
