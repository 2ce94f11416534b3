"""The likeliest text of several looks, and with constraints."""

import math
from typing import Any

import numpy as np
import pytest

from digits import Constraints
from digits.reader import crops
from digits.reader.decode import Calibration, canonical, read_number, score_texts
from tests.drawings import EVEN, steps, views

SURE, EITHER = {"7": 0.99, "1": 0.009}, {"7": 0.6, "1": 0.39}
FREE = Constraints()


def test_a_look_that_differs_makes_unsure() -> None:
    agreeing = read_number(views(*[steps("12", SURE)] * 4), FREE, EVEN)
    assert (agreeing.text, agreeing.second_best, agreeing.satisfies) == ("127", "121", True)
    looks = [steps("12", SURE)] * 3 + [steps("12", {"1": 0.99, "7": 0.009})]
    differing = read_number(views(*looks), FREE, EVEN)
    assert differing.text == "127" and differing.probability < agreeing.probability


def test_looks_of_different_widths_count_evenly() -> None:
    wide = np.concatenate([steps("12", EITHER), steps("")])
    shares = [
        score_texts(views(*looks)).shares(0)
        for looks in ([steps("12", EITHER)], [wide, steps("12", EITHER)])
    ]
    assert shares[0]["127"] == pytest.approx(shares[1]["127"], rel=1e-4)


def test_second_opinion_counts_by_its_weight() -> None:
    both = views(steps("12", EITHER), second_opinion=[steps("12", {"1": 0.9, "7": 0.09})])
    assert read_number(both, FREE, EVEN).text == "127"
    assert read_number(both, FREE, EVEN._replace(second_opinion_weight=0.1)).text == "127"
    assert read_number(both, FREE, EVEN._replace(second_opinion_weight=2.0)).text == "121"


@pytest.mark.parametrize("constraints", [{}, {"length": 1}, {"allowed": ["0"]}, {"pattern": "0"}])
def test_what_is_rather_no_whole_number_needs_review(constraints: dict[str, Any]) -> None:
    """However sure its text is: a ring is a 0."""
    whole, ring = (
        read_number(views(*[steps("0")] * 4, whole=whole), Constraints(**constraints), EVEN)
        for whole in (0.1, -0.1)
    )
    assert whole.text == ring.text == "0"
    assert (whole.needs_review, ring.needs_review) == (False, True)
    assert math.fsum(ring.unconstrained_texts.values()) <= 1 + 1e-9


@pytest.mark.parametrize(("whole", "probability"), [(0.0, 0.5), (2.0, 0.8808), (-1e5, 0.0)])
def test_probability_that_all_is_seen_counts(whole: float, probability: float) -> None:
    seen = views(steps("12", SURE), whole=whole)
    reading, surely = (read_number(each, FREE, EVEN) for each in (seen, seen._replace(whole=40.0)))
    assert reading.text == surely.text
    assert reading.probability == pytest.approx(probability * surely.probability, abs=1e-4)


def test_nothing_is_read_where_the_recognizer_sees_nothing() -> None:
    reading = read_number(views(steps("")), FREE, EVEN)
    assert (reading.text, reading.satisfies) == ("", False) and reading.probability > 0.9


def test_a_wrong_digit_is_repaired() -> None:
    """By Bayes' rule; and the second best satisfies the constraints, too."""
    last_digit, ends = {"7": 0.6, "6": 0.3, "1": 0.09}, Constraints(pattern=r"\d*[16]")
    read = read_number(views(steps("4992739871", last_digit), scores=[9.0] * 6), ends, EVEN)
    assert (read.text, read.unconstrained) == ("49927398716", "49927398717")
    assert read.second_best == "49927398711" and read.satisfies
    # One in 100 numbers ends otherwise.
    others = 1 - 0.3 / (0.39 + 0.006)
    assert read.probability == pytest.approx(EVEN.probability(others), abs=0.02)


@pytest.mark.parametrize(("present", "length"), [(0.3, 3), (0.7, 2)])
def test_a_missing_or_doubled_digit_is_repaired(present: float, length: int) -> None:
    """The last digit is rather there, or not, than what the length says."""
    seen = views(steps("12", {"7": present}), scores=(9.0, 9.0, 0.0))
    reading = read_number(seen, Constraints(length=length), EVEN)
    assert reading.text == "127"[:length] and reading.unconstrained == "127"[: 5 - length]
    assert reading.satisfies and reading.probability > 0.9


@pytest.mark.parametrize("look", [steps("127"), steps("7" * 200)])  # the latter is 0 to a computer
def test_what_satisfies_nothing_is_unreadable(look: np.ndarray) -> None:
    reading = read_number(views(look), Constraints(length=8), EVEN)
    assert not reading.satisfies and reading.probability == 0
    assert reading.text == reading.unconstrained and not reading.second_best


def test_a_list_is_stronger_evidence_than_a_pattern() -> None:
    """A reading with an unlikely digit is believed if few other numbers are allowed."""
    number_views = views(steps("123456", {"7": 0.996, "1": 0.003}), scores=[9.0] * 7)
    in_list = read_number(number_views, Constraints(allowed=["1234561"]), EVEN)
    matching = read_number(number_views, Constraints(pattern="1234561"), EVEN)
    assert in_list.probability > 0.95  # 3 in 1,000, and 1 % in 70 read so by a slip of the pen
    assert matching.probability == 0  # 3 in 1,000, but 1 % of numbers break their constraints


@pytest.mark.parametrize("length", [None, 2])
def test_digits_only_leaves_signs_out(length: int | None) -> None:
    constraints = Constraints(length=length, digits_only=True)
    reading = read_number(
        views(steps("", {"-": 0.5}, {"1": 0.998}, {"2": 0.998}), scores=[9.0] * 2),
        constraints,
        EVEN,
    )
    assert reading.text == "12" and reading.probability > 0.98
    assert read_number(views(steps("-")), constraints, EVEN).text == ""


@pytest.mark.parametrize(
    ("text", "number"),
    [("-12.5", "-12.5"), ("1200.-", "1200"), ("12-", "12"), (".50", "50"), ("-.", ""), ("", "")],
)
def test_signs_that_close_an_amount_are_no_part_of_it(text: str, number: str) -> None:
    assert canonical(text) == number
    assert read_number(views(steps(text)), FREE, EVEN).text == number


def test_what_is_longer_than_a_crop_is_for_review() -> None:
    long = views(steps("1234"))._replace(region=crops.region_of_box((0.0, 0.0, 2500.0, 40.0)))
    assert read_number(long, FREE, EVEN).needs_review
    assert not read_number(views(steps("1234")), FREE, EVEN).needs_review


def test_certainty_is_calibrated() -> None:
    cautious = Calibration(2.0, -1.0)
    assert cautious.probability(1e-3) < EVEN.probability(1e-3) < 1
    assert cautious.probability(0.0) < 1
