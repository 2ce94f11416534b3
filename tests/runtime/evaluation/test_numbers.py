import numpy as np
import pytest

from digits.evaluation.numbers import MAX_WORST, NumberEvaluation
from digits.prediction import Number, NumberStatus


def number(text: str, probability: float = 0.995) -> Number:
    """A number that is accepted from 0.99 on; without text, one that is unreadable."""
    read: NumberStatus = "accepted" if probability >= 0.99 else "review"
    return Number(text, probability, read if text else "unreadable", "", text, ())


def evaluate(*pages: tuple[str, list[Number]]) -> NumberEvaluation:
    evaluation = NumberEvaluation()
    for index, (written, numbers) in enumerate(pages):
        evaluation.add(f"{index}.png", written.split(), numbers)
    return evaluation


@pytest.mark.parametrize(
    ("written", "read", "counts"),  # written, exact, invented, silent errors
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
    evaluation = evaluate((written, [number(text) for text in read.split()]))
    values = evaluation.to_dict(max_errors=0.01)
    keys = ("numbers", "exact", "invented", "silent_errors")
    assert tuple(values[key] for key in keys) == counts
    assert len(evaluation.worst) == values["silent_errors"]


def test_unreadable_number_takes_its_turn() -> None:
    evaluation = evaluate(("1 2 3", [number("1"), number(""), number("3")]))
    assert (evaluation.written, evaluation.right.tolist()) == (3, [1, 1])
    assert evaluate(("", [number("")])).invented == 0


def test_results() -> None:
    evaluation = evaluate(
        ("1", [number("1", 0.999)]),
        ("2", [number("7", 0.99)]),
        ("3 4", [number("3", 0.97), number("")]),
        ("", [number("5", 0.3)]),
    )
    values = evaluation.to_dict(max_errors=0.01)
    expected = {"numbers": 4, "exact": 2, "invented": 1, "accuracy": 0.5, "accepted": 2}
    expected |= {"coverage": 2 / 5, "silent_errors": 1, "risk": 0.5, "max_errors": 0.01}
    assert {key: values[key] for key in expected} == expected
    assert values["interval"][0] < 0.5 < values["interval"][1]
    assert values["calibration_error"] == pytest.approx((0.999 + 0.99 + 0.97 - 2 + 0.3) / 4)
    curve = [(row["max_errors"], row["accepted"], row["risk"]) for row in values["curve"]]
    assert curve[:3] == [(0.05, 3, 1 / 3), (0.02, 2, 0.5), (0.01, 2, 0.5)]
    assert curve[3:] == [(0.005, 1, 0), (0.001, 1, 0)]
    assert values["worst"] == [{"probability": 0.99, "name": "1.png", "written": "2", "read": "7"}]


def test_worst_errors_are_the_surest() -> None:
    probabilities = np.random.default_rng(0).permutation(np.linspace(0.99, 1, 50)).tolist()
    evaluation = evaluate(*(("1", [number("7", probability)]) for probability in probabilities))
    worst = [error.probability for error in evaluation.worst]
    assert worst == sorted(probabilities, reverse=True)[:MAX_WORST]
