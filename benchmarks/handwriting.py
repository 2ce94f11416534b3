"""Accuracy of `predict`, and of `read` beside it, on other people's single digits.

    python -m benchmarks handwriting [MODEL.onnx ...]

- pictures in ../shared/photos next to the checkout; they aren't part of the project
  (benchmarks/reader.py measures the pages there);
- UCI's optdigits of 8x8 pixels (E. Alpaydin, C. Kaynak, 1998): the 1,797 of its test half, by 13
  writers, that scikit-learn ships.

Nothing is trained on any of them. Answers of `predict` with a `?` count by their most probable
digit; `read` has to read that digit and nothing else.
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from benchmarks.timing import print_row
from digits import Classifier
from digits.images.picture import Source
from digits.inference.model_file import BUNDLED

PHOTOS = Path(__file__).parents[2] / "shared" / "photos"
WHITE = 16  # the greatest of scikit-learn's values

Labelled = list[tuple[Source, int]]


def rows(table: str) -> list[dict[str, str]]:
    """The rows of a table of photos; none where they aren't there."""
    path = PHOTOS / table
    return list(csv.DictReader(path.read_text().splitlines())) if path.exists() else []


def pictures() -> dict[str, Labelled]:
    """Pictures by kind, each with its digit."""
    from sklearn.datasets import load_digits  # which only some benchmarks need

    kinds = defaultdict[str, Labelled](list)
    for photo in rows("single.csv"):
        path = PHOTOS / photo["file"]
        kinds[path.name.split("_")[0]].append((path, int(photo["digit"])))
    images = np.round(load_digits().images * 255 / WHITE).astype(np.uint8)
    kinds["optdigits"] += zip(images, load_digits().target, strict=True)
    return kinds


def by_read(classifier: Classifier, labelled: Labelled) -> tuple[float, int, int]:
    """How often `read` reads just the digit, in percent; what it accepts; the wrong of these."""
    right = accepted = wrong = 0
    for picture, label in labelled:
        reading = classifier.read(picture)
        is_right = [number.text for number in reading.numbers] == [str(label)]
        right += is_right
        accepted += reading.status == "sure"
        wrong += reading.status == "sure" and not is_right
    return 100 * right / len(labelled), accepted, wrong


def main() -> None:
    kinds = pictures()
    print_row("", "pictures", "right", "?", "by `read`", "accepted", "wrong of them")
    for path in sys.argv[1:] or [BUNDLED]:
        print(path)
        classifier = Classifier(path)
        for kind, labelled in kinds.items():
            predictions = classifier.predict_batch([picture for picture, _ in labelled])
            pairs = zip(predictions, labelled, strict=True)
            right = [prediction.guess == label for prediction, (_, label) in pairs]
            unsure = sum(prediction.digit is None for prediction in predictions)
            share = 100 * float(np.mean(right))
            print_row(f"  {kind}", len(right), share, unsure, *by_read(classifier, labelled))
