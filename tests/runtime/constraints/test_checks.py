"""Check digits, compared with plain sums, and on numbers that are in use."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digits.constraints.automaton import accepts_text
from digits.constraints.checks import CHECKS, CheckName


def luhn(digits: list[int]) -> bool:
    doubled = "".join(str(digit * (1 + index % 2)) for index, digit in enumerate(digits[::-1]))
    return sum(map(int, doubled)) % 10 == 0


def ean13(digits: list[int]) -> bool:
    return (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10 == 0


def isbn10(digits: list[int]) -> bool:
    return sum((10 - index) * digit for index, digit in enumerate(digits)) % 11 == 0


def mod11(digits: list[int]) -> bool:
    rest = sum((2 + index % 6) * digit for index, digit in enumerate(digits[-2::-1])) % 11
    return digits[-1] == (11 - rest) % 11


# The definition, the shortest and the longest text, and numbers in use.
PLAIN: dict[CheckName, tuple[Callable[[list[int]], bool], int, int, list[str]]] = {
    "luhn": (luhn, 2, 30, ["4111111111111111", "79927398713", "490154203237518"]),
    "ean13": (ean13, 13, 13, ["4006381333931", "9780306406157"]),
    "isbn10": (isbn10, 10, 10, ["0306406152", "0198526636"]),
    "mod11": (mod11, 2, 30, ["86011117947", "12345678903"]),
}


@pytest.mark.parametrize("check", CHECKS)
@settings(max_examples=40)
@given(data=st.data())
def test_check_agrees_with_its_definition(check: CheckName, data: st.DataObject) -> None:
    is_valid, least, most, _ = PLAIN[check]
    beginning = data.draw(st.text("0123456789", min_size=least - 1, max_size=most - 1))
    for last in "0123456789":
        text = beginning + last
        assert accepts_text(CHECKS[check], text) == is_valid([*map(int, text)])
    assert CHECKS[check].step(CHECKS[check].start, "-") is None


@pytest.mark.parametrize("check", CHECKS)
def test_known_numbers_are_valid_but_for_a_wrong_digit(check: CheckName) -> None:
    for number in PLAIN[check][3]:
        wrong = [number[:-1] + digit for digit in "0123456789" if digit != number[-1]]
        assert [text for text in (number, *wrong) if accepts_text(CHECKS[check], text)] == [number]
