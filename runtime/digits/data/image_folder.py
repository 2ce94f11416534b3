"""Labelled digits from a folder of pictures or a table of them."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.data import table
from digits.data.split import SplitName
from digits.data.table import LABELS, NO_DIGIT, OnError
from digits.errors import DataError, PictureError
from digits.images.formats import SUFFIXES
from digits.images.grey import digest_of
from digits.terminal import print_stderr, track

if TYPE_CHECKING:
    from digits.recognize import Reader


_SPLITS: dict[int, SplitName] = {0: "test", 1: "validation"}  # by the remainder of a division by 7


class LabelledPicture(NamedTuple):
    """The digit in a picture.

    label: 0 to 9, or NO_DIGIT.
    digest: the SHA-256 of the picture's grey pixels.
    split: see `assign_split`.
    frame: uint8 [28, 28], framed as in MNIST.
    probabilities: of 0 to 9, by the classifier that read it.
    """

    name: str
    label: int
    digest: bytes
    split: SplitName
    frame: NDArray[np.uint8]
    probabilities: tuple[float, ...]


def read_pictures(
    data: Path,
    on_error: OnError,
    reader: "Reader | None" = None,
    with_none: bool = False,
) -> Iterator[LabelledPicture]:
    """Read labelled pictures one by one, with a progress bar.

    data: a folder of pictures sorted by digit (7/any.png), or a CSV file with the columns `file`
        (relative to it) and `digit`.
    on_error: called for each picture that can't be read; the others still are.
    reader: by default one with the bundled model, whatever $DIGITS_MODEL says, so that the same
        pictures give the same frames.
    with_none: whether to take pictures labelled `none`, too.

    Raises DataError if no pictures are listed.
    """
    listed = [
        (path, label, group)
        for path, label, group in _list(data, on_error)
        if label != NO_DIGIT or with_none
    ]
    if not listed:
        if not os.path.lexists(data):
            raise DataError(f"{data}: no such file or folder")
        raise DataError(f"no labelled pictures in {data}: sort them into folders 0 to 9 (7/a.png)")
    if reader is None:
        from digits.inference.model_file import BUNDLED, BUNDLED_DETECTOR
        from digits.recognize import Reader

        # Whatever other models are pinned to.
        reader = Reader(
            BUNDLED, detector=BUNDLED_DETECTOR, sha256={"classifier": "", "detector": ""}
        )
    for path, label, group in track(listed, len(listed), "reading"):
        try:
            yield _read(path, label, group, reader)
        except PictureError as error:
            on_error(error)


def _read(path: Path, label: int, group: str, reader: "Reader") -> LabelledPicture:
    """Read a picture. Raises PictureError if it can't be opened or is blank."""
    from digits.digit import predict_digits
    from digits.images import documents, picture

    loaded = documents.load(str(path), picture.DIGIT_MAX_SIDE)
    [prediction] = predict_digits(reader.models, [loaded])
    if prediction.frame is None:
        raise PictureError(f"{path}: {prediction.note}")
    digest = digest_of(loaded.pixels)
    split = assign_split(digest, group)
    return LabelledPicture(
        str(path), label, digest, split, prediction.frame, prediction.probabilities
    )


def assign_split(digest: bytes, group: str = "") -> SplitName:
    """Choose the split of a picture: 1/7 for test, 1/7 for validation, 5/7 for training.

    Nothing else decides than these arguments, so a picture stays in its split when others are added
    or another network reads it, and is never in two splits under two names.

    digest: of its grey pixels.
    group: the name that pictures share that belong together, such as one writer's; or empty.
    """
    if group:
        digest = hashlib.sha256(group.encode(errors="surrogateescape")).digest()
    return _SPLITS.get(int.from_bytes(digest[:8]) % 7, "train")


def unique(pictures: Iterable[LabelledPicture], on_error: OnError) -> list[LabelledPicture]:
    """Each picture once, in an order that depends on nothing else.

    on_error: called for each picture with several labels, which is left out.
    """
    digits, contradictory = dict[bytes, LabelledPicture](), set[bytes]()
    # The order of hashes means nothing, so the first thousand calibrate as well as any others.
    for digit in sorted(pictures, key=lambda digit: (digit.digest, digit.label, digit.split)):
        first = digits.setdefault(digit.digest, digit)
        if first.label != digit.label:
            contradictory.add(digit.digest)
            labels = f"{LABELS[first.label]} and {LABELS[digit.label]}"
            names = f"{first.name} and {digit.name}"
            on_error(DataError(f"{names} look the same, but are labelled {labels}"))
    return [digit for digit in digits.values() if digit.digest not in contradictory]


def checksum(digits: Iterable[LabelledPicture]) -> str:
    """The SHA-256 of these pictures, their labels, and splits that a group has decided."""
    content = hashlib.sha256()
    for digit in unique(digits, lambda error: None):
        is_split_by_content = digit.split == assign_split(digit.digest)
        split = "" if is_split_by_content else digit.split
        content.update(digit.digest + bytes([digit.label]) + split.encode())
    return content.hexdigest()


def has_pictures(data: Path) -> bool:
    """Whether it is a table or a sorted folder of pictures. Raises DataError if it is missing."""
    if os.path.isfile(data) or any(os.path.isdir(data / str(digit)) for digit in range(10)):
        return True
    if not os.path.isdir(data):
        raise DataError(f"{data}: no such file or folder")
    return False


def _list(data: Path, on_error: OnError) -> Iterator[tuple[Path, int, str]]:
    """Yield the pictures in a table or a sorted folder, with labels and groups."""
    if os.path.isfile(data):
        for path, (_, digit, group) in table.read_labels(data, on_error):
            yield path, LABELS.index(digit), group
        return
    with suppress(OSError):  # which is told below, of each digit's folder
        folders = {entry.name for entry in os.scandir(data) if entry.is_dir()}
        others = sorted(name for name in folders - {*LABELS} if name[0] not in "._")
        if others:
            print_stderr(f"warning: {data}: not 0 to 9 or none, and left out: {', '.join(others)}")
    for label, name in enumerate(LABELS):
        try:
            for entry in os.scandir(data / name):
                if Path(entry.name).suffix.lower() in SUFFIXES and not entry.name.startswith("."):
                    yield Path(entry.path), label, ""
        except FileNotFoundError:
            pass  # not every digit must be there
        except OSError as error:
            on_error(DataError(f"can't open {error.filename}: {error.strerror}"))
