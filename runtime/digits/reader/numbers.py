"""The number that a column holds: its likeliest reading, and how likely that is as a whole."""

import math
from collections.abc import Sequence
from heapq import nlargest
from typing import Any, NamedTuple

from digits.constraints.automaton import Automaton, Product, State, product
from digits.constraints.constraints import Constraints
from digits.inference.interface import SYMBOLS
from digits.reader.lattice import Arc, best_path
from digits.reader.search import Paths, accepted_paths, log_sum, search

Symbols = list[tuple[str, Arc]]

# How many numbers break the constraints that they should satisfy: slips of the pen, and other
# things on the page. Without that, one allowed number would be found in every scribble.
BROKEN = 0.01
_MAX_TEXTS = 8
ANY_TEXT: Automaton = product([], 0, math.inf, ignored=SYMBOLS)


class NumberReading(NamedTuple):
    """What is read in a column.

    symbols: of the likeliest reading that satisfies the constraints, with their arcs; those of the
    unconstrained one if none does. probability: that it is right as a whole, 0 to 1. runner_up: the
    second-best text, or empty. unconstrained: the text without constraints. satisfies: whether the
    number is rather one that satisfies the constraints than another.
    """

    symbols: Symbols
    probability: float
    runner_up: str
    unconstrained: str
    satisfies: bool = True

    @property
    def text(self) -> str:
        return to_text(self.symbols)


def read_number(
    lattice: Sequence[Arc], constraints: Constraints, temperature: float
) -> NumberReading:
    """Read a column: by its best path, or by the likeliest one that satisfies constraints.

    Its probability is the share of all paths that read the same. With constraints, it is by Bayes'
    rule the share of those that satisfy them, and of the others so far as some numbers break
    the constraints and could read so by chance. temperature: see `search`.
    """
    signless = constraints.digits_only
    free = read_freely(lattice, signless)
    symbols, automaton = free.symbols, ANY_TEXT
    everything = satisfying = search(lattice, ANY_TEXT, temperature)
    if constraints:
        automaton = constraints.automaton
        satisfying = search(lattice, automaton, temperature)
        symbols = skip_signs(satisfying.symbols, signless)
    if not symbols:
        return free
    text = to_text(symbols)
    others = -math.expm1(min(satisfying.total - everything.total, 0.0))  # share of other texts
    others *= BROKEN * constraints.share(text)
    chance = everything.total + math.log(others) if others else -math.inf
    if satisfying.total < chance:
        return free
    weight = search(lattice, OnlyText(text, signless), temperature).total
    probability = min(math.exp(weight - log_sum(satisfying.total, chance)), 1.0)
    other = product([automaton, OnlyText(text, signless, excluded=True)], 0, math.inf, ignored="")
    second = search(lattice, other, temperature).symbols
    return NumberReading(symbols, probability, to_text(skip_signs(second, signless)), free.text)


def read_freely(lattice: Sequence[Arc], signless: bool) -> NumberReading:
    """Read a column by its best path, which satisfies nothing. signless: without signs."""
    path = [(SYMBOLS[int(arc.symbols.argmax())], arc) for arc in best_path(lattice)]
    symbols = skip_signs(path, signless)
    return NumberReading(symbols, 0.0, "", to_text(symbols), False)


def skip_signs(symbols: Symbols, signless: bool) -> Symbols:
    return [pair for pair in symbols if not signless or pair[0].isdigit()]


def to_text(symbols: Symbols) -> str:
    return "".join(symbol for symbol, _ in symbols)


def likely_texts(
    lattice: Sequence[Arc], constraints: Constraints, temperature: float
) -> dict[str, Paths]:
    """The likeliest texts that satisfy the constraints, at most 8, and the paths that read so."""
    automaton, ignored = constraints.automaton, "-." if constraints.digits_only else ""

    def step(state: Any, symbol: str) -> State | None:
        following = automaton.step(state[0], symbol)
        return None if following is None else (following, state[1] + symbol.strip(ignored))

    def accepts(state: Any) -> bool:
        return automaton.accepts(state[0])

    spelled = Product((automaton.start, ""), step, accepts)
    accepted: dict[Any, Paths] = {**accepted_paths(lattice, spelled, temperature)}
    likeliest = nlargest(_MAX_TEXTS, accepted.items(), key=lambda pair: pair[1].total)
    return {text: paths for (_, text), paths in likeliest}


class OnlyText:
    """Accepts one text, or all others. signless: whatever signs are between its digits."""

    start: State = 0

    def __init__(self, text: str, signless: bool = False, excluded: bool = False) -> None:
        self._text, self._signless, self._excluded = text, signless, excluded

    def step(self, state: State, symbol: str) -> State | None:
        if self._signless and not symbol.isdigit():
            return state
        assert isinstance(state, int)
        if self._text[state : state + 1] == symbol:
            return state + 1
        return -1 if self._excluded else None  # where no symbol is the text's

    def accepts(self, state: State) -> bool:
        return (state == len(self._text)) != self._excluded
