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

_MAY_HAVE = r"it may have digits, - , \. \d [0-9] ( ) | * + ? and {2,3}"
_MAX_CHARACTERS = 1000
_MAX_NODES = 1000
_MAX_STATES = 2000  # of the deterministic automaton
_END = 0  # the node after the last symbol
_DIGITS = {*filter(str.isdigit, SYMBOLS)}


class Pattern:
    r"""Accepts what a regular expression matches as a whole.

    It may have digits, `-`, `,` and `\.` (both are the decimal mark), `.` (any symbol), `\d`,
    classes such as `[1-5]` and `[^0]`, groups, `|`, `*`, `+`, `?`, `{2}`, `{2,4}` and `{2,}`; `^`
    at its beginning and `$` at its end change nothing. Raises ValueError for anything else.
    """

    start: State = 0

    def __init__(self, pattern: str) -> None:
        if not isinstance(pattern, str):
            raise ValueError(f"the pattern is a text, not {pattern!r}")
        if len(pattern) > _MAX_CHARACTERS:
            raise ValueError(f"the pattern has over {_MAX_CHARACTERS:,} characters")
        self._symbols = [{"$"}]  # of each node; none for those that only lead to others
        self._next: list[list[int]] = [[]]
        try:
            items = parser.parse(pattern.removeprefix("^").removesuffix("$"))
            first = self._sequence(items, _END)
        except re.error as error:
            raise ValueError(f"pattern: {error}") from error
        except (RecursionError, OverflowError) as error:
            raise ValueError("the pattern has too many groups in groups, or repeats") from error
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
            return self._node(set(), [self._sequence(each, following) for each in argument[1]])
        if operator in (ops.MAX_REPEAT, ops.MIN_REPEAT):
            least, most, items = argument
            return self._repeated(least, most, items, following)
        if symbols := _symbols(operator, argument):
            return self._node(symbols, [following])
        raise ValueError(f"pattern: a part of it stands for no symbol; {_MAY_HAVE}")

    def _repeated(self, least: int, most: int, items: Any, following: int) -> int:
        end = following
        if most == ops.MAXREPEAT:
            following = self._node(set(), [end])
            self._next[following].append(self._sequence(items, following))
            most = least
        for _ in range(most - least):
            following = self._node(set(), [self._sequence(items, following), end])
        for _ in range(least):
            after, following = following, self._sequence(items, following)
            if following == after:  # nothing is repeated, perhaps very often
                break
        return following

    def _node(self, symbols: set[str], following: list[int]) -> int:
        if len(self._next) == _MAX_NODES:
            raise ValueError(f"the pattern has over {_MAX_NODES:,} symbols with its repetitions")
        self._symbols.append(symbols)
        self._next.append(following)
        return len(self._next) - 1

    def _reached(self, nodes: list[int]) -> int:
        """Those with symbols, and the end, to which these lead."""
        pending, reached = nodes.copy(), set[int]()
        while pending:
            node = pending.pop()
            if node not in reached:
                reached.add(node)
                pending += [] if self._symbols[node] else self._next[node]
        return sum(1 << node for node in reached if self._symbols[node])

    def _determinize(self, start: int) -> tuple[list[dict[str, int]], set[State]]:
        """The states that follow each state, and those that accept.

        Raises ValueError if they are too many.
        """
        after = [self._reached(nodes) for nodes in self._next]
        matching = {
            symbol: sum(1 << node for node, some in enumerate(self._symbols) if symbol in some)
            for symbol in SYMBOLS
        }
        numbers, steps = {start: 0}, list[dict[str, int]]()
        for nodes in (pending := [start]):
            unions, following = {0: 0}, dict[str, int]()
            for symbol, matched in matching.items():
                if (chosen := nodes & matched) not in unions:
                    unions[chosen] = _union(after, chosen)
                if reached := unions[chosen]:
                    if reached not in numbers:
                        pending.append(reached)
                    following[symbol] = numbers.setdefault(reached, len(numbers))
            steps.append(following)
            if len(numbers) > _MAX_STATES:
                raise ValueError(f"the pattern is too complicated: over {_MAX_STATES:,} states")
        return steps, {number for nodes, number in numbers.items() if nodes & 1 << _END}


def _symbols(operator: Any, argument: Any) -> set[str]:
    """What a parsed character, escape or class stands for; nothing for what isn't understood."""
    if operator is ops.IN:
        symbols = set[str]().union(*(_symbols(*part) for part in argument))
        return {*SYMBOLS} - symbols if argument[0][0] is ops.NEGATE else symbols
    if operator is ops.LITERAL:
        if (symbol := chr(argument).replace(",", ".")) not in SYMBOLS:
            raise ValueError(f"pattern: {symbol!r} is no digit, minus or point; {_MAY_HAVE}")
        return {symbol}
    if operator is ops.NOT_LITERAL:
        return {*SYMBOLS} - _symbols(ops.LITERAL, argument)
    if operator is ops.RANGE:
        return {symbol for symbol in SYMBOLS if argument[0] <= ord(symbol) <= argument[1]}
    if operator is ops.CATEGORY:
        members = set() if "SPACE" in str(argument) else _DIGITS  # of \s; of \d and \w
        return {*SYMBOLS} - members if "NOT" in str(argument) else members
    return {*SYMBOLS} if operator is ops.ANY else set()


def _union(sets: Sequence[int], chosen: int) -> int:
    """The union of some sets; both are bits of integers."""
    union = 0
    while chosen:
        lowest = chosen & -chosen
        union |= sets[lowest.bit_length() - 1]
        chosen ^= lowest
    return union
