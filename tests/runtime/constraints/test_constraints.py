"""Constraints: what they accept together, what can't be, and how they are written."""

import math
import pickle
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.constraints.automaton import accepts_text
from digits.constraints.constraints import Constraints

SIGNED = ["-5", "555-1234", "-1-2.5", "2026-11-28", "-.5", "5.", "1,234"]
BOUNDS = st.decimals(-1000, 1000, places=1).map(float)
TEXTS = st.from_regex(r"-?[0-9]{0,5}\.?[0-9]{0,3}-?", fullmatch=True).filter(str.isascii)


@pytest.mark.parametrize(
    ("constraints", "accepted", "refused"),
    [
        (Constraints(), "1 -.5", "- ."),
        (Constraints(length=(2, 4)), "12 1234 1.2", "1 12345 1-"),
        (Constraints(pattern=r"\d,\d\d"), "1.23", "123 1-23"),
        (Constraints(check="luhn"), "18 0000", "1 0 19 1-8"),
        (Constraints(check="ean13"), "4006381333931", "18 40063813339310000000000000000"),
        (Constraints(values=SIGNED), "-5 555-1234 -1-2.5 2026-11-28 -.5 5. 1.234", "5 1234 555"),
        (Constraints(values=["-" + "1" * 63]), "-" + "1" * 63, "1" * 63),
        (Constraints(range=(100, 999)), "100 999 0100 500.5", "99 1000 -500 99.9 999.01"),
        (Constraints(range=(-5, 12.5)), "-5 12.5 -0 .5 0", "-5.1 12.51 5. 1.2.3 1-2 --1"),
        (Constraints(range=(-math.inf, -7)), "-7 -1000.5", "-6.9 7 0"),
        (Constraints(range=(1e20, math.inf)), "1" + 30 * "0", "1"),
        (Constraints(length=2, check="luhn", digits_only=True), "18 1-8 .18", "19 1-9"),
        (Constraints(values=["12"], range=(0, 12), digits_only=True), "12 1.2 -1-2-", "1"),
        (Constraints(values=["555-12", "1.5"], digits_only=True), "55512 5-5512 15", "555-1"),
        (Constraints(range=(0, 50)).narrowed(40, 60), "40 50", "39 51"),
    ],
)
def test_accepted_and_refused(constraints: Constraints, accepted: str, refused: str) -> None:
    automaton = pickle.loads(pickle.dumps(constraints)).automaton
    assert [text for text in accepted.split() if not accepts_text(automaton, text)] == []
    assert [text for text in refused.split() if accepts_text(automaton, text)] == []
    assert not accepts_text(automaton, "")


@given(BOUNDS, BOUNDS, TEXTS)
def test_range_compares_values(first: float, second: float, text: str) -> None:
    low, high = sorted((first, second))
    is_number = re.fullmatch(r"-?[0-9]*\.?[0-9]+", text) is not None
    automaton = Constraints(range=(low, high)).automaton
    assert accepts_text(automaton, text) == (is_number and low <= float(text) <= high)
    assert accepts_text(automaton, str(low))
    assert accepts_text(automaton, str(high))


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"length": 0}, "no number has 0 to 0 digits"),
        ({"length": 8, "check": "isbn10"}, "no number satisfies all of these constraints"),
        ({"check": ["luhn"]}, r"the check is \['luhn'\], not one of luhn"),
        ({"pattern": 5}, "the pattern is a text, not 5"),
        ({"range": (2, 1)}, "no number is from 2 to 1"),
        ({"values": [482017]}, "482017 is no text, such as '007'"),
        ({"values": "123"}, "the numbers are a list of texts, not '123'"),
        ({"values": []}, "there is no number"),
    ],
)
def test_malformed_constraints_are_refused(arguments: dict[str, Any], cause: str) -> None:
    with pytest.raises(ValueError, match=cause):
        Constraints(**arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"pattern": r"[.-]*"},
        {"check": "luhn", "values": ["12", "19"]},
        {"range": (1000, math.inf), "length": 3},
    ],
)
def test_impossible_together_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no number satisfies all of these constraints"):
        Constraints(**arguments)


@pytest.mark.slow
def test_what_takes_too_long_to_tell_is_taken_as_possible() -> None:
    assert Constraints(pattern=r"(\d{7})*", check="luhn", length=9998)  # no multiple of 7


def test_nothing_asked_is_false() -> None:
    assert not Constraints(digits_only=True)
    assert all((Constraints(length=1), Constraints(pattern="1"), Constraints(range=(0, 0))))
    assert all((Constraints(check="luhn"), Constraints(values=["1"])))


@pytest.mark.parametrize(
    ("constraints", "text", "share"),
    [
        (Constraints(length=6, pattern=r"\d*", range=(0, 1e6)), "123456", 1),
        (Constraints(check="luhn"), "18", 1 / 10),
        (Constraints(values=[f"{number}" for number in range(500)]), "123", 400 / 1000),
        (Constraints(values=["1-5", *map(str, range(20, 31))], digits_only=True), "1.5", 12 / 100),
    ],
)
def test_share_is_that_of_the_strictest(constraints: Constraints, text: str, share: float) -> None:
    assert constraints.share(text) == pytest.approx(share)


def test_narrowing_to_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no number is from 60 to 50"):
        Constraints(range=(0, 50)).narrowed(60, 70)
    with pytest.raises(ValueError, match="no number satisfies"):
        Constraints(values=["12"]).narrowed(13, 20)


@pytest.mark.parametrize(
    ("argument", "given", "parsed"),
    [
        ("length", "4 - 8", (4, 8)),
        ("length", [4, 8], (4, 8)),
        ("length", "1-9999", (1, 9999)),
        ("range", "-5-12.5", (-5, 12.5)),
        ("range", "-10--5", (-10, -5)),
        ("range", " 0,5 - 1,5 ", (0.5, 1.5)),
        ("range", [1, 5], (1, 5)),
        ("range", "0-" + 20 * "9", (0, 1e20)),
    ],
)
def test_forms_of_a_length_and_a_range(argument: str, given: Any, parsed: Any) -> None:
    constraints, same = Constraints(**{argument: given}), Constraints(**{argument: parsed})
    assert getattr(constraints, argument) == parsed
    assert constraints == same and hash(constraints) == hash(same)


@pytest.mark.parametrize("given", ["", "six", "6-", "-6", "1-10000", "٣", True, 6.0, (4, None)])
def test_what_is_no_length_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="^the length is 6 or 4-8, .* at most 9999, not "):
        Constraints(length=given)


@pytest.mark.parametrize("given", ["5", "1e5-2e5", "0-" + 21 * "9", 5, (1, 2, 3), (0, 10**400)])
def test_what_is_no_range_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="^the range is 100-999 or .* at most 20 digits, not "):
        Constraints(range=given)
