"""The digits to train on, validate on and test on: MNIST's, or those in labelled pictures."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np

from digits.data import image_folder, mnist
from digits.data.image_folder import LabelledDataset, OnError
from digits.data.mnist import Split, SplitName, Splits
from digits.errors import DataError
from digits.terminal import print_stderr, progress_bar


@dataclass(frozen=True)
class Dataset:
    """splits: train, validation and test. sha256: name -> SHA-256 of what they were read from."""

    splits: Splits
    sha256: dict[str, str]


class _Digit(NamedTuple):
    """digest: of the grey picture. frame: the 28x28 pixels. name: of the file."""

    digest: bytes
    label: int
    frame: bytes
    name: str


def load(data: Path | None, on_error: OnError) -> Dataset:
    """Load MNIST, or labelled pictures, which `image_folder.assign_split` splits.

    data: see `LabelledDataset`. on_error: called for each picture that can't be read. The same
    pictures make the same data set, whatever their names and order. Raises DataError if there are
    too few.
    """
    if data is None or not image_folder.has_pictures(data):
        with image_folder.explain_missing(data):
            return Dataset(mnist.load_all(data), mnist.SHA256)
    return _from_images(LabelledDataset(data, None, on_error))


def verify_checksums(found: Dataset, expected: dict[str, str], data: Path | None) -> None:
    """Raise DataError if these aren't the digits that a network was trained on."""
    if found.sha256 == expected:
        return
    if data is None:
        raise DataError("the network was trained on pictures: name their folder with --data")
    if "pictures" in expected:
        raise DataError(f"the network was trained on other pictures than those in {data}")
    raise DataError(f"the network was trained on MNIST, not on what is in {data}")


def _from_images(pictures: LabelledDataset) -> Dataset:
    with progress_bar() as bar:
        batches = list(bar.track(pictures, pictures.total, description="reading"))
    found = [
        _Digit(digest, int(label), frame.tobytes(), name)
        for batch in batches
        for digest, label, frame, name in zip(
            batch.digests, batch.labels, batch.images, batch.names, strict=True
        )
    ]
    # The order of hashes means nothing, so the first thousand calibrate as well as any others.
    found.sort(key=lambda one: (one.digest, one.label))
    _warn_of_contradictions(found)
    splits: dict[SplitName, list[_Digit]] = {name: [] for name in get_args(SplitName)}
    for one in found:
        splits[image_folder.assign_split(one.digest)].append(one)
    if not all(splits.values()):
        counts = ", ".join(f"{len(split)} {name}" for name, split in splits.items())
        raise DataError(f"{pictures.name} has too few readable pictures: {counts}")
    checksum = hashlib.sha256(b"".join(one.digest + bytes([one.label]) for one in found))
    return Dataset(
        {name: _to_arrays(split) for name, split in splits.items()},
        {"pictures": checksum.hexdigest()},
    )


def _warn_of_contradictions(found: Sequence[_Digit]) -> None:
    """Warn of equal pictures with two labels. found: sorted, so equal ones are neighbours."""
    pairs = [(one, other) for one, other in pairwise(found) if one.digest == other.digest]
    wrong = [(one, other) for one, other in pairs if one.label != other.label]
    if wrong:
        one, other = wrong[0]
        more = f"; and {len(wrong) - 1} more like that" if wrong[1:] else ""
        print_stderr(
            f"warning: {one.name} and {other.name} look the same, but one is labelled {one.label}"
            f" and the other {other.label}{more}"
        )


def _to_arrays(split: Sequence[_Digit]) -> Split:
    images = np.frombuffer(b"".join(one.frame for one in split), np.uint8).reshape(-1, 28, 28)
    return Split(images, np.array([one.label for one in split], np.uint8))
