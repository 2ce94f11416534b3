"""Check digits: whether the last digit of a number agrees with the others."""

import math
from collections.abc import Callable, Iterable
from itertools import chain, count, cycle
from typing import Literal, NamedTuple

CheckName = Literal["luhn", "ean13", "isbn10", "mod11"]


class Check(NamedTuple):
    """A scheme of check digits.

    is_valid: whether the last of some digits agrees with the others.
    modulus: one in so many numbers is valid by chance.
    min_digits, max_digits: how long numbers are.
    """

    is_valid: Callable[[str], bool]
    modulus: int
    min_digits: int = 2
    max_digits: float = math.inf


def _luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    products = _weighted(digits, cycle((1, 2)))
    return sum(sum(divmod(product, 10)) for product in products) % 10 == 0


def _ean13(digits: str) -> bool:
    """GS1 General Specifications, 7.9.1. An ISBN-13 is one, too."""
    return sum(_weighted(digits, cycle((1, 3)))) % 10 == 0


def _isbn10(digits: str) -> bool:
    """ISO 2108:1992. The reader knows no X, the check digit of every eleventh ISBN."""
    return sum(_weighted(digits, count(1))) % 11 == 0


def _mod11(digits: str) -> bool:
    """Norway's account numbers and KID."""
    return sum(_weighted(digits, chain([1], cycle(range(2, 8))))) % 11 == 0


def _weighted(digits: str, weights: Iterable[int]) -> Iterable[int]:
    """Multiply digits, from the last to the first, by weights."""
    pairs = zip(reversed(digits), weights, strict=False)
    return (int(digit) * weight for digit, weight in pairs)


CHECKS: dict[CheckName, Check] = {
    "luhn": Check(_luhn, 10),
    "ean13": Check(_ean13, 10, min_digits=13, max_digits=13),
    "isbn10": Check(_isbn10, 11, min_digits=10, max_digits=10),
    "mod11": Check(_mod11, 11),
}
