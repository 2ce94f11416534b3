"""Check digits, compared with plain sums, and on numbers that are in use."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.constraints.checks import CHECKS, CheckName
from tests.runtime.constraints.accepting import accepts

# The multiplication of the pentagon's symmetries and Verhoeff's permutation, as printed.
PRODUCTS = [
    "0123456789",
    "1234067895",
    "2340178956",
    "3401289567",
    "4012395678",
    "5987604321",
    "6598710432",
    "7659821043",
    "8765932104",
    "9876543210",
]
PERMUTATION = "1576283094"


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


def mod97(digits: list[int]) -> bool:
    return int("".join(map(str, digits))) % 97 == 1


def verhoeff(digits: list[int]) -> bool:
    product = 0
    for index, digit in enumerate(digits[::-1]):
        for _ in range(index):
            digit = int(PERMUTATION[digit])
        product = int(PRODUCTS[product][digit])
    return product == 0


PLAIN: dict[CheckName, tuple[Callable[[list[int]], bool], int, int]] = {
    "luhn": (luhn, 2, 30),
    "ean13": (ean13, 13, 13),
    "isbn10": (isbn10, 10, 10),
    "mod11": (mod11, 2, 30),
    "mod97": (mod97, 2, 30),
    "verhoeff": (verhoeff, 2, 30),
}


def texts(check: CheckName) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=PLAIN[check][1], max_size=PLAIN[check][2])


@pytest.mark.parametrize("check", CHECKS)
@given(data=st.data())
def test_check_agrees_with_its_definition(check: CheckName, data: st.DataObject) -> None:
    is_valid = PLAIN[check][0]
    beginning = data.draw(texts(check))[:-1]
    for last in "0123456789":
        text = beginning + last
        assert accepts(CHECKS[check], text) == is_valid([*map(int, text)])


@pytest.mark.parametrize(
    ("check", "numbers"),
    [
        ("luhn", ["4111111111111111", "79927398713", "490154203237518"]),
        ("ean13", ["4006381333931", "9780306406157"]),
        ("isbn10", ["0306406152", "0198526636"]),
        ("mod11", ["86011117947", "12345678903"]),
        ("mod97", ["3214282912345698765432161182", "79444"]),
        ("verhoeff", ["2363", "123451", "1428570"]),
    ],
)
def test_any_wrong_digit_of_known_numbers_is_noticed(check: CheckName, numbers: list[str]) -> None:
    for number in numbers:
        assert accepts(CHECKS[check], number)
        for index, right in enumerate(number):
            for digit in set("0123456789") - {right}:
                assert not accepts(CHECKS[check], number[:index] + digit + number[index + 1 :])


@pytest.mark.parametrize("check", CHECKS)
def test_swapped_neighbours_are_noticed(check: CheckName) -> None:
    """But for 0 and 9 with Luhn, and digits that differ by 5 in an EAN."""
    missed = {"luhn": {"09", "90"}, "ean13": {"05", "16", "27", "38", "49"}}.get(check, set())
    missed |= {pair[::-1] for pair in missed}
    filler = "1" * (PLAIN[check][1] - 4)
    for number in range(10**4):
        text = f"{filler}{number:04d}"
        if not accepts(CHECKS[check], text):
            continue
        for index in range(len(text) - 4, len(text) - 1):
            left, right = text[index], text[index + 1]
            swapped = text[:index] + right + left + text[index + 2 :]
            is_missed = left == right or left + right in missed
            assert accepts(CHECKS[check], swapped) == is_missed


@pytest.mark.parametrize("check", CHECKS)
def test_check_takes_no_signs(check: CheckName) -> None:
    assert CHECKS[check].step(CHECKS[check].start, "-") is None
    assert CHECKS[check].step(CHECKS[check].start, ".") is None
