"""The digits to train on, validate on and test on: MNIST's, or those in labelled pictures."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np

from digits.data import image_folder, mnist, table
from digits.data.image_folder import Digit, LabelledDataset
from digits.data.mnist import Split, SplitName, Splits
from digits.data.table import OnError
from digits.errors import DataError, DigitsError
from digits.terminal import print_stderr, progress_bar
from digits.text import escape_control

OWN = "own"  # among the checksums, the name of one's own pictures or pages


@dataclass(frozen=True)
class Dataset:
    """splits: train, validation and test. sha256: name -> SHA-256 of what they were read from.

    own: one's own pictures or pages, to fine-tune a network on.
    """

    splits: Splits
    sha256: dict[str, str]
    own: Any = None


class OwnPictures(NamedTuple):
    """One's own labelled pictures, beside MNIST; their labels are 0 to 9 or NO_DIGIT.

    held_back: the validation and test splits, two sevenths. sha256: of pictures and labels.
    """

    train: Split
    held_back: Split
    sha256: str


def load(data: Path | None, on_error: OnError) -> Dataset:
    """Load MNIST, or labelled pictures, which `image_folder.assign_split` splits.

    data: see `LabelledDataset`. on_error: called for each picture that can't be read. The same
    pictures make the same data set, whatever their names and order. Raises DataError if there are
    too few.
    """
    if data is None or not image_folder.has_pictures(data):
        with image_folder.explain_missing(data):
            return Dataset(mnist.load_all(data), mnist.SHA256)
    digits = _read(LabelledDataset(data, on_error))
    splits = {name: _split(digits, name) for name in get_args(SplitName)}
    if not all(map(len, splits.values())):
        counts = ", ".join(f"{len(split)} {name}" for name, split in splits.items())
        raise DataError(f"{data} has too few readable pictures: {counts}")
    return Dataset(splits, {"pictures": _checksum(digits)})


def load_own(data: Path, on_error: OnError) -> OwnPictures:
    """Load labelled pictures, of which `image_folder.assign_split` holds some back.

    data, on_error: see `load`. Raises DataError if there are none to train on.
    """
    digits = _read(LabelledDataset(data, on_error, with_none=True))
    if not digits:
        raise DataError(f"{data} has no readable pictures to train on")
    train, held_back = _split(digits, "train"), _split(digits, "validation", "test")
    return OwnPictures(train, held_back, _checksum(digits))


def skip(error: DigitsError) -> None:
    """Warn of a picture that can't be used, and is left out: an `on_error`."""
    print_stderr(f"warning: {escape_control(str(error))}; skipped")


def verify_checksums(dataset: Dataset, expected: dict[str, str], data: Path | None) -> None:
    """Raise DataError if these aren't the digits that a network was trained on."""
    if dataset.sha256 == expected:
        return
    if data is None:
        raise DataError("the network was trained on pictures: name their folder with --data")
    if OWN in dataset.sha256 and dataset.sha256[OWN] != expected.get(OWN):
        raise DataError(f"the network was fine-tuned on other pictures than those in {data}")
    if "pictures" in expected:
        raise DataError(f"the network was trained on other pictures than those in {data}")
    raise DataError(f"the network was trained on MNIST, not on what is in {data}")


def _read(dataset: LabelledDataset) -> list[Digit]:
    """Read the pictures, each once. Those with several labels are left out, with a warning."""
    with progress_bar() as bar:
        pictures = bar.track(dataset.pictures(), dataset.total, description="reading")
        # The order of hashes means nothing, so the first thousand calibrate as well as any others.
        digits = sorted(pictures, key=lambda digit: (digit.digest, digit.label, digit.split))
    equal = [[*group] for _, group in groupby(digits, key=lambda digit: digit.digest)]
    contradictory = [group for group in equal if group[0].label != group[-1].label]
    if contradictory:
        first, *_, last = contradictory[0]
        labels = " and ".join(table.LABELS[digit.label] for digit in (first, last))
        print_stderr(
            f"warning: {first.name} and {last.name} look the same, but are labelled {labels}: left"
            f" out, as are all such pictures ({len(contradictory)} in all)"
        )
    return [group[0] for group in equal if group[0].label == group[-1].label]


def _checksum(digits: Sequence[Digit]) -> str:
    """The SHA-256 of pictures, labels, and splits that a group has decided."""
    content = hashlib.sha256()
    for digit in digits:
        by_content = digit.split == image_folder.assign_split(digit.digest)
        split = "" if by_content else digit.split
        content.update(digit.digest + bytes([digit.label]) + split.encode())
    return content.hexdigest()


def _split(digits: Sequence[Digit], *names: SplitName) -> Split:
    chosen = [digit for digit in digits if digit.split in names]
    frames = np.array([digit.frame for digit in chosen], np.uint8).reshape(-1, 28, 28)
    return Split(frames, np.array([digit.label for digit in chosen], np.uint8))
