"""The digits to train on, validate on and test on: MNIST's, or those in labelled pictures."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import get_args

import numpy as np

from digits.data import image_folder, mnist
from digits.data.image_folder import Digit, LabelledDataset
from digits.data.mnist import Split, SplitName, Splits
from digits.data.table import OnError
from digits.errors import DataError
from digits.terminal import print_stderr, progress_bar


@dataclass(frozen=True)
class Dataset:
    """splits: train, validation and test. sha256: name -> SHA-256 of what they were read from."""

    splits: Splits
    sha256: dict[str, str]


def load(data: Path | None, on_error: OnError) -> Dataset:
    """Load MNIST, or labelled pictures, which `image_folder.assign_split` splits.

    data: see `LabelledDataset`. on_error: called for each picture that can't be read. The same
    pictures make the same data set, whatever their names and order. Raises DataError if there are
    too few.
    """
    if data is None or not image_folder.has_pictures(data):
        with image_folder.explain_missing(data):
            return Dataset(mnist.load_all(data), mnist.SHA256)
    return _from_pictures(LabelledDataset(data, None, on_error))


def verify_checksums(dataset: Dataset, expected: dict[str, str], data: Path | None) -> None:
    """Raise DataError if these aren't the digits that a network was trained on."""
    if dataset.sha256 == expected:
        return
    if data is None:
        raise DataError("the network was trained on pictures: name their folder with --data")
    if "pictures" in expected:
        raise DataError(f"the network was trained on other pictures than those in {data}")
    raise DataError(f"the network was trained on MNIST, not on what is in {data}")


def _from_pictures(dataset: LabelledDataset) -> Dataset:
    with progress_bar() as bar:
        pictures = bar.track(dataset.pictures(), dataset.total, description="reading")
        # The order of hashes means nothing, so the first thousand calibrate as well as any others.
        digits = sorted(pictures, key=lambda digit: (digit.digest, digit.label))
    _warn_of_contradictions(digits)
    splits: dict[SplitName, list[Digit]] = {name: [] for name in get_args(SplitName)}
    for digit in digits:
        splits[image_folder.assign_split(digit.digest)].append(digit)
    if not all(splits.values()):
        counts = ", ".join(f"{len(split)} {name}" for name, split in splits.items())
        raise DataError(f"{dataset.name} has too few readable pictures: {counts}")
    checksum = hashlib.sha256(b"".join(digit.digest + bytes([digit.label]) for digit in digits))
    return Dataset(
        {name: _to_arrays(split) for name, split in splits.items()},
        {"pictures": checksum.hexdigest()},
    )


def _warn_of_contradictions(digits: Sequence[Digit]) -> None:
    """Warn of equal pictures with two labels. digits: sorted, so equal ones are neighbours."""
    wrong = [
        (first, second)
        for first, second in pairwise(digits)
        if first.digest == second.digest and first.label != second.label
    ]
    if wrong:
        first, second = wrong[0]
        more = f"; and {len(wrong) - 1} more like that" if wrong[1:] else ""
        print_stderr(
            f"warning: {first.name} and {second.name} look the same, but one is labelled"
            f" {first.label} and the other {second.label}{more}"
        )


def _to_arrays(split: Sequence[Digit]) -> Split:
    labels = np.array([digit.label for digit in split], np.uint8)
    return Split(np.stack([digit.frame for digit in split]), labels)
