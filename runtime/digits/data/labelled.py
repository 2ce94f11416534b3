"""Labelled digits from MNIST, a folder of pictures or a table of them, a batch at a time."""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.data import mnist, table
from digits.data.evaluate import Batch
from digits.data.mnist import Split, SplitName
from digits.errors import DataError, DigitsError, PictureError
from digits.terminal import complain
from digits.vision.formats import SUFFIXES

if TYPE_CHECKING:
    from digits.classifier import Classifier

_BATCH = 100  # digits: VGG-16's activations take 1.1 MB each

Report = Callable[[DigitsError], None]
Pictures = Callable[[Report], Iterator[tuple[Path, int]]]


class Labelled:
    """The labelled digits in `data`, to be iterated once, in batches.

    data: a folder of pictures sorted by digit (7/any.png); a CSV file with the columns `file`,
    relative to it, and `digit`; or a folder with MNIST's files, as without `data`. split: which
    part of them; by default MNIST's test digits, or all pictures. report: called with what costs
    one picture; the others are still read. classifier: reads the pictures; by default one with the
    bundled model, whatever $DIGITS_MODEL says, so that the same pictures give the same frames.

    Pictures are opened as they are needed, in the order of the table or of the file system, so
    memory doesn't grow with their number.

    Raises DataError when there is nothing of that kind.
    """

    def __init__(
        self,
        data: Path | None,
        split: SplitName | None,
        report: Report,
        classifier: "Classifier | None" = None,
    ) -> None:
        self._report = report
        self._classifier = classifier
        self._wanted = split
        self._pictures = _pictures_in(data) if data is not None else None
        if self._pictures is None:
            self._split: SplitName = split or "test"
            self.name = f"MNIST's {self._split} digits"
            with perhaps_pictures(data):
                self._digits = mnist.load(self._split, data)
            self.total = len(self._digits)
            return
        self.name = f"the {split} digits in {data}" if split else str(data)
        first = _First()
        self.total = sum(1 for _ in self._pictures(first))
        if not self.total:
            raise DataError(f"there is no labelled picture in {data}{first}")
        if data and (others := _other_folders(data)):
            complain(f"warning: {', '.join(others)} in {data}: left out, not 0 to 9")

    def __iter__(self) -> Iterator[Batch]:
        return self._from_pictures() if self._pictures else self._from_mnist()

    def _from_mnist(self) -> Iterator[Batch]:
        for start in range(0, self.total, _BATCH):
            part = slice(start, start + _BATCH)
            digits = Split(self._digits.images[part], self._digits.labels[part])
            yield Batch.of(digits, self._split, start)

    def _from_pictures(self) -> Iterator[Batch]:
        assert self._pictures is not None
        classifier = self._classifier or _bundled_classifier()
        found: list[_Digit] = []
        for path, label in self._pictures(self._report):
            try:
                digit = _read(path, label, classifier)
            except PictureError as error:
                self._report(error)
                continue
            if self._wanted in (None, split_of(digit.digest)):
                found.append(digit)
            if len(found) == _BATCH:
                yield _batch(found)
                found = []
        if found:
            yield _batch(found)


class _Digit(NamedTuple):
    """The digit in a picture. digest: of its grey pixels."""

    name: str
    label: int
    digest: bytes
    frame: NDArray[np.uint8]
    probabilities: tuple[float, ...]


def _bundled_classifier() -> "Classifier":
    from digits.classifier import Classifier  # here, because MNIST needs no onnxruntime
    from digits.inference.model_file import BUNDLED

    return Classifier(BUNDLED, sha256="")  # the package's own, whatever another is pinned to


def _read(path: Path, label: int, classifier: "Classifier") -> _Digit:
    """Raises PictureError when the picture can't be opened or is blank."""
    [examined] = classifier.examine([path])
    prediction = classifier.prediction(examined)
    if prediction.frame is None:
        raise PictureError(f"{path}: {prediction.note}")
    digest = digest_of(examined.picture.pixels)
    return _Digit(str(path), label, digest, prediction.frame, prediction.probabilities)


def _batch(digits: list[_Digit]) -> Batch:
    names, labels, digests, frames, probabilities = zip(*digits, strict=True)
    return Batch(
        np.stack(frames),
        np.array(labels, np.uint8),
        names,
        np.array(probabilities, np.float32),
        digests,
    )


def digest_of(grey: NDArray[np.uint8]) -> bytes:
    """The SHA-256 of a picture's grey pixels: uint8 [height, width]."""
    height, width = grey.shape
    return hashlib.sha256(b"%d %d " % (height, width) + grey.tobytes()).digest()


def split_of(digest: bytes) -> SplitName:
    """Which part of one's own data a picture belongs to: five sevenths train, as of MNIST.

    digest: of its grey pixels. The choice is by them alone, so that a picture stays where it is
    when others come or another network reads it, and is never in two parts under two names.
    """
    share = int.from_bytes(digest[:8]) % 7
    return "test" if share == 0 else "validation" if share == 1 else "train"


def has_pictures(data: Path) -> bool:
    """Whether it is a table or a sorted folder of pictures. Raises DataError as `Labelled`."""
    return _pictures_in(data) is not None


class _First:
    """Keeps the first error, to be shown in brackets."""

    def __init__(self) -> None:
        self._error: DigitsError | None = None

    def __call__(self, error: DigitsError) -> None:
        self._error = self._error or error

    def __str__(self) -> str:
        return f" ({self._error})" if self._error else ""


def _pictures_in(data: Path) -> Pictures | None:
    """The pictures in a table or a sorted folder; None for any other folder."""
    try:
        if data.is_file():
            return lambda report: table.rows(data, report)
        if any((data / str(digit)).is_dir() for digit in range(10)):
            return lambda report: _folder(data, report)
        if data.is_dir():
            return None
        missing = not data.exists()
    except OSError as error:
        raise DataError(f"can't open {data}: {error.strerror}") from error
    kind = "there is no such file or folder" if missing else "that is neither a file nor a folder"
    raise DataError(f"{data}: {kind}")


@contextmanager
def perhaps_pictures(data: Path | None) -> Iterator[None]:
    """Where MNIST isn't in `data`, say that there are no pictures either."""
    try:
        yield
    except DataError as error:
        if data is None:
            raise
        raise DataError(
            f"{data} has no folders that are called 0 to 9 with pictures in them; and {error}"
        ) from error


def _folder(folder: Path, report: Report) -> Iterator[tuple[Path, int]]:
    for digit in range(10):
        try:
            with os.scandir(folder / str(digit)) as entries:
                for entry in entries:
                    if Path(entry.name).suffix.lower() in SUFFIXES:
                        yield Path(entry.path), digit
        except FileNotFoundError:
            continue  # not every digit must be there
        except OSError as error:
            report(DataError(f"can't open {error.filename}: {error.strerror}"))


def _other_folders(data: Path) -> list[str]:
    """The folders beside 0 to 9 that somebody may have meant."""
    try:
        names = sorted(name for name in os.listdir(data) if os.path.isdir(data / name))
    except OSError:  # it is a table, or a folder whose names may not be read
        return []
    return [name for name in names if name not in set("0123456789") and name[0] != "."]
