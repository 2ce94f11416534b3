import math

import numpy as np
import pytest

from digits.data.mnist import Split
from digits.errors import ModelError
from digits.evaluation.digits import MAX_MISTAKES, Evaluation
from digits.evaluation.statistics import wilson_interval


def evaluate(labels: list[int], probabilities: np.ndarray, threshold: float = 0.0) -> Evaluation:
    """In three batches."""
    result = Evaluation(threshold)
    images = np.zeros((len(labels), 28, 28), np.uint8)
    for rows in np.array_split(np.arange(len(labels)), 3):
        part = Split(images[rows], np.array(labels, np.uint8)[rows])
        result.add(part, probabilities[rows])
    return result


def make_probabilities(digits: list[int], confidence: list[float] | float = 0.9) -> np.ndarray:
    """Give each digit its confidence; the other nine share the rest. float32 [n, 10]."""
    sure = np.broadcast_to(confidence, len(digits))
    rows = np.repeat((1 - sure)[:, None] / 9, 10, axis=1)
    rows[np.arange(len(digits)), digits] = sure
    return rows.astype(np.float32)


def test_accuracy_precision_recall_by_hand() -> None:
    result = evaluate([1, 1, 1, 7], make_probabilities([1, 1, 7, 7]))
    assert (result.total, result.wrong, result.accuracy) == (4, 1, 0.75)
    assert result.confusion[1, 7] == 1
    for digit, precision, recall in ((1, 1, 2 / 3), (7, 0.5, 1), (0, math.nan, math.nan)):
        shares = result.precision[digit], result.recall[digit]
        assert shares == pytest.approx((precision, recall), nan_ok=True)


def test_interval_matches_wilson() -> None:
    """As R's binom.wilson calculates it."""
    assert wilson_interval(0.8, 10) == pytest.approx((0.4901625, 0.9433178), abs=1e-6)
    assert wilson_interval(1, 10) == pytest.approx((0.7224672, 1.0), abs=1e-6)


def test_nothing_and_nan() -> None:
    empty = Evaluation()
    shares = [empty.accuracy, *empty.interval, empty.calibration.error, empty.selective_accuracy]
    assert all(map(math.isnan, shares))
    with pytest.raises(ModelError, match="invalid probabilities"):
        evaluate([3], np.full((1, 10), np.nan, np.float32))


def test_rejected_predictions_are_counted() -> None:
    probabilities = make_probabilities([3, 3, 5, 5, 3], [0.9, 0.4, 0.4, 0.9, 0.5])
    result = evaluate([3] * 5, probabilities, threshold=0.5)
    assert (result.rejected, result.rejected_right, result.wrong) == (2, 1, 2)
    assert result.selective_accuracy == 2 / 3


@pytest.mark.parametrize(
    ("labels", "confidence", "error"),  # all are read as 0
    [
        ([0] * 9 + [1], [0.9] * 10, 0.0),
        ([0] * 9 + [1], [1.0] * 10, 0.1),
        # Over all bins together, they would partly cancel.
        ([0, 0, 1, 1], [0.5, 0.5, 0.99, 0.99], (0.5 + 0.99) / 2),
    ],
)
def test_calibration_error(labels: list[int], confidence: list[float], error: float) -> None:
    result = evaluate(labels, make_probabilities([0] * len(labels), confidence))
    assert result.calibration.error == pytest.approx(error, abs=1e-6)


def test_only_the_worst_mistakes_are_kept() -> None:
    count = 3 * MAX_MISTAKES
    sure = np.linspace(0.5, 0.99, count)
    result = evaluate([4] * count, make_probabilities([9] * count, sure.tolist()))
    assert result.wrong == count
    names = [f"digit {number}" for number in range(95, 95 - MAX_MISTAKES, -1)]
    assert [mistake.name for mistake in result.mistakes] == names
    assert result.mistakes[0][2:] == pytest.approx((4, 9, 0.99, 0.01 / 9))
