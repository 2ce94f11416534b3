import math

import numpy as np
import pytest

from digits.data.mnist import Split
from digits.errors import ModelError
from digits.evaluation.digits import MAX_MISTAKES, Evaluation


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
    assert result.recall[1] == pytest.approx(2 / 3)
    assert result.precision[7] == 0.5
    assert (result.precision[1], result.recall[7]) == (1.0, 1.0)
    assert math.isnan(result.recall[0]) and math.isnan(result.precision[0])


def test_interval_matches_wilson() -> None:
    """8 of 10: 0.4901625 to 0.9433178 (R's binom.wilson)."""
    result = evaluate([1] * 10, make_probabilities([1] * 8 + [2] * 2))
    assert result.interval == pytest.approx((0.4901625, 0.9433178), abs=1e-6)
    perfect = evaluate([1] * 10, make_probabilities([1] * 10))
    assert perfect.interval == pytest.approx((0.7224672, 1.0), abs=1e-6)


def test_empty_evaluation_has_nan_metrics() -> None:
    result = Evaluation()
    shares = [result.accuracy, *result.interval, result.calibration.error]
    assert all(math.isnan(share) for share in [*shares, result.selective_accuracy])


def test_nan_probabilities_are_an_error() -> None:
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
    assert len(result.mistakes) == MAX_MISTAKES
    assert [mistake.name for mistake in result.mistakes[:2]] == ["digit 95", "digit 94"]
    worst = result.mistakes[0]
    assert (worst.label, worst.predicted) == (4, 9)
    assert worst.confidence == pytest.approx(0.99)
    assert worst.label_probability == pytest.approx(0.01 / 9)
