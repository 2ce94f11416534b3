"""Handwriting from outside MNIST, if the photographs are there."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import digits
from digits.evaluation.alignment import align

SHARED = Path(__file__).parents[3] / "shared" / "photos"
real_photos = pytest.mark.skipif(
    not SHARED.is_dir(), reason="needs photographs that are not distributed"
)


@pytest.mark.slow
@real_photos
def test_accuracy_on_real_photos(classifier: digits.Classifier) -> None:
    """The bounds are requirements, below the measured accuracy."""
    right, total = Counter[str](), Counter[str]()
    with (SHARED / "single.csv").open() as table:
        for row in csv.DictReader(table):
            kind = Path(row["file"]).name.split("_")[0]
            prediction = classifier.predict(SHARED / row["file"])
            answer = int(np.argmax(prediction.probabilities))
            right[kind] += answer == int(row["digit"])
            total[kind] += 1
    share = {kind: right[kind] / total[kind] for kind in total}
    assert share["phone"] >= 0.9
    assert share["sudoku"] >= 0.9
    assert share["exam"] >= 0.9
    assert share["mouse"] >= 0.98


@real_photos
def test_error_rate_on_real_pages() -> None:
    classifier = digits.Classifier()
    with (SHARED / "lines.csv").open() as table:
        scores = [
            align(
                "".join(number.free for number in classifier.read(SHARED / row["file"]).numbers),
                row["digits"].replace("/", " "),
            ).score
            for row in csv.DictReader(table)
        ]
    assert sum(score.errors for score in scores) <= 0.1 * sum(score.symbols for score in scores)
