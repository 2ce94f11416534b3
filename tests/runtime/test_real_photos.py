"""Handwriting from outside MNIST, if the photographs are there."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import digits
from digits.evaluation.alignment import align

SHARED = Path(__file__).parents[3] / "shared" / "photos"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SHARED.is_dir(), reason="needs photographs that are not distributed"),
]


def test_accuracy_on_real_photos(classifier: digits.Classifier) -> None:
    right, total = Counter[str](), Counter[str]()
    with (SHARED / "single.csv").open() as table:
        for row in csv.DictReader(table):
            kind = Path(row["file"]).name.split("_")[0]
            probabilities = classifier.predict(SHARED / row["file"]).probabilities
            right[kind] += int(np.argmax(probabilities)) == int(row["digit"])
            total[kind] += 1
    for kind, least in {"phone": 0.9, "sudoku": 0.9, "exam": 0.9, "mouse": 0.98}.items():
        assert right[kind] >= least * total[kind] > 0


def test_error_rate_on_real_pages(classifier: digits.Classifier) -> None:
    with (SHARED / "lines.csv").open() as table:
        scores = [
            align(
                "".join(number.free for number in classifier.read(SHARED / row["file"]).numbers),
                row["digits"].replace("/", " "),
            ).score
            for row in csv.DictReader(table)
        ]
    assert sum(score.errors for score in scores) <= 0.1 * sum(score.symbols for score in scores)
