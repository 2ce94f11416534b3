"""The digits that a network trains on, is chosen by and is measured on: MNIST's, or one's own."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from digits.data import labelled, mnist
from digits.data.labelled import Labelled, Report
from digits.data.mnist import Split, SplitName, Splits
from digits.errors import DataError
from digits.terminal import progress_bar


@dataclass(frozen=True)
class DataSet:
    """splits: train, validation and test. sha256: name -> SHA-256 of what they were read from."""

    splits: Splits
    sha256: dict[str, str]


def load(data: Path | None, report: Report) -> DataSet:
    """MNIST, or the digits in one's own pictures, which `labelled.split_of` splits.

    data: as for `Labelled`. report: called with what costs one picture. The same pictures make the
    same data set, whatever their names and their order. Raises DataError when there are none, or
    too few.
    """
    if data is None or not labelled.has_pictures(data):
        with labelled.perhaps_pictures(data):
            return DataSet(mnist.load_all(data), mnist.SHA256)
    return _own(Labelled(data, None, report))


def check(found: DataSet, expected: dict[str, str], data: Path | None) -> None:
    """Raise DataError unless these are the digits with the checksums that a network began with."""
    if found.sha256 == expected:
        return
    if data is None:
        raise DataError("the network was trained on pictures: say with --data where they are")
    if "pictures" in expected:
        raise DataError(f"the network was trained on other pictures than those in {data}")
    raise DataError(f"the network was trained on MNIST, not on what is in {data}")


def _own(pictures: Labelled) -> DataSet:
    with progress_bar() as bar:
        batches = list(bar.track(pictures, pictures.total, description="reading"))
    found = [
        (frame.tobytes(), int(label))
        for batch in batches
        for frame, label in zip(batch.images, batch.labels, strict=True)
    ]
    # Sorted by their hash they lie in no order that means anything: the first thousand, which
    # calibrate, are as good as any.
    found.sort(key=lambda pair: (hashlib.sha256(pair[0]).digest(), pair[1]))
    parts: dict[SplitName, list[tuple[bytes, int]]] = {name: [] for name in get_args(SplitName)}
    for pair in found:
        parts[labelled.split_of(pair[0])].append(pair)
    if not all(parts.values()):
        counts = ", ".join(f"{len(part)} {name}" for name, part in parts.items())
        raise DataError(f"{pictures.name} has too few pictures that can be read: {counts}")
    whole = hashlib.sha256(b"".join(frame + bytes([label]) for frame, label in found))
    return DataSet(
        {name: _split(part) for name, part in parts.items()}, {"pictures": whole.hexdigest()}
    )


def _split(part: list[tuple[bytes, int]]) -> Split:
    images = np.frombuffer(b"".join(frame for frame, _ in part), np.uint8).reshape(-1, 28, 28)
    return Split(images, np.array([label for _, label in part], np.uint8))
