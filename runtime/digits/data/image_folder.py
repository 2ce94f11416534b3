"""Labelled digits from MNIST, a folder of pictures or a table of them, a batch at a time."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.data import mnist, table
from digits.data.mnist import Split, SplitName
from digits.data.table import LABELS, NO_DIGIT, OnError
from digits.errors import DataError, DigitsError, PictureError
from digits.images.formats import SUFFIXES

if TYPE_CHECKING:
    from digits.classifier import Classifier

BATCH_SIZE = 100  # VGG-16's activations take 1.1 MB for each digit


class Digit(NamedTuple):
    """The digit in a picture.

    label: 0 to 9, or NO_DIGIT. digest: SHA-256 of the picture's grey pixels. split: see
    `assign_split`. frame: uint8 [28, 28], framed as in MNIST. probabilities: 10, the answer of the
    classifier that read it.
    """

    name: str
    label: int
    digest: bytes
    split: SplitName
    frame: NDArray[np.uint8]
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class Batch:
    """n labelled digits and their names.

    If they come from pictures, also the answers of the classifier that read them.
    """

    images: NDArray[np.uint8]  # [n, 28, 28], framed as in MNIST
    labels: NDArray[np.uint8]  # [n], 0 to 9
    names: Sequence[str]
    probabilities: NDArray[np.float32] | None = None  # [n, 10]

    @classmethod
    def from_split(cls, split: Split, name: str, start: int = 0) -> "Batch":
        """The digits of a split, called `name` and their index, counted from `start`."""
        names = [f"{name} {index}" for index in range(start, start + len(split))]
        return cls(split.images, split.labels, names)

    @classmethod
    def from_pictures(cls, digits: Sequence[Digit]) -> "Batch":
        """At least one digit."""
        return cls(
            np.stack([digit.frame for digit in digits]),
            np.array([digit.label for digit in digits], np.uint8),
            [digit.name for digit in digits],
            np.array([digit.probabilities for digit in digits], np.float32),
        )


class LabelledDataset:
    """The labelled digits in `data`, an iterable of batches.

    data: a folder of pictures sorted by digit (7/any.png), a CSV file with the columns `file`
    (relative to it) and `digit`, or a folder with MNIST's files; None is MNIST, whose test digits
    are taken. on_error: called for each picture that can't be read; the others still are.
    classifier: reads the pictures; by default one with the bundled model whatever $DIGITS_MODEL
    says, so that the same pictures give the same frames. with_none: whether to take pictures
    labelled `none`, too.

    Pictures are opened one by one, so memory doesn't grow with their number. Raises DataError if
    there are no labelled digits.
    """

    def __init__(
        self,
        data: Path | None,
        on_error: OnError,
        classifier: "Classifier | None" = None,
        with_none: bool = False,
    ) -> None:
        self._labels = range(NO_DIGIT + with_none)
        self._on_error, self._classifier = on_error, classifier
        self._pictures = data if data is not None and has_pictures(data) else None
        if self._pictures is None:
            self.name = "MNIST's test digits"
            with explain_missing(data):
                self._mnist = mnist.load("test", data)
            self.total = len(self._mnist)
            return
        self.name = str(data)
        errors = list[DigitsError]()
        self.total = sum(1 for _ in self._scan(errors.append))
        if not self.total:
            reason = f" ({errors[0]})" if errors else ""
            raise DataError(f"no labelled pictures in {data}{reason}")

    def __iter__(self) -> Iterator[Batch]:
        if self._pictures is None:
            for start in range(0, self.total, BATCH_SIZE):
                part = slice(start, start + BATCH_SIZE)
                digits = Split(self._mnist.images[part], self._mnist.labels[part])
                yield Batch.from_split(digits, "test", start)
            return
        pictures = self.pictures()
        while some := list(islice(pictures, BATCH_SIZE)):
            yield Batch.from_pictures(some)

    def pictures(self) -> Iterator[Digit]:
        """Read the pictures one by one; none if the digits are MNIST's."""
        if self._pictures is None:
            return
        classifier = self._classifier or _bundled_classifier()
        for path, label, group in self._scan(self._on_error):
            try:
                yield _read(path, label, group, classifier)
            except PictureError as error:
                self._on_error(error)

    def _scan(self, on_error: OnError) -> Iterator[tuple[Path, int, str]]:
        """List the pictures in the table or the sorted folder, with labels and groups."""
        assert self._pictures is not None
        if self._pictures.is_file():
            for path, (label, group) in table.rows(self._pictures, on_error):
                if label in self._labels:
                    yield path, label, group
            return
        for label in self._labels:
            for path in _files(self._pictures / LABELS[label], on_error):
                yield path, label, ""


