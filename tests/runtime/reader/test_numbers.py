"""The likeliest texts by both networks, and with constraints."""

import math
from typing import Any

import numpy as np
import pytest

from digits import Constraints
from digits.inference.recognizer_model import RecognizerModel
from digits.reader.lattice import Arc
from digits.reader.numbers import read_number
from digits.reader.opinions import Weights
from tests.drawings import EVEN, UNSEEN, arc, lattice, steps, views

SLIPS = EVEN._replace(detector_slip_rate=0.01)
EITHER = {"7": 0.9, "1": 0.09}


def test_agreement_makes_surer_than_either_is() -> None:
    read = read_number(views(lattice("12", EITHER), steps("12", EITHER)), Constraints(), EVEN)
    assert (read.text, read.runner_up, read.satisfies) == ("127", "121", True)
    assert 0.97 < read.probability < 1 and sum(read.texts.values()) < 1


@pytest.mark.parametrize(
    ("detected", "recognized", "weights", "text"),
    [
        (lattice("12", {"7": 0.6, "1": 0.39}), steps("12", {"1": 0.95, "7": 0.04}), EVEN, "121"),
        (lattice("12", {"7": 0.6, "1": 0.39}), steps("12", {"1": 0.8, "7": 0.19}), (4, 1), "127"),
        (lattice("12"), steps("127"), SLIPS, "127"),  # the detector overlooks a symbol
        (lattice("12"), steps("127"), EVEN, "12"),
        (lattice("127"), steps("12"), SLIPS, "12"),  # or makes one up
        (lattice("1"), steps(""), SLIPS, ""),  # or all
        ([], steps("4"), SLIPS, "4"),
        ([arc(0, -1.0, {"4": 0.9})], steps("", {"4": 0.5}), EVEN, ""),
        ([], steps(""), SLIPS, ""),
    ],
)
def test_who_is_believed(
    detected: list[Arc], recognized: np.ndarray, weights: tuple[float, ...], text: str
) -> None:
    weights = Weights(*weights, *EVEN[len(weights) :])
    read = read_number(views(detected, recognized), Constraints(), weights)
    assert (read.text, read.satisfies) == (text, bool(text))
    assert read.probability > 0.5 and math.fsum(read.unconstrained_texts.values()) <= 1 + 1e-9


def test_a_wrong_digit_is_repaired() -> None:
    """By Bayes' rule; and the second best satisfies the constraints, too."""
    last_digit, ends = {"7": 0.6, "6": 0.3, "1": 0.09}, Constraints(pattern=r"\d*[16]")
    # One in 100 numbers ends otherwise.
    for recognized, share in (
        (UNSEEN, 0.3 / (0.39 + 0.006)),
        (steps("4992739871", last_digit), 0.3**2 / (0.3**2 + 0.09**2 + 0.01 * 0.6**2)),
    ):
        read = read_number(views(lattice("4992739871", last_digit), recognized), ends, EVEN)
        assert (read.text, read.unconstrained) == ("49927398716", "49927398717")
        assert read.runner_up == "49927398711" and read.satisfies
        assert read.probability == pytest.approx(EVEN.calibrated(share), abs=0.02)


@pytest.mark.parametrize(("score", "length"), [(-1.0, 3), (1.0, 2)])
def test_a_missing_or_doubled_digit_is_repaired(score: float, length: int) -> None:
    """The last digit is rather there, or not, than what the length says."""
    arcs = [*lattice("12"), arc(2, score, {"7": 0.99})]
    reading = read_number(views(arcs), Constraints(length=length), EVEN)
    assert reading.text == "127"[:length] and reading.unconstrained == "127"[: 5 - length]
    assert reading.satisfies and reading.probability > 0.9


@pytest.mark.parametrize(
    ("detected", "recognized"),
    [
        (lattice("12", {"7": 0.899, "1": 0.1}), steps("127")),
        *((lattice("7" * 200), seen) for seen in (UNSEEN, steps("7" * 200))),  # 0 to a computer
    ],
)
def test_what_satisfies_nothing_is_unreadable(detected: list[Arc], recognized: np.ndarray) -> None:
    reading = read_number(views(detected, recognized), Constraints(length=8), EVEN)
    assert not reading.satisfies and reading.probability == 0
    assert reading.text == reading.unconstrained and not reading.runner_up


def test_a_list_is_stronger_evidence_than_a_length() -> None:
    """A reading with an unlikely digit is believed if few other numbers are allowed."""
    number_views = views(lattice("123456", {"7": 0.996, "1": 0.003}))
    in_list = read_number(number_views, Constraints(values=["1234561"]), EVEN)
    matching = read_number(number_views, Constraints(pattern="1234561"), EVEN)
    assert in_list.probability > 0.95  # 3 in 1,000, and 1 % in 70 read so by a slip of the pen
    assert matching.probability == 0  # 3 in 1,000, but 1 % of numbers break their constraints


@pytest.mark.parametrize("constraints", [{}, {"length": 1}, {"values": ["4"]}, {"pattern": "4"}])
def test_no_number_is_sure_where_both_networks_see_none(constraints: dict[str, Any]) -> None:
    """However nearly they see one, and whatever is known of it."""
    weights = Weights.from_metadata(RecognizerModel().metadata)
    for present in (0.1, 0.3, 0.45, 0.49):
        detected = [arc(0, math.log(present / (1 - present)), {"4": 0.999})]
        both = views(detected, steps("", {"4": present}))
        reading = read_number(both, Constraints(**constraints), weights)
        assert not reading.text or reading.probability < 0.75


@pytest.mark.parametrize("recognized", [UNSEEN, steps("-1.2")])
def test_digits_only_leaves_signs_out(recognized: np.ndarray) -> None:
    minus, *digits = lattice("", {"-": 0.99}, {"1": 0.999}, {"2": 0.999})
    number_views = views([minus, *digits], recognized)
    for length in (None, 2):
        reading = read_number(number_views, Constraints(length=length, digits_only=True), EVEN)
        assert reading.text == "12" and reading.probability > 0.98
    alone = views([minus], steps("-")[: len(recognized)])
    assert read_number(alone, Constraints(digits_only=True), EVEN).text == ""
