"""Automata, which accept some texts symbol by symbol: a range, a check digit, several at once."""

import math
from collections.abc import Callable, Hashable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Literal, NamedTuple, Protocol

from digits.inference.interface import SYMBOLS

State = Hashable
CheckName = Literal["luhn", "ean13", "isbn10", "mod11"]

_MAX_STEPS = 20_000  # in search of a text that is accepted
_MAX_CACHED = 10_000  # steps that a product remembers
_LARGEST = Decimal(10) ** 64  # in a range without an end


class Automaton(Protocol):
    """Accepts some texts of SYMBOLS, symbol by symbol."""

    @property
    def start(self) -> State: ...

    def step(self, state: State, symbol: str, /) -> State | None:
        """The next state; None if no text that begins so is accepted."""

    def accepts(self, state: State, /) -> bool:
        """Whether the text that leads to this state may end."""


class Range:
    """Accepts the numbers from low to high, by comparing digits with those of these two.

    A state has five parts: whether a minus came first; how many digits are before the point, but
    for leading zeros, or -1 for none; how many are after it, or -1 before it; and how the digits so
    far compare with as many of the smallest and of the largest magnitude: -1, 0 or 1.
    """

    start: State = (False, -1, -1, 0, 0)

    def __init__(self, low: Decimal, high: Decimal) -> None:
        minus_low, minus_high = low.copy_negate(), high.copy_negate()  # `-low` would round it
        magnitudes = (low, high), (minus_high, minus_low)  # without and with a minus
        self._possible = tuple(maximum >= 0 for _, maximum in magnitudes)
        self._bounds = tuple(
            (_digits(minimum), _digits(maximum)) for minimum, maximum in magnitudes
        )
        self._places = max(1, *(len(places) for bounds in self._bounds for _, places in bounds))

    def step(self, state: State, symbol: str) -> State | None:
        assert isinstance(state, tuple)
        if symbol == "-":
            return (True, *state[1:]) if state == self.start and self._possible[True] else None
        minus, whole, places, *orders = state
        if not self._possible[minus] or symbol == "." and places >= 0:
            return None
        bounds = list(zip(self._bounds[minus], orders, strict=True))
        if symbol == ".":
            whole, places = max(whole, 0), 0
            orders = [-1 if whole < len(digits) else order for (digits, _), order in bounds]
        elif places >= 0:
            orders = [
                order or _compare(symbol, digits[places : places + 1] or "0")
                for (_, digits), order in bounds
            ]
            places = min(places + 1, self._places)
        else:
            whole = max(whole, 0) + (whole > 0 or symbol != "0")
            orders = [
                1 if whole > len(digits) else order or _compare(symbol, digits[whole - 1])
                for (digits, _), order in bounds
                if whole
            ] or orders
        # Below, more digits may help before the point; above, a number may still be shorter.
        is_below = orders[0] < 0 and places >= 0
        is_above = orders[1] > 0 and (places >= 0 or whole >= len(self._bounds[minus][1][0]))
        return None if is_below or is_above else (minus, whole, places, *orders)

    def accepts(self, state: State) -> bool:
        assert isinstance(state, tuple)
        minus, whole, places = state[:3]
        if whole < 0 or places == 0:  # there is no digit, or none after the point
            return False
        end = self.step(state, ".") if places < 0 else state
        digits = self._bounds[minus][0][1]
        return isinstance(end, tuple) and (end[3] > 0 or max(places, 0) >= len(digits))


def _digits(bound: Decimal) -> tuple[str, str]:
    """The digits of a magnitude before and after its point, without zeros at either end."""
    text = f"{min(max(Decimal(0), bound), _LARGEST):f}"
    whole, _, places = text.partition(".")
    return whole.lstrip("0"), places.rstrip("0")


def _compare(digit: str, other: str) -> int:
    return (digit > other) - (digit < other)


class Check(NamedTuple):
    """Accepts digits, without signs, whose weighted sum the modulus divides.

    A check weighs each digit by its position from the right, which is unknown before the end. So a
    state holds the checksum of the digits so far for each position that the last of them may have.

    weights: of digits, from the right; after the last one, those from `repeated` on come again.
    modulus: what divides the sum.
    min_digits, max_digits: how long numbers are, which the automaton itself doesn't count.
    adds_digits: whether the digits of a product are added instead of itself.
    """

    weights: tuple[int, ...]
    modulus: int
    min_digits: int = 2
    max_digits: float = math.inf
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
        earlier = *state[1:], state[self.repeated]
        sums = map(sum, zip(products, earlier, strict=True))
        return tuple(total % self.modulus for total in sums)

    def accepts(self, state: State) -> bool:
        assert isinstance(state, tuple)
        return bool(state[0] == 0)


CHECKS: dict[CheckName, Check] = {
    # ISO/IEC 7812-1, annex B.
    "luhn": Check((1, 2), 10, adds_digits=True),
    # GS1 General Specifications, 7.9.1. An ISBN-13 is one, too.
    "ean13": Check((1, 3), 10, min_digits=13, max_digits=13),
    # ISO 2108:1992. The reader knows no X, the check digit of every eleventh ISBN.
    "isbn10": Check((1, 2, 3, 4, 5, 6, 7, 8, 9, 10), 11, min_digits=10, max_digits=10),
    # Norway's account numbers and KID.
    "mod11": Check((1, 2, 3, 4, 5, 6, 7), 11, repeated=1),
}


class Product(NamedTuple):
    """An automaton that is made of two functions."""

    start: State
    step: Callable[[State, str], State | None]
    accepts: Callable[[State], bool]


def product(
    automata: Sequence[Automaton], min_digits: int, max_digits: float, ignored: str
) -> Product:
    """Make an automaton for texts of so many digits that each of the automata accepts.

    ignored: symbols that leave the state as it is.
    """

    @lru_cache(_MAX_CACHED)
    def step(state: State, symbol: str) -> State | None:
        if symbol in ignored:
            return state
        assert isinstance(state, tuple)
        digits, *states = state
        digits += symbol.isdigit()
        pairs = zip(automata, states, strict=True)
        following = [automaton.step(its_state, symbol) for automaton, its_state in pairs]
        if digits > max_digits or None in following:
            return None
        return min(digits, min_digits) if max_digits == math.inf else digits, *following

    def accepts(state: State) -> bool:
        assert isinstance(state, tuple)
        digits, *states = state
        pairs = zip(automata, states, strict=True)
        all_accept = all(automaton.accepts(its_state) for automaton, its_state in pairs)
        return digits >= min_digits and all_accept

    return Product((0, *(automaton.start for automaton in automata)), step, accepts)


def accepts_text(automaton: Automaton, text: str) -> bool:
    """Whether an automaton accepts a text of SYMBOLS."""
    state: State | None = automaton.start
    for symbol in text:
        if state is not None:
            state = automaton.step(state, symbol)
    return state is not None and automaton.accepts(state)


def accepts_some_text(automaton: Automaton) -> bool:
    """Whether an automaton accepts at least one text; True if that takes too long to tell."""
    pending, reached = [automaton.start], {automaton.start}
    for _ in range(_MAX_STEPS // len(SYMBOLS)):
        if not pending:
            return False
        state = pending.pop()
        if automaton.accepts(state):
            return True
        following = {automaton.step(state, symbol) for symbol in SYMBOLS} - reached - {None}
        reached |= following
        pending += following
    return True
