"""Labelled digits from MNIST, a folder of pictures or a table of them, a batch at a time."""

import csv
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from digits import mnist
from digits.classifier import frame
from digits.errors import DataError, DigitsError
from digits.evaluate import Batch
from digits.mnist import Split, SplitName
from digits.picture import SUFFIXES

_BATCH = 100  # digits: VGG-16's activations take 1.1 MB each

Report = Callable[[DigitsError], None]


class Labelled:
    """The labelled digits in `data`, to be iterated once, in batches.

    data: a folder of pictures sorted by digit (7/any.png); a CSV file with the columns `file`,
    relative to it, and `digit`; or a folder with MNIST's files, of which `split` is taken, as
    without `data`. report: called with what costs one picture; the others are still read.

    Pictures are opened as they are needed, so memory doesn't grow with their number.

    Raises DataError when there is nothing of that kind.
    """

    def __init__(self, data: Path | None, split: SplitName, report: Report) -> None:
        if data is not None and not data.exists():
            raise DataError(f"{data}: there is no such file or folder")
        self._report = report
        self._pictures: Callable[[Report], Iterator[tuple[Path, int]]] | None = None
        if data is not None and data.is_file():
            self._pictures = lambda report: _table(data, report)
        elif data is not None and any((data / str(digit)).is_dir() for digit in range(10)):
            self._pictures = lambda report: _folder(data, report)
        if self._pictures:
            self.name = str(data)
            self.total = sum(1 for _ in self._pictures(lambda _: None))
        else:
            self.name = f"MNIST's {split} digits"
            self._split, self._digits = split, mnist.load(split, data)
            self.total = len(self._digits)
        if not self.total:
            raise DataError(f"there is no labelled picture in {self.name}")

    def __iter__(self) -> Iterator[Batch]:
        return self._from_pictures() if self._pictures else self._from_mnist()

    def _from_mnist(self) -> Iterator[Batch]:
        for start in range(0, self.total, _BATCH):
            part = slice(start, start + _BATCH)
            digits = Split(self._digits.images[part], self._digits.labels[part])
            yield Batch.of(digits, self._split, start)

    def _from_pictures(self) -> Iterator[Batch]:
        assert self._pictures is not None
        images, labels, names = [], [], []
        for path, digit in self._pictures(self._report):
            try:
                images.append(frame(path)[0])
            except DigitsError as error:
                self._report(error)
                continue
            labels.append(digit)
            names.append(str(path))
            if len(images) == _BATCH:
                yield Batch(np.stack(images), np.array(labels, np.uint8), names)
                images, labels, names = [], [], []
        if images:
            yield Batch(np.stack(images), np.array(labels, np.uint8), names)


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


def _table(path: Path, report: Report) -> Iterator[tuple[Path, int]]:
    """The rows of a CSV file whose header names `file` and `digit`."""
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as text:
            rows = csv.DictReader(text)
            if not {"file", "digit"} <= set(rows.fieldnames or ()):
                raise DataError(f"{path} is not a CSV file with the columns file and digit")
            for row in rows:
                if row["file"] and row["digit"] in set("0123456789"):
                    yield path.parent / row["file"], int(row["digit"])
                else:
                    report(DataError(f"{path}, line {rows.line_num}: no file, or no digit"))
    except (OSError, csv.Error) as error:
        raise DataError(
            f"can't read {path}: {getattr(error, 'strerror', None) or error}"
        ) from error
