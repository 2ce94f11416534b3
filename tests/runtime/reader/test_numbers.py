import pytest

from digits import Constraints
from digits.reader.lattice import Arc
from digits.reader.numbers import read_number
from tests.runtime.reader.test_search import arc

ANY = Constraints()


def doubtful(digits: str, **doubts: float) -> list[Arc]:
    """Sure digits one after the other. doubts: of the last one, other symbols' probabilities."""
    sure = [arc(index, 7.0, **{f"d{digit}": 0.999}) for index, digit in enumerate(digits)]
    rest = 1 - sum(doubts.values()) - 0.001
    sure[-1] = arc(len(digits) - 1, 7.0, **{f"d{digits[-1]}": rest}, **doubts)
    return sure


def test_a_wrong_digit_is_repaired() -> None:
    """The network prefers 49927398717, which Luhn's check digit refuses."""
    lattice = doubtful("49927398717", d6=0.3)
    reading = read_number(lattice, Constraints(check="luhn"), 1.0)
    assert (reading.text, reading.unconstrained) == ("49927398716", "49927398717")
    assert reading.satisfies and 0.9 < reading.probability < 1


@pytest.mark.parametrize(("score", "length"), [(-1.0, 3), (1.0, 2)])
def test_a_missing_or_doubled_digit_is_repaired(score: float, length: int) -> None:
    """The last digit is rather there, or not, than what the length says."""
    lattice = [*doubtful("12"), arc(2, score, d7=0.99)]
    reading = read_number(lattice, Constraints(length=length), 1.0)
    assert reading.text == "127"[:length] and reading.unconstrained == "127"[: 5 - length]
    assert reading.satisfies and reading.probability > 0.9


@pytest.mark.parametrize(
    "constraints",
    [
        Constraints(length=8),
        Constraints(values=["555"]),
    ],
)
def test_what_satisfies_nothing_is_unreadable(constraints: Constraints) -> None:
    reading = read_number(doubtful("127", d1=0.1), constraints, 1.0)
    assert not reading.satisfies and reading.probability == 0
    assert (reading.text, reading.unconstrained, reading.runner_up) == ("127", "127", "")


def test_a_list_is_stronger_evidence_than_a_length() -> None:
    """A reading with an unlikely digit is believed if few other numbers are allowed."""
    lattice = doubtful("1234567", d1=0.003)
    in_list = read_number(lattice, Constraints(values=["1234561"]), 1.0)
    matching = read_number(lattice, Constraints(pattern="1234561"), 1.0)
    assert in_list.probability > 0.95  # 3 in 1,000, and 1 % in 70 read so by a slip of the pen
    assert matching.probability == 0  # 3 in 1,000, but 1 % of numbers break their constraints


def test_second_best_satisfies_the_constraints_too() -> None:
    reading = read_number(doubtful("127", d1=0.1, d3=0.2), Constraints(pattern="..[17]"), 1.0)
    assert (reading.text, reading.runner_up) == ("127", "121")


def test_digits_only_leaves_signs_out() -> None:
    lattice = [arc(0, 3.0, minus=0.99), *(a._replace(start=a.start + 1) for a in doubtful("12"))]
    reading = read_number(lattice, Constraints(digits_only=True), 1.0)
    assert (reading.text, reading.unconstrained, reading.runner_up) != ("-12", "-12", "12")
    assert reading.text == "12" and reading.probability > 0.98
    assert read_number(lattice, Constraints(length=2, digits_only=True), 1.0).text == "12"
    assert read_number([lattice[0]], Constraints(digits_only=True), 1.0).symbols == []
