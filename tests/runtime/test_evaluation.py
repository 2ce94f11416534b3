import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.data.image_folder import Batch
from digits.data.mnist import Split
from digits.errors import ModelError
from digits.evaluation import MAX_MISTAKES, Evaluation


def evaluated(
    labels: list[int], probabilities: np.ndarray, threshold: float = 0.0, parts: int = 1
) -> Evaluation:
    result = Evaluation(threshold)
    images = np.zeros((len(labels), 28, 28), np.uint8)
    whole = Batch.from_split(Split(images, np.array(labels, np.uint8)), "digit")
    for rows in np.array_split(np.arange(len(labels)), parts):
        part = Batch(whole.images[rows], whole.labels[rows], [whole.names[row] for row in rows])
        result.add(part, probabilities[rows])
    return result


def answers(digits: list[int], confidence: list[float] | float = 0.9) -> np.ndarray:
    """Probabilities whose largest is that of the digit; the others share the rest."""
    sure = np.broadcast_to(confidence, len(digits))
    rows = np.repeat((1 - sure)[:, None] / 9, 10, axis=1)
    rows[np.arange(len(digits)), digits] = sure
    return rows.astype(np.float32)


def test_accuracy_precision_and_recall() -> None:
    result = evaluated([1, 1, 1, 7], answers([1, 1, 7, 7]))
    assert (result.total, result.wrong, result.accuracy) == (4, 1, 0.75)
    assert result.confusion[1, 7] == 1
    assert result.recall[1] == pytest.approx(2 / 3)
    assert result.precision[7] == 0.5
    assert (result.precision[1], result.recall[7]) == (1.0, 1.0)
    assert math.isnan(result.recall[0])
    assert math.isnan(result.precision[0])


def test_the_interval_is_wilson_s() -> None:
    """8 of 10: 0.4901625 to 0.9433178 (R's binom.wilson)."""
    result = evaluated([1] * 10, answers([1] * 8 + [2] * 2))
    assert result.interval == pytest.approx((0.4901625, 0.9433178), abs=1e-6)
    perfect = evaluated([1] * 10, answers([1] * 10))
    assert perfect.interval == pytest.approx((0.7224672, 1.0), abs=1e-6)


def test_nothing_has_no_accuracy() -> None:
    result = Evaluation()
    shares = [result.accuracy, *result.interval, result.calibration_error]
    assert all(math.isnan(share) for share in [*shares, result.selective_accuracy])


def test_numbers_that_are_none_have_no_accuracy() -> None:
    with pytest.raises(ModelError, match="invalid probabilities"):
        evaluated([3], np.full((1, 10), np.nan, np.float32))


def test_rejected_answers_are_counted_apart() -> None:
    result = evaluated([3, 3, 3, 3], answers([3, 3, 5, 5], [0.9, 0.4, 0.4, 0.9]), threshold=0.5)
    assert (result.rejected, result.rejected_right, result.wrong) == (2, 1, 2)
    assert result.selective_accuracy == 0.5


def test_the_calibration_error_of_honest_and_of_boastful_confidence() -> None:
    """Nine of ten right: honest at 90 %, boastful at 100 %."""
    labels = [0] * 9 + [1]
    honest = evaluated(labels, answers([0] * 10, 0.9))
    boastful = evaluated(labels, answers([0] * 10, 1.0))
    assert honest.calibration_error == pytest.approx(0, abs=1e-6)
    assert boastful.calibration_error == pytest.approx(0.1, abs=1e-6)


def test_the_calibration_error_is_taken_bin_by_bin() -> None:
    """Half the digits doubted and right, half boasted and wrong: the mean alone would be fair."""
    result = evaluated([0, 0, 1, 1], answers([0] * 4, [0.5, 0.5, 0.99, 0.99]))
    assert result.calibration_error == pytest.approx((0.5 + 0.99) / 2)


def test_the_worst_mistakes_are_kept_and_no_more() -> None:
    count = 3 * MAX_MISTAKES
    sure = np.linspace(0.5, 0.99, count)
    result = evaluated([4] * count, answers([9] * count, sure.tolist()))
    assert result.wrong == count
    assert len(result.mistakes) == MAX_MISTAKES
    assert [mistake.name for mistake in result.mistakes[:2]] == ["digit 95", "digit 94"]
    worst = result.mistakes[0]
    assert (worst.label, worst.predicted) == (4, 9)
    assert worst.confidence == pytest.approx(0.99)
    assert worst.label_probability == pytest.approx(0.01 / 9)


def test_of_equal_mistakes_the_first_are_kept() -> None:
    count = 2 * MAX_MISTAKES
    result = evaluated([4] * count, answers([9] * count))
    assert [mistake.name for mistake in result.mistakes] == [
        f"digit {n}" for n in range(MAX_MISTAKES)
    ]


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 9), st.floats(0.2, 1)), min_size=1, max_size=90
    ),
    st.integers(1, 90),
)
def test_the_batches_make_no_difference(digits: list[tuple[int, int, float]], parts: int) -> None:
    labels, predicted, sure = (list(values) for values in zip(*digits, strict=True))
    rows = answers(predicted, sure)
    one, many = evaluated(labels, rows, 0.5), evaluated(labels, rows, 0.5, min(parts, len(digits)))
    assert (one.confusion == many.confusion).all()
    assert one.rejected == many.rejected
    assert one.calibration_error == pytest.approx(many.calibration_error, abs=1e-12)
    assert [m.name for m in one.mistakes] == [m.name for m in many.mistakes]
    low, high = one.interval
    assert 0 <= low <= one.accuracy + 1e-12
    assert one.accuracy - 1e-12 <= high <= 1
