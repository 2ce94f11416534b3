"""Patterns: regular expressions over symbols, as automata that never backtrack.

A pattern becomes a graph of nodes (K. Thompson, "Regular expression search algorithm", 1968). The
sets of nodes whose symbols may come next, as the bits of integers, become the states of a
deterministic automaton.
"""

import re
from collections.abc import Sequence

# Python's own parser of regular expressions. It isn't public, but hasn't changed since 1999.
from re import _constants as ops
from re import _parser as parser
from typing import Any

from digits.constraints.automaton import State
from digits.inference.interface import SYMBOLS

_MAX_CHARACTERS = 1000
_MAX_NODES = 1000
_MAX_STATES = 2000  # of the deterministic automaton
_END = 0  # the node after the last symbol

_PARTS = re.compile(  # what a pattern may consist of: less than the parser knows
    r"(?:\((?:\?:)?|[)|*+?]|\{[0-9]{1,4}(?:,(?:[0-9]{1,4})?)?\}"
    r"|\\[d.,-]|[0-9.,-]|\[\^?(?!\])-?(?:\\[d.,-]|[0-9]-[0-9]|[0-9.,])*-?\])*"
)


class Pattern:
    r"""Accepts what a regular expression matches as a whole.

    It may have digits, `-`, `,` and `\.` (both are the decimal mark), `.` (any symbol), `\d`,
    classes such as `[1-5]` and `[^0]`, groups, `|`, `*`, `+`, `?`, `{2}`, `{2,4}` and `{2,}`; `^`
    at its beginning and `$` at its end change nothing. Raises ValueError for anything else.
    """

    start: State = 0

    def __init__(self, pattern: str) -> None:
        self._symbols = ["$"]  # of each node; none for those that only lead to others
        self._next: list[list[int]] = [[]]
        try:
            first = self._sequence(_parse(pattern), _END)
        except RecursionError as error:
            raise ValueError("the pattern has too many groups in groups") from error
        self._steps, self._accepting = self._determinize(self._reached([first]))

    def step(self, state: State, symbol: str) -> State | None:
        assert isinstance(state, int)
        return self._steps[state].get(symbol)

    def accepts(self, state: State) -> bool:
        return state in self._accepting

    def _sequence(self, items: Any, following: int) -> int:
        """Add nodes for parsed items before the node that follows; return the first one."""
        for operator, argument in reversed(list(items)):
            following = self._item(operator, argument, following)
        return following

    def _item(self, operator: Any, argument: Any, following: int) -> int:
        if operator is ops.SUBPATTERN:
            return self._sequence(argument[-1], following)
        if operator is ops.BRANCH:
            return self._node("", [self._sequence(branch, following) for branch in argument[1]])
        if operator in (ops.MAX_REPEAT, ops.MIN_REPEAT):
            least, most, repeated = argument
            return self._repeated(least, most, repeated, following)
        symbols = "".join(symbol for symbol in SYMBOLS if _matches(operator, argument, symbol))
        if not symbols:
            raise ValueError("pattern: a part of it stands for no symbol")
        return self._node(symbols, [following])

    def _repeated(self, least: int, most: int, items: Any, following: int) -> int:
        end = following
        if most == ops.MAXREPEAT:
            following = self._node("", [end])
            self._next[following].append(self._sequence(items, following))
            most = least
        for _ in range(most - least):
            following = self._node("", [self._sequence(items, following), end])
        for _ in range(least):
            after, following = following, self._sequence(items, following)
            if following == after:  # nothing is repeated, perhaps very often
                break
        return following

    def _node(self, symbols: str, following: list[int]) -> int:
        if len(self._next) == _MAX_NODES:
            raise ValueError(f"the pattern has over {_MAX_NODES:,} symbols with its repetitions")
        self._symbols.append(symbols)
        self._next.append(following)
        return len(self._next) - 1

    def _reached(self, nodes: list[int]) -> int:
        """Those with symbols, and the end, to which these lead."""
        pending, reached, state = nodes.copy(), set[int](), 0
        while pending:
            node = pending.pop()
            if node in reached:
                continue
            reached.add(node)
            if self._symbols[node]:
                state |= 1 << node
            else:
                pending += self._next[node]
        return state

    def _determinize(self, start: int) -> tuple[list[dict[str, int]], set[State]]:
        """The states that follow each state, and those that accept.

        Raises ValueError if they are too many.
        """
        after = [self._reached(nodes) for nodes in self._next]
        matching = [
            (symbol, sum(1 << k for k, symbols in enumerate(self._symbols) if symbol in symbols))
            for symbol in SYMBOLS
        ]
        numbers, steps = {start: 0}, list[dict[str, int]]()
        for nodes in (pending := [start]):
            unions, following = {0: 0}, dict[str, int]()
            for symbol, some in matching:
                if nodes & some not in unions:
                    unions[nodes & some] = _union(after, nodes & some)
                if reached := unions[nodes & some]:
                    if reached not in numbers:
                        pending.append(reached)
                    following[symbol] = numbers.setdefault(reached, len(numbers))
            steps.append(following)
            if len(numbers) > _MAX_STATES:
                raise ValueError(f"the pattern is too complicated: over {_MAX_STATES:,} states")
        return steps, {number for nodes, number in numbers.items() if nodes & 1 << _END}


def _parse(pattern: str) -> Any:
    """The parsed items of a pattern. Raises ValueError for what isn't one, and RecursionError."""
    if not isinstance(pattern, str):
        raise ValueError(f"the pattern is a text, not {pattern!r}")
    if len(pattern) > _MAX_CHARACTERS:
        raise ValueError(f"the pattern has over {_MAX_CHARACTERS:,} characters")
    begin, end = int(pattern.startswith("^")), len(pattern) - pattern.endswith("$")
    understood = _PARTS.match(pattern, begin, end)
    stop = understood.end() if understood else begin
    if stop < end:
        raise ValueError(
            f"pattern: {pattern[stop:][:20]!r} at character {stop + 1} can't be understood;"
            r" it may have digits, - , \. \d [0-9] ( ) | * + ? and {2,3}"
        )
    try:
        return parser.parse(pattern[begin:end])
    except re.error as error:
        place = begin + (error.pos or 0) + 1
        raise ValueError(f"pattern: {error.msg} at character {place}") from error


def _matches(operator: Any, argument: Any, symbol: str) -> bool:
    """Whether what the parser has made of a character, an escape or a class matches a symbol."""
    if operator is ops.IN:
        is_negated = argument[0][0] is ops.NEGATE
        parts = argument[is_negated:]
        return is_negated != any(_matches(part, value, symbol) for part, value in parts)
    if operator is ops.LITERAL:
        return chr(argument).replace(",", ".") == symbol
    if operator is ops.NOT_LITERAL:
        return not _matches(ops.LITERAL, argument, symbol)
    if operator is ops.RANGE:
        return bool(argument[0] <= ord(symbol) <= argument[1])
    return operator is ops.ANY or operator is ops.CATEGORY and symbol.isdigit()


def _union(sets: Sequence[int], chosen: int) -> int:
    """The union of some sets; both are bits of integers."""
    union = 0
    while chosen:
        lowest = chosen & -chosen
        union |= sets[lowest.bit_length() - 1]
        chosen ^= lowest
    return union
