"""What is wrong with the digits, or with what a network learnt from them, and what helps."""

from collections.abc import Iterator

from digits.data.evaluate import Evaluation, interval
from digits.data.mnist import SplitName, Splits
from digits_train.fit import Epoch

_FEW_DIGITS = 100  # an accuracy of 95 % measured on them is anything from 89 to 98 %
_TYPICAL = 0.95
_FEW_STEPS = 100  # after 5, a third of 140 own pictures was read rightly, after 100 three of four
_LAG = 0.05  # of the accuracy, which is not worth a word

_MISSING: dict[SplitName, str] = {
    "train": "the network can't learn to read them",
    "validation": "no epoch is chosen by how well they are read",
    "test": "how well they are read isn't measured",
}


def digits(splits: Splits) -> Iterator[str]:
    """Warnings before a training."""
    for name, split in splits.items():
        missing = ", ".join(str(digit) for digit in range(10) if digit not in split.labels)
        if missing:
            kind = "training" if name == "train" else name
            yield f"no {kind} examples of {missing}: {_MISSING[name]}; add pictures of them"
    few = {name: len(split) for name, split in splits.items() if name != "train"}
    if (least := min(few.values())) < _FEW_DIGITS:
        low, high = interval(_TYPICAL, least)
        counts = " and ".join(f"{count} {name}" for name, count in few.items())
        yield (
            f"only {counts} digits: an accuracy of {_TYPICAL:.0%} measured on {least} means"
            f" {low:.0%} to {high:.0%} (95 % interval); with {7 * _FEW_DIGITS} pictures each has"
            f" about {_FEW_DIGITS}"
        )


def lag(result: Evaluation, epoch: Epoch) -> str | None:
    """A warning where the moving averages are far from the network that they are taken of.

    result: of training digits. epoch: the one that is kept.
    """
    _, high = result.interval
    if high + _LAG > epoch.train_accuracy:
        return None
    return (
        f"the moving average lags behind: it reads {result.accuracy:.2%} of the training digits,"
        f" and the network itself {epoch.train_accuracy:.2%}; more --epochs or a smaller"
        " --batch-size let it follow"
    )


def failure(result: Evaluation, epoch: Epoch, steps: int) -> str | None:
    """What makes the network useless: one answer for all digits is as good, as far as one can tell.

    result: of digits that it hasn't learnt. epoch: the one that is kept. steps: how many there
    were.
    """
    commonest = result.counts.sum(1)
    chance = float(commonest.max() / result.total)
    low, _ = result.interval
    if chance == 1 or low > chance or result.accuracy > max(chance, 0.5):
        return None
    if steps < _FEW_STEPS:
        remedy = f"{steps} steps are too few, try more --epochs or a smaller --batch-size"
    elif epoch.train_accuracy < 0.5:
        remedy = "try another --learning-rate"
    else:
        remedy = "it knows its training digits by heart, and needs more of them"
    return (
        f"the network can't be told from guessing: it reads {result.accuracy:.2%} of"
        f" {result.total} digits, and always answering {commonest.argmax()} gives {chance:.2%};"
        f" {remedy}"
    )
