"""What is wrong with the data or with a trained network, and what helps."""

import json
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from digits.alignment import Score
from digits.data.mnist import Splits
from digits.errors import ModelError
from digits.evaluation.digits import Evaluation
from digits.evaluation.statistics import wilson_interval
from digits_train.structs import from_dict

_FEW_DIGITS = 100  # an accuracy of 95 % measured on them means 89 to 98 %
_TYPICAL = 0.95


def data_warnings(splits: Splits) -> Iterator[str]:
    """What to warn of before a training."""
    for name, split in splits.items():
        missing = ", ".join(str(digit) for digit in range(10) if digit not in split.labels)
        if missing:
            kind = "training" if name == "train" else name
            yield f"no {kind} examples of {missing}: add pictures of them"
    few = {name: len(split) for name, split in splits.items() if name != "train"}
    if (smallest := min(few.values())) < _FEW_DIGITS:
        low, high = wilson_interval(_TYPICAL, smallest)
        counts = " and ".join(f"{count} {name}" for name, count in few.items())
        yield (
            f"only {counts} digits: an accuracy of {_TYPICAL:.0%} measured on {smallest} means"
            f" {low:.0%} to {high:.0%} (95 % interval); with {7 * _FEW_DIGITS} pictures each has"
            f" about {_FEW_DIGITS}"
        )


def failure(result: Evaluation) -> str | None:
    """Why the network is useless: not significantly better than one answer for all digits.

    result: on digits it didn't train on.
    """
    commonest = result.confusion.sum(1)
    chance = float(commonest.max() / result.total)
    low, _ = result.interval
    if chance == 1 or low > chance or result.accuracy > max(chance, 0.5):
        return None
    return (
        f"the network can't be told from guessing: it reads {result.accuracy:.2%} of"
        f" {result.total} digits, and always answering {commonest.argmax()} gives {chance:.2%}; try"
        " more training digits, more epochs, smaller batches or another learning rate (--set)"
    )


def detector_failure(result: Score) -> str | None:
    """Why the detector is useless: who finds nothing misses each symbol once and errs no further.

    result: on validation crops.
    """
    if result.errors < result.symbols:
        return None
    return (
        f"the detector is no better than one that finds nothing: of {result.symbols} symbols"
        f" {result.missed} are missed and {result.wrong} read wrong, and {result.invented} are"
        " invented; try more steps or another learning rate (--set)"
    )


def recognizer_failure(accuracy: float, numbers: int) -> str | None:
    """Why the recognizer is useless: it reads hardly any number. accuracy: of so many crops."""
    if accuracy > 0.1:
        return None
    return (
        f"the recognizer reads {accuracy:.2%} of {numbers} numbers right; try more steps or"
        " another learning rate (--set)"
    )


class Comparison(Struct, frozen=True):
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
        """The row of a table: the examples, and error rates with 95 % intervals."""
        before, after = (_rate(errors, self.total) for errors in (self.before, self.after))
        examples = f"{self.total:,} {self.name}"
        return {"examples": examples, "errors before": before, "errors after": after}


def load_comparisons(summary: Path) -> list[Comparison]:
    """What the run.json of a finished fine-tuning compares. Raises ModelError if it doesn't."""
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
