"""Digits and numbers beside their labels, and the risk of accepting numbers."""

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits import DataError
from digits.alignment import Score, align
from digits.data.split import Split
from digits.errors import ModelError
from digits.evaluation.acceptance import RiskBound, calibrate, parse_share
from digits.evaluation.digits import MAX_MISTAKES, Evaluation
from digits.evaluation.numbers import NumberEvaluation
from digits.evaluation.statistics import wilson_interval
from digits.prediction import Number


def evaluate(labels: list[int], probabilities: np.ndarray, threshold: float = 0.0) -> Evaluation:
    """In three batches."""
    result = Evaluation(threshold)
    images = np.zeros((len(labels), 28, 28), np.uint8)
    for rows in np.array_split(np.arange(len(labels)), 3):
        batch = Split(images[rows], np.array(labels, np.uint8)[rows])
        result.add(batch, probabilities[rows])
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


@cache
def edits(text: str, expected: str) -> int:
    """Their Levenshtein distance."""
    if not text or not expected:
        return len(text or expected)
    replaced = edits(text[1:], expected[1:]) + (text[0] != expected[0])
    return min(edits(text[1:], expected) + 1, edits(text, expected[1:]) + 1, replaced)


@pytest.mark.parametrize(
    ("read", "written", "differs"),
    [
        ("12 3\n4", "1234", (4, 0, 0, 0)),
        ("", "12\n3", (3, 3, 0, 0)),
        ("77", "", (0, 0, 0, 2)),
        ("1?34", "1234", (4, 0, 1, 0)),
        ("12", "21", (2, 1, 0, 1)),  # not two wrong ones
    ],
)
def test_score(read: str, written: str, differs: tuple[int, int, int, int]) -> None:
    assert align(read, written).score == Score(*differs)


@given(st.text("012-.", max_size=12), st.text("012-.", max_size=12))
def test_alignment_has_the_fewest_errors(read: str, written: str) -> None:
    alignment = align(read, written)
    assert alignment.score.errors == edits(read, written)
    paired = [partner for partner in alignment.partners if partner >= 0]
    assert paired == sorted(set(paired))  # in order, each at most once


def number(text: str, confidence: float = 0.995) -> Number:
    """A number that is accepted from 0.99 on; without text, one that satisfies no constraints."""
    if not text:
        return Number("", confidence, "none", "constraints", "", "", ())
    if confidence >= 0.99:
        return Number(text, confidence, "accepted", "", "", text, ())
    return Number(text, confidence, "review", "unsure", "", text, ())


def evaluate_numbers(*pages: tuple[str, list[Number]]) -> NumberEvaluation:
    evaluation = NumberEvaluation()
    for index, (written, numbers) in enumerate(pages):
        evaluation.add(f"{index}.png", written.split(), numbers)
    return evaluation


@pytest.mark.parametrize(
    ("written", "read", "counts"),  # written, exact, insertions, silent errors
    [
        ("12.5", "125", (1, 0, 0, 1)),
        ("12.5", "", (1, 0, 0, 0)),
        ("", "7", (0, 0, 1, 1)),
        # As many: in reading order.
        ("1 2 3", "1 3 2", (3, 1, 0, 2)),
        ("1 2", "2 3", (2, 0, 0, 2)),
        # Others: so that fewest are wrong.
        ("1 2 3", "1 3", (3, 2, 0, 0)),
        ("2 3", "9 2 3", (2, 2, 1, 1)),
        ("1 2 3", "1 8", (3, 1, 0, 1)),
    ],
)
def test_pairs(written: str, read: str, counts: tuple[int, int, int, int]) -> None:
    evaluation = evaluate_numbers((written, [number(text) for text in read.split()]))
    values = evaluation.to_dict(max_errors=0.01)
    keys = ("numbers", "exact", "insertions", "silent_errors")
    assert tuple(values[key] for key in keys) == counts
    assert len(evaluation.worst) == values["silent_errors"]


def test_unreadable_number_takes_its_turn() -> None:
    evaluation = evaluate_numbers(("1 2 3", [number("1"), number(""), number("3")]))
    assert (evaluation.written, evaluation.right.tolist()) == (3, [1, 1])
    assert evaluate_numbers(("", [number("")])).insertions == 0


def test_results() -> None:
    evaluation = evaluate_numbers(
        ("1", [number("1", 0.999)]),
        ("2", [number("7", 0.99)]),
        ("3 4", [number("3", 0.97), number("")]),
        ("", [number("5", 0.3)]),
    )
    values = evaluation.to_dict(max_errors=0.01)
    expected = {"numbers": 4, "exact": 2, "insertions": 1, "accuracy": 0.5, "accepted": 2}
    expected |= {"coverage": 2 / 5, "silent_errors": 1, "risk": 0.5, "max_errors": 0.01}
    assert {key: values[key] for key in expected} == expected
    assert values["interval"][0] < 0.5 < values["interval"][1]
    assert values["calibration_error"] == pytest.approx((0.999 + 0.99 + 0.97 - 2 + 0.3) / 4)
    curve = [(row["max_errors"], row["accepted"], row["risk"]) for row in values["curve"]]
    assert curve[:3] == [(0.05, 3, 1 / 3), (0.02, 2, 0.5), (0.01, 2, 0.5)]
    assert curve[3:] == [(0.005, 1, 0), (0.001, 1, 0)]
    assert values["worst"] == [{"confidence": 0.99, "name": "1.png", "label": "2", "read": "7"}]


def test_share() -> None:
    for text, share in (("0.1%", 0.001), ("0,1 %", 0.001), (" 1e-3", 0.001), ("99.9%", 0.999)):
        assert parse_share(text) == pytest.approx(share)
    hints = dict.fromkeys(("0", "-1%", "nan", "100%", "100"), "")
    hints |= {"1": "; is 1% meant[?]", "99,9": "; is 99.9% meant[?]"}
    for text, hint in hints.items():
        with pytest.raises(ValueError, match=f"between 0 and 100%, not '{text}'{hint}$"):
            parse_share(text)


def test_as_many_as_possible_are_accepted() -> None:
    probabilities = np.linspace(1, 0.5, 1000).tolist()
    bound = calibrate(probabilities, [1] * 800 + [0] * 200, 0.02)
    assert bound == RiskBound(1 - probabilities[785], 0.02, 1000, 786, 0)
    # Of 400 at a rate of 2 %, at most 3 are wrong with a chance of 4.1 %, at most 4 of 9.7 %.
    assert calibrate([0.9] * 400, [1] * 397 + [0] * 3, 0.02).errors == 3
    with pytest.raises(DataError, match="can't show"):
        calibrate([0.9] * 400, [1] * 396 + [0] * 4, 0.02)


@pytest.mark.parametrize(
    ("right", "max_risk", "cause"),
    [
        (
            [1] * 28,
            0.1,
            "28 labelled numbers were read; to show .* 10% are wrong takes 1 more",
        ),
        ([], 0.001, "takes 2,995 more"),
        ([1, 0] * 500, 0.1, "can't show that at most 10% are wrong, but at most 5[4-9]%"),
        ([0] * 300, 0.1, "but at most 100%"),
    ],
)
def test_no_risk_bound(right: list[int], max_risk: float, cause: str) -> None:
    with pytest.raises(DataError, match=cause):
        calibrate(np.linspace(1, 0.5, len(right)).tolist(), right, max_risk)
