from collections.abc import Iterable, Mapping, Sequence
from itertools import product

import numpy as np
import pytest

from digits import Constraints
from digits.forms.form import Field, Form, Rule
from digits.forms.rules import apply_rules
from digits.reader.numbers import (
    VIOLATION_RATE,
    NumberReading,
    likeliest,
    read_number,
)
from tests.drawings import EVEN, steps, views

Symbols = Sequence[str | Mapping[str, float]]
Read = tuple[list[NumberReading], list[str]]
SUM = "total = q1 + q2"
ROSTER = Rule((0, 1), frozenset({("1234", "7"), ("1294", "3"), ("5586", "7.5")}))
SEVEN_OR_ONE, THREE_OR_NINE = {"7": 0.55, "1": 0.44}, {"3": 0.55, "9": 0.44}


def check(fields: Mapping[str, Symbols], *rules: str | Rule, length: int | None = None) -> Read:
    """Apply sums and a roster to what the fields show."""
    constraints = Constraints(length)
    blank = NumberReading("", 0.9999, {}, {}, False)
    numbers = list[NumberReading]()
    for text in fields.values():
        symbols = ({s: 0.9999} if isinstance(s, str) else s for s in text)
        seen = views(steps("", *symbols), scores=(40.0,) * 4)
        numbers.append(read_number(seen, constraints, EVEN) if text else blank)
    return apply_rules(make_form(fields, *rules), numbers)


def make_form(names: Iterable[str], *rules: str | Rule) -> Form:
    fields = (Field(name, (9 * i, 50, 9 * i + 5, 60)) for i, name in enumerate(names))
    sums = tuple(rule for rule in rules if isinstance(rule, str))
    roster = next((rule for rule in rules if isinstance(rule, Rule)), None)
    return Form((210, 297), tuple(fields), sums=sums, roster=roster)


def to_text(number: NumberReading) -> str:
    """Marked with a `?` if it isn't accepted."""
    is_doubtful = number.probability < 0.99 or number.is_disputed
    return f"{number.text}?" if number.satisfies and is_doubtful else number.text


@pytest.mark.parametrize(
    ("q1", "q2", "total", "texts", "note"),
    [
        ("4", [SEVEN_OR_ONE], "5", "4 1 5", None),
        ("7.5", "8", ["1", "5", ".", {"8": 0.6, "5": 0.39}], "7.5 8 15.5", None),
        ("4", "", [{"1": 0.5, "4": 0.49}], "4  4", None),
        ([SEVEN_OR_ONE], [{"7": 0.5, "1": 0.49}], "8", "7? 1? 8", None),  # or 1 and 7
        ("4", "7", "12", "4? 7? 12?", "total isn't q1 + q2"),
        ("4", "7", "1.1.1", "4? 7? 1.1.1?", "total isn't q1 + q2"),
        ("4", [SEVEN_OR_ONE], "", "4 7? ", "total can't be checked: total is blank"),
    ],
)
def test_sum(q1: Symbols, q2: Symbols, total: Symbols, texts: str, note: str | None) -> None:
    numbers, notes = check({"q1": q1, "q2": q2, "total": total}, SUM)
    assert " ".join(map(to_text, numbers)) == texts and notes == [note][: note is not None]


def test_what_changes_shows_what_it_was_and_what_is_missing_changes_nothing() -> None:
    _, q2, _ = check({"q1": "4", "q2": [SEVEN_OR_ONE], "total": "5"}, SUM)[0]
    assert (q2.unconstrained, q2.second_best, q2.text) == ("7", "7", "1")
    numbers, notes = check({"q1": "44", "q2": "7", "total": "8"}, SUM, length=1)
    assert [to_text(each) for each in numbers[1:]] == ["7", "8"] and not numbers[0].satisfies
    assert notes == ["total can't be checked: q1 is unreadable"]
    assert check({"q1": "", "q2": "", "total": ""}, SUM)[1] == []


@pytest.mark.parametrize(
    ("student", "group", "texts", "note"),
    [
        (["1", "2", THREE_OR_NINE, "4"], "3", "1294 3", None),
        (["1", "2", {"3": 0.9, "9": 0.09}, "4"], [{"9": 0.4, "3": 0.5}], "1294? 3?", None),
        ("1234", [SEVEN_OR_ONE], "1234 7", None),
        ("5586", "7.5", "5586 7.5", None),
        ("1234", "3", "1234? 3?", "no row of the roster has this student and group"),
        ("1234", "", "1234 ", "student can't be checked: group is blank"),
    ],
)
def test_roster(student: Symbols, group: Symbols, texts: str, note: str | None) -> None:
    numbers, notes = check({"student": student, "group": group}, ROSTER)
    assert " ".join(map(to_text, numbers)) == texts and notes == [note][: note is not None]


@pytest.mark.parametrize("seed", range(5))
def test_probabilities_are_those_of_all_combinations(seed: int) -> None:
    """Of a roster and two sums, which have common fields."""
    random = np.random.default_rng(seed)
    digits = np.array([random.permutation(5)[:3] for _ in range(4)])
    shares = random.dirichlet([1, 1, 1], 4) * 0.8 + 0.2 / 3
    pairs = ((str(i), str(j)) for i in range(5) for j in (i, i + 1))
    rules = "c = a + b", "total = c + a", Rule((0, 3), frozenset(pairs))
    texts = [dict(zip(map(str, d), p, strict=True)) for d, p in zip(digits, shares, strict=True)]
    read = [NumberReading(likeliest(each), max(each.values()), each, each) for each in texts]
    numbers, _ = apply_rules(make_form(("a", "b", "c", "total"), *rules), read)
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
    fields: dict[str, Symbols] = {"q1": "4", "q2": [SEVEN_OR_ONE], "total": [THREE_OR_NINE]}
    numbers = check(fields)[0]
    numbers[1] = numbers[1]._replace(probability=0.0)
    revised, _ = apply_rules(make_form(fields, SUM), numbers)
    assert [number.text for number in revised[:2]] == ["4", "7"]
