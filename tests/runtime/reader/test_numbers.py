import pytest

from digits import Constraints
from digits.reader.numbers import read_number
from tests.runtime.reader.drawn import arc, lattice


def test_a_wrong_digit_is_repaired() -> None:
    """And the second best satisfies the constraints, too."""
    arcs = lattice("4992739871", {"7": 0.6, "6": 0.3, "1": 0.09})
    reading = read_number(arcs, Constraints(pattern=r"\d*[16]"), 1.0)
    assert (reading.text, reading.unconstrained) == ("49927398716", "49927398717")
    assert reading.runner_up == "49927398711" and reading.satisfies
    assert reading.probability == pytest.approx(0.3 / 0.396, abs=0.02)


@pytest.mark.parametrize(("score", "length"), [(-1.0, 3), (1.0, 2)])
def test_a_missing_or_doubled_digit_is_repaired(score: float, length: int) -> None:
    """The last digit is rather there, or not, than what the length says."""
    arcs = [*lattice("12"), arc(2, score, {"7": 0.99})]
    reading = read_number(arcs, Constraints(length=length), 1.0)
    assert reading.text == "127"[:length] and reading.unconstrained == "127"[: 5 - length]
    assert reading.satisfies and reading.probability > 0.9


def test_what_satisfies_nothing_is_unreadable() -> None:
    reading = read_number(lattice("12", {"7": 0.899, "1": 0.1}), Constraints(length=8), 1.0)
    assert not reading.satisfies and reading.probability == 0
    assert (reading.text, reading.unconstrained, reading.runner_up) == ("127", "127", "")


def test_a_list_is_stronger_evidence_than_a_length() -> None:
    """A reading with an unlikely digit is believed if few other numbers are allowed."""
    arcs = lattice("123456", {"7": 0.996, "1": 0.003})
    in_list = read_number(arcs, Constraints(values=["1234561"]), 1.0)
    matching = read_number(arcs, Constraints(pattern="1234561"), 1.0)
    assert in_list.probability > 0.95  # 3 in 1,000, and 1 % in 70 read so by a slip of the pen
    assert matching.probability == 0  # 3 in 1,000, but 1 % of numbers break their constraints


def test_digits_only_leaves_signs_out() -> None:
    minus, *digits = lattice("", {"-": 0.99}, {"1": 0.999}, {"2": 0.999})
    minus = minus._replace(score=3.0)
    reading = read_number([minus, *digits], Constraints(digits_only=True), 1.0)
    assert reading.text == "12" and reading.probability > 0.98
    both = Constraints(length=2, digits_only=True)
    assert read_number([minus, *digits], both, 1.0).text == "12"
    assert read_number([minus], Constraints(digits_only=True), 1.0).symbols == []
