"""Automata, which accept some texts symbol by symbol."""

import math
import re
from collections.abc import Hashable, Sequence
from typing import Protocol

from digits.inference.interface import SYMBOLS

State = Hashable

_MAX_STEPS = 100_000  # in search of a text that is accepted
_MAX_KNOWN = 10_000  # steps that a product remembers
_MAX_SYMBOLS = 64  # of a number in a range
_BEGINNING = re.compile(r"-?[0-9]*\.?[0-9]*")  # of a number
_LEADING_ZEROS = re.compile(r"(?<![0-9.])0+(?=[0-9])")


class Automaton(Protocol):
    """Accepts some texts of SYMBOLS, symbol by symbol."""

    @property
    def start(self) -> State: ...

    def step(self, state: State, symbol: str) -> State | None:
        """The next state; None if no text that begins so is accepted."""

    def accepts(self, state: State) -> bool:
        """Whether the text that leads to this state may end."""


class Range:
    """Accepts the numbers from low to high. A state is the text so far, without leading zeros."""

    start: State = ""

    def __init__(self, low: float, high: float) -> None:
        self._low, self._high = low, high

    def step(self, state: State, symbol: str) -> State | None:
        text = _LEADING_ZEROS.sub("", f"{state}{symbol}")
        if len(text) > _MAX_SYMBOLS or not _BEGINNING.fullmatch(text):
            return None
        # More digits take it only farther from zero.
        beyond = _value(text) < self._low if text[0] == "-" else _value(text) > self._high
        return None if beyond else text

    def accepts(self, state: State) -> bool:
        text = str(state)
        return text[-1:].isdigit() and self._low <= _value(text) <= self._high


def _value(text: str) -> float:
    size = float(f"0{text.removeprefix('-')}")
    return -size if text.startswith("-") else size


class Product:
    """Accepts what has as many digits as it may have, and each part accepts.

    ignored: symbols that leave the state as it is.
    """

    def __init__(self, parts: Sequence[Automaton], least: int, most: float, ignored: str) -> None:
        self.start: State = (0, *(part.start for part in parts))
        self._parts, self._least, self._most, self._ignored = parts, least, most, ignored
        self._known: dict[tuple[State, str], State | None] = {}

    def step(self, state: State, symbol: str) -> State | None:
        if symbol in self._ignored:
            return state
        try:
            return self._known[state, symbol]
        except KeyError:
            following = self._step(state, symbol)
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()  # between two lines of another thread, perhaps
        self._known[state, symbol] = following
        return following

    def _step(self, state: State, symbol: str) -> State | None:
        assert isinstance(state, tuple)
        digits = state[0] + symbol.isdigit()
        if digits > self._most:
            return None
        states: list[State] = [min(digits, self._least) if self._most == math.inf else digits]
        for part, before in zip(self._parts, state[1:], strict=True):
            following = part.step(before, symbol)
            if following is None:
                return None
            states.append(following)
        return tuple(states)

    def accepts(self, state: State) -> bool:
        assert isinstance(state, tuple)
        pairs = zip(self._parts, state[1:], strict=True)
        return state[0] >= self._least and all(part.accepts(before) for part, before in pairs)


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
