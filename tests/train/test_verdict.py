"""What is told of data, and of a training that failed."""

from collections.abc import Sequence

import numpy as np
import pytest

from digits.alignment import Score
from digits.data.split import Split, SplitName
from digits.evaluation.digits import Evaluation
from digits_train import verdict

ALL, MOST = [*range(10)] * 10, [*range(8)] * 13


@pytest.mark.parametrize(
    ("train", "test", "warnings"),
    [
        (ALL[:10], ALL, []),
        (
            *(MOST, MOST),
            [f"no {name} examples of 8, 9: add pictures of them" for name in ("training", "test")],
        ),
        (
            *(ALL, ALL[:20]),
            [
                "only 100 validation and 20 test digits: an accuracy of 95% measured on 20 means"
                " 76% to 99% (95 % interval); with 700 pictures each has about 100"
            ],
        ),
    ],
)
def test_data_warnings(train: list[int], test: list[int], warnings: list[str]) -> None:
    labels: dict[SplitName, list[int]] = {"train": train, "validation": ALL, "test": test}
    images = np.zeros((0, 28, 28), np.uint8)
    splits = {name: Split(images, np.array(each)) for name, each in labels.items()}
    assert [*verdict.data_warnings(splits)] == warnings


@pytest.mark.parametrize(
    ("labels", "right", "fails"),
    [
        ([*range(10)] * 100, 110, True),  # 9.2 to 13.1 %
        ([*range(10)] * 100, 130, False),
        ([7] * 90 + [*range(10)], 91, True),  # as many as 7s
        ([7] * 90 + [*range(10)], 98, False),
        ([7], 0, False),  # nothing can be told
    ],
)
def test_failure_if_no_better_than_guessing(labels: Sequence[int], right: int, fails: bool) -> None:
    """Of a network that reads the first `right` digits right, each other one as the next digit."""
    counts = np.zeros((10, 10), np.int64)
    for index, label in enumerate(labels):
        counts[label, label if index < right else (label + 1) % 10] += 1
    message = verdict.failure(Evaluation(confusion=counts))
    complaint = f"it reads {counts.trace() / counts.sum():.2%} of {len(labels)} digits"
    assert (message is not None) == fails and complaint in (message or complaint)


@pytest.mark.parametrize(
    ("score", "fails"), [(Score(10, 7, 0, 3), True), (Score(10, 6, 1, 2), False)]
)
def test_failure_of_detector(score: Score, fails: bool) -> None:
    assert (verdict.detector_failure(score) is not None) == fails


@pytest.mark.parametrize(("accuracy", "fails"), [(0.1, True), (0.11, False)])
def test_failure_of_recognizer(accuracy: float, fails: bool) -> None:
    assert (verdict.recognizer_failure(accuracy, 100) is not None) == fails
