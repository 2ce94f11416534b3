"""What is wrong with the data or with a trained network, and what helps."""

from collections.abc import Iterator

from digits.alignment import Score
from digits.data.split import Splits
from digits.evaluation.digits import Evaluation
from digits.evaluation.statistics import wilson_interval

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
