from collections.abc import Sequence
from typing import get_args

import numpy as np
import pytest

from digits.data.mnist import Split, SplitName, Splits
from digits.evaluation.digits import Evaluation
from digits_train import diagnose
from digits_train.matching import NOTHING, DetectionErrors
from digits_train.metrics import EpochMetrics


def epoch(train_accuracy: float) -> EpochMetrics:
    return EpochMetrics(1, 1.0, train_accuracy, 1.0, 0.5, 1.0, 1.0)


def evaluation(labels: Sequence[int], right: int) -> Evaluation:
    """The first `right` digits are read right, each other one as the next digit."""
    counts = np.zeros((10, 10), np.int64)
    for index, label in enumerate(labels):
        counts[label, label if index < right else (label + 1) % 10] += 1
    return Evaluation(confusion=counts, wrong=len(labels) - right)


def splits(**counts: int | list[int]) -> Splits:
    """Splits of blank digits. counts: how many digits, of all ten in turn, or their labels."""
    made: Splits = {}
    for name in get_args(SplitName):
        if name in counts:
            of = counts[name]
            labels = np.arange(of) % 10 if isinstance(of, int) else np.array(of)
            made[name] = Split(np.zeros((len(labels), 28, 28), np.uint8), labels.astype(np.uint8))
    return made


MOST = [*range(8)] * 13


@pytest.mark.parametrize(
    ("counts", "warnings"),
    [
        ({"train": 10, "validation": 100, "test": 100}, []),
        (
            {"train": MOST, "validation": 100, "test": 100},
            ["no training examples of 8, 9: the network can't learn to read them; add pictures"],
        ),
        (
            {"train": 100, "validation": MOST, "test": 100},
            ["no validation examples of 8, 9: no epoch is chosen by how well they are read; add"],
        ),
        (
            {"train": 100, "validation": 100, "test": MOST},
            ["no test examples of 8, 9: how well they are read isn't measured; add pictures"],
        ),
        (
            {"train": 500, "validation": 20, "test": 99},
            [
                "only 20 validation and 99 test digits: an accuracy of 95% measured on 20 means"
                " 76% to 99% (95 % interval)"
            ],
        ),
    ],
)
def test_data_warnings(counts: dict[str, int | list[int]], warnings: list[str]) -> None:
    for warning, start in zip(diagnose.data_warnings(splits(**counts)), warnings, strict=True):
        assert warning.startswith(start)


@pytest.mark.parametrize(
    ("labels", "right", "fails"),
    [
        (range(10), 0, True),
        ([*range(10)] * 2, 3, True),  # 15 %: 5 to 36
        ([*range(10)] * 2, 10, False),
        ([*range(10)] * 100, 110, True),  # 9.2 to 13.1 %
        ([*range(10)] * 100, 130, False),
        ([7] * 90 + [*range(10)], 91, True),  # as many as 7s
        ([7] * 90 + [*range(10)], 98, False),
        ([0, 1], 2, False),
        ([7], 0, False),  # nothing can be told
    ],
)
def test_failure_if_no_better_than_guessing(labels: Sequence[int], right: int, fails: bool) -> None:
    assert (diagnose.failure(evaluation(labels, right), epoch(0.3), 500) is not None) == fails


@pytest.mark.parametrize(
    ("train_accuracy", "steps", "remedy"),
    [
        (0.1, 99, "99 steps are too few, try more --epochs or a smaller --batch-size"),
        (0.1, 100, "try another --learning-rate"),
        (0.9, 100, "it overfits, and needs more training digits"),
    ],
)
def test_failure_names_remedy(train_accuracy: float, steps: int, remedy: str) -> None:
    failure = diagnose.failure(evaluation([3, *range(10)], 1), epoch(train_accuracy), steps)
    assert failure == (
        "the network can't be told from guessing: it reads 9.09% of 11 digits, and always"
        f" answering 3 gives 18.18%; {remedy}"
    )


@pytest.mark.parametrize(
    ("right", "train_accuracy", "lags"),
    [(50, 0.7, True), (50, 0.55, False), (100, 1.0, False), (97, 1.0, False), (90, 1.0, True)],
)
def test_ema_lag(right: int, train_accuracy: float, lags: bool) -> None:
    warning = diagnose.ema_lag(evaluation([*range(10)] * 10, right), epoch(train_accuracy))
    assert (warning is not None) == lags
    if warning:
        assert f"it reads {right}.00% of the training digits, the network itself" in warning


@pytest.mark.parametrize(
    ("right", "missed", "invented", "fails"),
    [(0, 10, 0, True), (3, 7, 3, True), (3, 7, 2, False), (10, 0, 9, False), (0, 0, 0, True)],
)
def test_failure_of_reader(right: int, missed: int, invented: int, fails: bool) -> None:
    result = DetectionErrors()
    result.confusion[4, 4], result.confusion[4, NOTHING] = right, missed
    result.confusion[NOTHING, 7] = invented
    failure = diagnose.reader_failure(result, 3)
    assert (failure is not None) == fails
    if failure:
        assert f"{missed} are missed and 0 read wrong, and {invented} are invented" in failure
