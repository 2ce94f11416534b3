"""Check digits, from left to right as finite automata.

A check weighs each digit by its position from the right, which is unknown before the end. So a
state holds the checksum of the digits so far for each position that the last of them may have.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from digits.constraints.automaton import State

CheckName = Literal["luhn", "ean13", "isbn10", "mod11", "mod97", "verhoeff"]


class Check(NamedTuple):
    """Accepts digits, without signs, of which the last one or two check the others.

    contributions: of each digit to the checksum, at each position from the right. sums: the
    checksum of a contribution and the digits left of it. first: the position left of the last one,
    as they repeat. valid: the checksum of what is accepted. least, most: digits, which the
    automaton itself doesn't count.
    """

    contributions: Sequence[Sequence[int]]
    sums: Sequence[Sequence[int]]
    first: int = 0
    valid: int = 0
    least: int = 2
    most: float = float("inf")

    @property
    def start(self) -> State:
        return (0,) * len(self.contributions)

    @property
    def share(self) -> float:
        """Of all texts of digits, how many it accepts, 0 to 1."""
        return 1 / len(self.sums[0])

    def step(self, state: State, symbol: str) -> State | None:
        if not symbol.isdigit():
            return None
        assert isinstance(state, tuple)
        left, digit = (*state[1:], state[self.first]), int(symbol)
        pairs = zip(self.contributions, left, strict=True)
        return tuple(self.sums[row[digit]][checksum] for row, checksum in pairs)

    def accepts(self, state: State) -> bool:
        assert isinstance(state, tuple)
        return bool(state[0] == self.valid)


def _weighted(*weights: int) -> list[list[int]]:
    return [[weight * digit for digit in range(10)] for weight in weights]


def _sums(modulus: int, factor: int = 1) -> list[list[int]]:
    return [[(n + factor * left) % modulus for left in range(modulus)] for n in range(91)]


def _symmetry(first: int, second: int) -> int:
    """The pentagon's that two make together: 0 to 4 turn it, 5 to 9 also turn it over."""
    turns = (first + second if first < 5 else first - second) % 5
    return turns + 5 * ((first < 5) != (second < 5))


_PERMUTATIONS = [list(range(10))]  # Verhoeff's, as often as a digit's position says
for _ in range(7):
    _PERMUTATIONS.append([_PERMUTATIONS[-1][digit] for digit in (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)])

CHECKS: dict[CheckName, Check] = {
    # ISO/IEC 7812-1, annex B: every second digit doubled, and the digits of that added.
    "luhn": Check([list(range(10)), [0, 2, 4, 6, 8, 1, 3, 5, 7, 9]], _sums(10)),
    # GS1 General Specifications, 7.9.1. An ISBN-13 is one, too.
    "ean13": Check(_weighted(1, 3), _sums(10), least=13, most=13),
    # ISO 2108:1992. The reader knows no X, the check digit of every eleventh ISBN.
    "isbn10": Check(_weighted(*range(1, 11)), _sums(11), least=10, most=10),
    # Norway's account numbers and KID: weights 2 to 7, again and again.
    "mod11": Check(_weighted(1, 2, 3, 4, 5, 6, 7), _sums(11), first=1),
    # ISO/IEC 7064, MOD 97-10: divided by 97, the number leaves 1.
    "mod97": Check(_weighted(1), _sums(97, factor=10), valid=1),
    # J. Verhoeff, "Error detecting decimal codes", 1969.
    "verhoeff": Check(
        _PERMUTATIONS, [[_symmetry(n, left) for left in range(10)] for n in range(10)]
    ),
}
