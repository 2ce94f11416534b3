"""The number that a column holds: its likeliest reading, and how likely that is as a whole."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from digits.constraints.automaton import Automaton, State
from digits.constraints.constraints import Constraints
from digits.inference.interface import SYMBOLS
from digits.reader.detections import DIGITS
from digits.reader.lattice import Arc, best_path
from digits.reader.search import log_sum, search

# How many numbers break the constraints that they should satisfy: slips of the pen, and other
# things on the page. Without that, one allowed number would be found in every scribble.
BROKEN = 0.01


class NumberReading(NamedTuple):
    """What is read in a column.

    symbols: of the likeliest reading that satisfies the constraints, with their arcs; those of the
    unconstrained one if none does. probability: that it is right as a whole, 0 to 1. runner_up: the
    second-best text, or empty. unconstrained: the text without constraints. satisfies: whether the
    number is rather one that satisfies the constraints than another.
    """

    symbols: list[tuple[str, Arc]]
    probability: float
    runner_up: str
    unconstrained: str
    satisfies: bool = True

    @property
    def text(self) -> str:
        return _text(self.symbols)


def read_number(
    lattice: Sequence[Arc], constraints: Constraints, temperature: float
) -> NumberReading:
    """Read a column: by its best path, or by the likeliest one that satisfies constraints.

    Its probability is the share of all paths that read the same. With constraints, it is by Bayes'
    rule the share of those that satisfy them, and of the others so far as some numbers break
    the constraints and could read so by chance. temperature: see `search`.
    """
    signless = constraints.digits_only
    automaton: Automaton = constraints.automaton if constraints else AnyText()
    everything = search(lattice, AnyText(), temperature)
    satisfying = search(lattice, automaton, temperature) if constraints else everything
    free = [(SYMBOLS[int(arc.symbols.argmax())], arc) for arc in best_path(lattice)]
    free = without_signs(free) if signless else free
    unreadable = NumberReading(free, 0.0, "", _text(free), False)
    symbols = satisfying.symbols if constraints else free
    symbols = without_signs(symbols) if signless else symbols
    if not symbols:
        return unreadable
    text = _text(symbols)
    others = -math.expm1(min(satisfying.total - everything.total, 0.0))  # share of other texts
    others *= BROKEN * constraints.share(text)
    chance = everything.total + math.log(others) if others else -math.inf
    if satisfying.total < chance:
        return unreadable
    weight = search(lattice, OnlyText(text, signless), temperature).total
    probability = min(math.exp(weight - log_sum(satisfying.total, chance)), 1.0)
    second = search(lattice, Excluding(automaton, text, signless), temperature).symbols
    second = without_signs(second) if signless else second
    return NumberReading(symbols, probability, _text(second), unreadable.unconstrained)


class AnyText:
    """Accepts every text."""

    start: State = ""

    def step(self, state: State, symbol: str) -> State | None:
        return state

    def accepts(self, state: State) -> bool:
        return True


class OnlyText:
    """Accepts one text. signless: whatever signs are between its digits."""

    start: State = 0

    def __init__(self, text: str, signless: bool = False) -> None:
        self._text, self._signless = text, signless

    def step(self, state: State, symbol: str) -> State | None:
        if self._signless and not symbol.isdigit():
            return state
        assert isinstance(state, int)
        return state + 1 if self._text[state : state + 1] == symbol else None

    def accepts(self, state: State) -> bool:
        return state == len(self._text)


class Excluding:
    """Accepts what another automaton accepts, but for one text."""

    def __init__(self, automaton: Automaton, text: str, signless: bool = False) -> None:
        self._automaton, self._text = automaton, OnlyText(text, signless)
        self.start: State = (automaton.start, self._text.start)

    def step(self, state: State, symbol: str) -> State | None:
        assert isinstance(state, tuple)
        following = self._automaton.step(state[0], symbol)
        if following is None:
            return None
        return following, None if state[1] is None else self._text.step(state[1], symbol)

    def accepts(self, state: State) -> bool:
        assert isinstance(state, tuple)
        return self._automaton.accepts(state[0]) and not self._text.accepts(state[1])


def without_signs(symbols: list[tuple[str, Arc]]) -> list[tuple[str, Arc]]:
    return [pair for pair in symbols if SYMBOLS.index(pair[0]) < DIGITS]


def _text(symbols: Sequence[tuple[str, Arc]]) -> str:
    return "".join(symbol for symbol, _ in symbols)
