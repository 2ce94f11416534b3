"""Check digits, from left to right as finite automata.

A check weighs each digit by its position from the right, which is unknown before the end. So a
state holds the checksum of the digits so far for each position that the last of them may have.
"""

import math
from typing import Literal, NamedTuple

from digits.constraints.automaton import State

CheckName = Literal["luhn", "ean13", "isbn10", "mod11"]


class Check(NamedTuple):
    """Accepts digits, without signs, whose weighted sum the modulus divides.

    weights: from the right; after the last one, those from `repeated` on come again. adds_digits:
    whether the digits of a product are added instead of itself. least, most: digits, which the
    automaton itself doesn't count.
    """

    weights: tuple[int, ...]
    modulus: int
    least: int = 2
    most: float = math.inf
    repeated: int = 0
    adds_digits: bool = False

    @property
    def start(self) -> State:
        return (0,) * len(self.weights)

    def step(self, state: State, symbol: str) -> State | None:
        if not symbol.isdigit():
            return None
        assert isinstance(state, tuple)
        products = [weight * int(symbol) for weight in self.weights]
        if self.adds_digits:
            products = [sum(divmod(product, 10)) for product in products]
        left = *state[1:], state[self.repeated]
        return tuple((n + before) % self.modulus for n, before in zip(products, left, strict=True))

    def accepts(self, state: State) -> bool:
        assert isinstance(state, tuple)
        return bool(state[0] == 0)


CHECKS: dict[CheckName, Check] = {
    # ISO/IEC 7812-1, annex B.
    "luhn": Check((1, 2), 10, adds_digits=True),
    # GS1 General Specifications, 7.9.1. An ISBN-13 is one, too.
    "ean13": Check((1, 3), 10, least=13, most=13),
    # ISO 2108:1992. The reader knows no X, the check digit of every eleventh ISBN.
    "isbn10": Check((1, 2, 3, 4, 5, 6, 7, 8, 9, 10), 11, least=10, most=10),
    # Norway's account numbers and KID.
    "mod11": Check((1, 2, 3, 4, 5, 6, 7), 11, repeated=1),
}
