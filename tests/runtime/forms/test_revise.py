from collections.abc import Iterable, Mapping, Sequence
from itertools import product

import numpy as np
import pytest

from digits import Constraints
from digits.forms.field import FieldReading, Symbols
from digits.forms.form import Field, Form
from digits.forms.revise import revise
from digits.forms.rules import Roster
from digits.reader.numbers import (
    VIOLATION_RATE,
    NumberReading,
    likeliest,
    read_number,
)
from tests.drawings import EVEN, detections, steps, views

Written = Sequence[str | Mapping[str, float]]
SUM = "total = q1 + q2"
ROSTER = Roster((0, 1), frozenset({("1234", "7"), ("1294", "3"), ("5586", "7.5")}))
SEVEN_OR_ONE, THREE_OR_NINE = {"7": 0.55, "1": 0.44}, {"3": 0.55, "9": 0.44}


def check(
    fields: Mapping[str, Written], *rules: str | Roster, length: int | None = None
) -> list[NumberReading]:
    """Apply sums and a roster to what the fields show."""
    constraints = Constraints(length)
    blank = NumberReading("", 0.9999, {}, {}, False)
    numbers = list[NumberReading]()
    for text in fields.values():
        symbols = ({s: 0.9999} if isinstance(s, str) else s for s in text)
        seen = views(steps("", *symbols), scores=(40.0,) * 4)
        numbers.append(read_number(seen, constraints, EVEN) if text else blank)
    return revised(make_form(fields, *rules), numbers)


def revised(form: Form, numbers: Iterable[NumberReading]) -> list[NumberReading]:
    """Revise what is read in fields; those of a broken rule are disputed, and say so."""
    nothing = detections([], [])
    seen = views(steps("")), Symbols(nothing, nothing, nothing)
    readings = revise(form, [FieldReading(number, *seen) for number in numbers])
    assert all((each.reason == "rule") <= each.number.is_disputed for each in readings)
    return [each.number for each in readings]


def make_form(names: Iterable[str], *rules: str | Roster) -> Form:
    fields = (Field(name, (9 * i, 50, 9 * i + 5, 60)) for i, name in enumerate(names))
    sums = tuple(rule for rule in rules if isinstance(rule, str))
    roster = next((rule for rule in rules if isinstance(rule, Roster)), None)
    return Form((210, 297), tuple(fields), sums=sums, roster=roster)


def to_text(number: NumberReading) -> str:
    """Marked with a `?` if it isn't accepted."""
    is_doubtful = number.probability < 0.99 or number.is_disputed
    return f"{number.text}?" if number.satisfies and is_doubtful else number.text


@pytest.mark.parametrize(
    ("q1", "q2", "total", "texts"),
    [
        ("4", [SEVEN_OR_ONE], "5", "4 1 5"),
        ("7.5", "8", ["1", "5", ".", {"8": 0.6, "5": 0.39}], "7.5 8 15.5"),
        ("4", "", [{"1": 0.5, "4": 0.49}], "4  4"),
        ([SEVEN_OR_ONE], [{"7": 0.5, "1": 0.49}], "8", "7? 1? 8"),  # or 1 and 7
        ("4", "7", "12", "4? 7? 12?"),
        ("4", "7", "1.1.1", "4? 7? 1.1.1?"),
        ("4", [SEVEN_OR_ONE], "", "4 7? "),
    ],
)
def test_sum(q1: Written, q2: Written, total: Written, texts: str) -> None:
    numbers = check({"q1": q1, "q2": q2, "total": total}, SUM)
    assert " ".join(map(to_text, numbers)) == texts


def test_what_changes_shows_what_it_was_and_what_is_missing_changes_nothing() -> None:
    _, q2, _ = check({"q1": "4", "q2": [SEVEN_OR_ONE], "total": "5"}, SUM)
    assert (q2.unconstrained, q2.second_best, q2.text) == ("7", "7", "1")
    numbers = check({"q1": "44", "q2": "7", "total": "8"}, SUM, length=1)
    assert [to_text(each) for each in numbers[1:]] == ["7", "8"] and not numbers[0].satisfies


@pytest.mark.parametrize(
    ("student", "group", "texts"),
    [
        (["1", "2", THREE_OR_NINE, "4"], "3", "1294 3"),
        (["1", "2", {"3": 0.9, "9": 0.09}, "4"], [{"9": 0.4, "3": 0.5}], "1294? 3?"),
        ("1234", [SEVEN_OR_ONE], "1234 7"),
        ("5586", "7.5", "5586 7.5"),
        ("1234", "3", "1234? 3?"),
        ("1234", "", "1234 "),
    ],
)
def test_roster(student: Written, group: Written, texts: str) -> None:
    numbers = check({"student": student, "group": group}, ROSTER)
    assert " ".join(map(to_text, numbers)) == texts


@pytest.mark.parametrize("seed", range(5))
def test_probabilities_are_those_of_all_combinations(seed: int) -> None:
    """Of a roster and two sums, which have common fields."""
    random = np.random.default_rng(seed)
    digits = np.array([random.permutation(5)[:3] for _ in range(4)])
    shares = random.dirichlet([1, 1, 1], 4) * 0.8 + 0.2 / 3
    pairs = ((str(i), str(j)) for i in range(5) for j in (i, i + 1))
    rules = "c = a + b", "total = c + a", Roster((0, 3), frozenset(pairs))
    texts = [dict(zip(map(str, d), p, strict=True)) for d, p in zip(digits, shares, strict=True)]
    read = [NumberReading(likeliest(each), max(each.values()), each, each) for each in texts]
    numbers = revised(make_form(("a", "b", "c", "total"), *rules), read)
    weights = np.zeros((4, 5))
    for picked in product(range(3), repeat=4):
        a, b, c, total = values = digits[range(4), picked]
        wrong = (
            VIOLATION_RATE * 0.1 * np.array([c != a + b, total != c + a, total - a not in (0, 1)])
        )
        wrong[2] *= 10 / 3  # 10 of 5 * 6 combinations are in the roster
        weights[range(4), values] += shares[range(4), picked].prod() * wrong[wrong > 0].prod()
    expected = [weights[i, int(each.text)] / weights[i].sum() for i, each in enumerate(numbers)]
    np.testing.assert_allclose([each.probability for each in numbers], expected, rtol=1e-3)


def test_field_that_is_struck_out_keeps_its_text() -> None:
    """Its probability is 0, and so is that of all its other texts."""
    fields: dict[str, Written] = {"q1": "4", "q2": [SEVEN_OR_ONE], "total": [THREE_OR_NINE]}
    numbers = check(fields)
    numbers[1] = numbers[1]._replace(probability=0.0)
    after = revised(make_form(fields, SUM), numbers)
    assert [number.text for number in after[:2]] == ["4", "7"]


def test_ink_that_nobody_can_read_is_no_blank_addend() -> None:
    nothing = detections([], [])
    seen = views(steps("")), Symbols(nothing, nothing, nothing)
    total = NumberReading("5", 0.6, {"5": 0.6, "4": 0.39}, {"5": 0.6})
    four, ink = NumberReading("4", 0.999, {"4": 0.999}, {}), NumberReading("", 0.5, {}, {}, False)
    readings = [FieldReading(four, *seen), FieldReading(ink, *seen), FieldReading(total, *seen)]
    form = make_form(("q1", "q2", "total"), SUM)
    assert revise(form, readings)[2].number.text == "4"
    readings[1] = readings[1]._replace(reason="doubt")
    assert revise(form, readings) == readings
