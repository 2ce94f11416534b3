"""The digits that a network trains on, is chosen by and is measured on: MNIST's, or one's own."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np

from digits.data import labelled, mnist
from digits.data.labelled import Labelled, Report
from digits.data.mnist import Split, SplitName, Splits
from digits.errors import DataError
from digits.terminal import complain, progress_bar


@dataclass(frozen=True)
class DataSet:
    """splits: train, validation and test. sha256: name -> SHA-256 of what they were read from."""

    splits: Splits
    sha256: dict[str, str]


class _Digit(NamedTuple):
    """One of one's own. digest: of its picture. frame: its 28x28 pixels. name: its file."""

    digest: bytes
    label: int
    frame: bytes
    name: str


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
        _Digit(digest, int(label), frame.tobytes(), name)
        for batch in batches
        for digest, label, frame, name in zip(
            batch.digests, batch.labels, batch.images, batch.names, strict=True
        )
    ]
    # Sorted by their hash they lie in no order that means anything: the first thousand, which
    # calibrate, are as good as any.
    found.sort(key=lambda one: (one.digest, one.label))
    _warn_of_contradictions(found)
    parts: dict[SplitName, list[_Digit]] = {name: [] for name in get_args(SplitName)}
    for one in found:
        parts[labelled.split_of(one.digest)].append(one)
    if not all(parts.values()):
        counts = ", ".join(f"{len(part)} {name}" for name, part in parts.items())
        raise DataError(f"{pictures.name} has too few pictures that can be read: {counts}")
    whole = hashlib.sha256(b"".join(one.digest + bytes([one.label]) for one in found))
    return DataSet(
        {name: _split(part) for name, part in parts.items()}, {"pictures": whole.hexdigest()}
    )


def _warn_of_contradictions(found: Sequence[_Digit]) -> None:
    """Tell of pictures that look the same and have two labels. found: equal ones in a row."""
    pairs = [(one, other) for one, other in pairwise(found) if one.digest == other.digest]
    wrong = [(one, other) for one, other in pairs if one.label != other.label]
    if wrong:
        one, other = wrong[0]
        more = f"; and {len(wrong) - 1} more like that" if wrong[1:] else ""
        complain(
            f"warning: {one.name} and {other.name} look the same, but one is labelled {one.label}"
            f" and the other {other.label}{more}"
        )


def _split(part: Sequence[_Digit]) -> Split:
    images = np.frombuffer(b"".join(one.frame for one in part), np.uint8).reshape(-1, 28, 28)
    return Split(images, np.array([one.label for one in part], np.uint8))
