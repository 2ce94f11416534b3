"""Automata, which accept some texts symbol by symbol."""

import math
from collections.abc import Callable, Hashable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple, Protocol

from digits.inference.interface import SYMBOLS

State = Hashable

_MAX_STEPS = 100_000  # in search of a text that is accepted
_MAX_KNOWN = 10_000  # steps that a product remembers
_LARGEST = 1e64  # in a range without an end


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

    A state: whether a minus came first; how many digits before the point, without leading zeros, or
    -1 for none; how many after it, or -1 before it; and how what was read compares with as many
    digits of the least and of the greatest magnitude: -1, 0 or 1.
    """

    start: State = (False, -1, -1, 0, 0)

    def __init__(self, low: float, high: float) -> None:
        magnitudes = (low, high), (-high, -low)  # without and with a minus
        self._possible = tuple(most >= 0 for _, most in magnitudes)
        self._bounds = tuple((_digits(least), _digits(most)) for least, most in magnitudes)
        self._places = max(1, *(len(places) for pair in self._bounds for _, places in pair))

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


def _digits(bound: float) -> tuple[str, str]:
    """Those of a magnitude before and after its point, without zeros at either end."""
    text = f"{Decimal(repr(min(max(0.0, bound), _LARGEST))):f}"
    whole, _, places = text.partition(".")
    return whole.lstrip("0"), places.rstrip("0")


def _compare(digit: str, other: str) -> int:
    return (digit > other) - (digit < other)


class Product(NamedTuple):
    """An automaton, by its functions."""

    start: State
    step: Callable[[State, str], State | None]
    accepts: Callable[[State], bool]


def product(parts: Sequence[Automaton], least: int, most: float, ignored: str) -> Product:
    """Accept texts of `least` to `most` digits that each part accepts.

    ignored: symbols that leave the state as it is.
    """

    @lru_cache(_MAX_KNOWN)
    def step(state: State, symbol: str) -> State | None:
        if symbol in ignored:
            return state
        assert isinstance(state, tuple)
        digits = state[0] + symbol.isdigit()
        states = [part.step(before, symbol) for part, before in zip(parts, state[1:], strict=True)]
        if digits > most or None in states:
            return None
        return min(digits, least) if most == math.inf else digits, *states

    def accepts(state: State) -> bool:
        assert isinstance(state, tuple)
        pairs = zip(parts, state[1:], strict=True)
        return state[0] >= least and all(part.accepts(before) for part, before in pairs)

    return Product((0, *(part.start for part in parts)), step, accepts)


def accepts_text(automaton: Automaton, text: str) -> bool:
    """Whether it accepts a text of SYMBOLS."""
    state: State | None = automaton.start
    for symbol in text:
        if state is not None:
            state = automaton.step(state, symbol)
    return state is not None and automaton.accepts(state)


def accepts_any_text(automaton: Automaton) -> bool:
    """Whether there is a text that it accepts; True, too, if that takes too long to tell."""
    pending, known = [automaton.start], {automaton.start}
    for _ in range(_MAX_STEPS // len(SYMBOLS)):
        if not pending:
            return False
        state = pending.pop()
        if automaton.accepts(state):
            return True
        following = {automaton.step(state, symbol) for symbol in SYMBOLS} - known - {None}
        known |= following
        pending += following
    return True