def _bundled_classifier() -> "Classifier":
    from digits.classifier import Classifier  # MNIST needs no onnxruntime
    from digits.inference.model_file import BUNDLED, BUNDLED_READER

    # Whatever other models are pinned to.
    return Classifier(BUNDLED, sha256="", reader=BUNDLED_READER, reader_sha256="")


def _read(path: Path, label: int, group: str, classifier: "Classifier") -> Digit:
    """Raises PictureError if the picture can't be opened or is blank."""
    from digits.images import picture
    from digits.vision.candidates import examine

    [examined] = examine(classifier, [picture.load(path)])
    prediction = examined.prediction(classifier.threshold)
    if prediction.frame is None:
        raise PictureError(f"{path}: {prediction.note}")
    digest = digest_of(examined.picture.pixels)
    split = assign_split(digest, group)
    return Digit(str(path), label, digest, split, prediction.frame, prediction.probabilities)


def digest_of(grey: NDArray[np.uint8]) -> bytes:
    """The SHA-256 of a picture's grey pixels: uint8 [height, width]."""
    height, width = grey.shape
    return hashlib.sha256(b"%d %d " % (height, width) + grey.tobytes()).digest()


def assign_split(digest: bytes, group: str = "") -> SplitName:
    """Choose the split of a picture: 1/7 for test, 1/7 for validation, 5/7 for training.

    digest: of its grey pixels. group: of pictures that belong together, as those of one writer;
    empty for none. Nothing else decides, so a picture stays in its split when others are added or
    another network reads it, and is never in two splits under two names.
    """
    if group:
        digest = hashlib.sha256(group.encode(errors="surrogateescape")).digest()
    share = int.from_bytes(digest[:8]) % 7
    return "test" if share == 0 else "validation" if share == 1 else "train"


def has_pictures(data: Path) -> bool:
    """Whether it is a table or a sorted folder of pictures. Raises DataError if it is missing."""
    try:
        if data.is_file() or any((data / str(digit)).is_dir() for digit in range(10)):
            return True
        if not data.is_dir():
            raise DataError(f"{data}: no such file or folder")
    except OSError as error:
        raise DataError(f"can't open {data}: {error.strerror}") from error
    return False


@contextmanager
def explain_missing(data: Path | None) -> Iterator[None]:
    """If MNIST isn't in `data`, say what may be."""
    try:
        yield
    except DataError as error:
        if data is None:
            raise
        raise DataError(
            f"{data} has no labelled digits: sort pictures into folders named 0 to 9 (7/any.png)"
            " in it, name a CSV file with the columns file and digit instead, or put MNIST's files"
            f" there ({error})"
        ) from error


def _files(folder: Path, on_error: OnError) -> Iterator[Path]:
    """The pictures in a folder."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                hidden = entry.name[0] == "."  # unfinished, as of `digits serve`
                if not hidden and Path(entry.name).suffix.lower() in SUFFIXES:
                    yield Path(entry.path)
    except FileNotFoundError:
        pass  # not every digit must be there
    except OSError as error:
        on_error(DataError(f"can't open {error.filename}: {error.strerror}"))
