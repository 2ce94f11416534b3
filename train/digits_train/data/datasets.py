"""The digits to train on, validate on and test on: MNIST's, or those in labelled pictures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from digits.data.image_folder import Digit, checksum, has_pictures, read_pictures, unique
from digits.data.split import Split, SplitName, Splits
from digits.data.table import OnError
from digits.errors import DataError, DigitsError
from digits.evaluation.statistics import wilson_interval
from digits.terminal import print_stderr
from digits.text import escape_control
from digits_train.data import mnist

OWN_CHECKSUM_NAME = "own"  # of one's own pictures, beside the names of MNIST's files
_FEW_DIGITS = 100  # an accuracy of 95 % measured on them means 89 to 98 %
_TYPICAL = 0.95


@dataclass(frozen=True)
class Dataset:
    """What a network is trained, validated and tested on.

    sha256: the checksums of what the splits were read from, by name.
    own, own_held_back: one's own pictures beside MNIST, to fine-tune on and to measure with; their
        labels are 0 to 9 or NO_DIGIT.
    """

    splits: Splits
    sha256: dict[str, str]
    own: Split | None = None
    own_held_back: Split | None = None


def load(data: Path | None, on_error: OnError) -> Dataset:
    """Load MNIST, or labelled pictures, which `image_folder.assign_split` splits.

    The same pictures make the same data set, whatever their names and order.

    data: see `image_folder.read_pictures`, or `mnist.load_all`.
    on_error: called for each picture that can't be used.

    Raises DataError if there are too few.
    """
    if data is None or not has_pictures(data):
        return Dataset(mnist.load_all(data), mnist.SHA256)
    digits = unique(read_pictures(data, on_error), on_error)
    splits = {name: _split(digits, name) for name in get_args(SplitName)}
    if not all(map(len, splits.values())):
        counts = ", ".join(f"{len(split)} {name}" for name, split in splits.items())
        raise DataError(f"{data} has too few readable pictures: {counts}")
    return Dataset(splits, {"pictures": checksum(digits)})


def load_own(data: Path, on_error: OnError) -> Dataset:
    """Load MNIST and labelled pictures, of which the validation and test splits are held back.

    data, on_error: see `load`.

    Raises DataError if there are none to train on.
    """
    digits = unique(read_pictures(data, on_error, with_none=True), on_error)
    train, held_back = _split(digits, "train"), _split(digits, "validation", "test")
    if not len(train):
        raise DataError(
            f"{data}: {len(digits)} pictures are readable, none to train on; label more"
        )
    checksums = mnist.SHA256 | {OWN_CHECKSUM_NAME: checksum(digits)}
    return Dataset(mnist.load_all(None), checksums, train, held_back)


def warn_of_skipped(error: DigitsError) -> None:
    """Warn of a picture that can't be used, and is left out: an `on_error`."""
    print_stderr(f"warning: {escape_control(str(error))}; skipped")


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


def verify_checksums(dataset: Dataset, expected: dict[str, str], data: Path | None) -> None:
    """Raise DataError if these aren't the digits that a network was trained on."""
    if dataset.sha256 != expected:
        raise DataError(
            f"the network was trained on other digits than those in {data or 'MNIST'}: name with"
            " --data what it was trained on"
        )


def _split(digits: Sequence[Digit], *names: SplitName) -> Split:
    members = [digit for digit in digits if digit.split in names]
    frames = np.array([digit.frame for digit in members], np.uint8).reshape(-1, 28, 28)
    return Split(frames, np.array([digit.label for digit in members], np.uint8))
