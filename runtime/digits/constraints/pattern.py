"""Patterns: regular expressions over symbols, as automata that never backtrack.

A pattern becomes a graph, with a node for each symbol in it, and a text leads to a set of nodes (V.
M. Glushkov, "The abstract theory of automata", 1961). Such sets are the bits of integers.
"""

import re
from functools import reduce
from operator import or_

# Python's own parser of regular expressions, which isn't public.
from re import _constants as ops
from re import _parser as parser
from typing import Any

from digits.constraints.automaton import State
from digits.inference.interface import SYMBOLS

_MAY_HAVE = r"it may have digits, - , \. \d [0-9] ( ) | * + ? and {2,3}"
_MAX_CHARACTERS = 1000
_MAX_NODES = 1000
_END = 1  # the set of the node after the last symbol
_DIGITS = {*filter(str.isdigit, SYMBOLS)}


class Pattern:
    r"""Accepts what a regular expression matches as a whole.

    It may have digits, `-`, `,` and `\.` (both are the decimal mark), `.` (any symbol), `\d`,
    classes such as `[1-5]` and `[^0]`, groups, `|`, `*`, `+`, `?`, `{2}`, `{2,4}` and `{2,}`; `^`
    at its beginning and `$` at its end change nothing. Raises ValueError for anything else.

    A state is the set of the nodes whose symbols may come next.
    """

    def __init__(self, pattern: str) -> None:
        if not isinstance(pattern, str):
            raise ValueError(f"the pattern is a text, not {pattern!r}")
        if len(pattern) > _MAX_CHARACTERS:
            raise ValueError(f"the pattern has over {_MAX_CHARACTERS:,} characters")
        self._nodes = dict.fromkeys(SYMBOLS, 0)  # the nodes that have each symbol
        self._next = [0]  # the nodes that may follow each node; none follows the end
        try:
            items = parser.parse(pattern.removeprefix("^").removesuffix("$"))
            self.start: State = self._add_sequence(items, _END)
        except re.error as error:
            raise ValueError(f"pattern: {error}") from error
        except (RecursionError, OverflowError) as error:
            raise ValueError("the pattern has too many groups in groups, or repeats") from error

    def step(self, state: State, symbol: str) -> State | None:
        assert isinstance(state, int)
        matching, following = state & self._nodes.get(symbol, 0), 0
        while matching:
            node = matching.bit_length() - 1
            following |= self._next[node]
            matching ^= 1 << node
        return following or None

    def accepts(self, state: State) -> bool:
        assert isinstance(state, int)
        return bool(state & _END)

    def _add_sequence(self, items: Any, following: int) -> int:
        """Add nodes for parsed items before the nodes that follow; return the first ones."""
        for operator, argument in reversed(list(items)):
            following = self._add_item(operator, argument, following)
        return following

    def _add_item(self, operator: Any, argument: Any, following: int) -> int:
        if operator is ops.SUBPATTERN:
            return self._add_sequence(argument[-1], following)
        if operator is ops.BRANCH:
            return reduce(or_, (self._add_sequence(items, following) for items in argument[1]))
        if operator in (ops.MAX_REPEAT, ops.MIN_REPEAT):
            return self._add_repeated(argument, following)
        if symbols := _symbols(operator, argument):
            return self._add_node(symbols, following)
        raise ValueError(f"pattern: a part of it stands for no symbol; {_MAY_HAVE}")

    def _add_repeated(self, argument: Any, following: int) -> int:
        minimum, maximum, items = argument
        end = following
        if maximum == ops.MAXREPEAT:
            following, maximum = self._add_loop(items, end), minimum
        for repetition in range(maximum):
            is_optional = repetition < maximum - minimum
            first = self._add_sequence(items, following) | (end if is_optional else 0)
            if first == following:  # nothing is repeated, perhaps very often
                break
            following = first
        return following

    def _add_loop(self, items: Any, following: int) -> int:
        loop = self._add_node(set(), 0)  # stands for what follows until that is clear
        first = self._add_sequence(items, loop) | following
        for node, next_nodes in enumerate(self._next):
            if next_nodes & loop:
                self._next[node] |= first
        return first

    def _add_node(self, symbols: set[str], following: int) -> int:
        """Add a node; return the set of it alone."""
        if len(self._next) == _MAX_NODES:
            raise ValueError(f"the pattern has over {_MAX_NODES:,} symbols with its repetitions")
        node = 1 << len(self._next)
        self._next.append(following)
        for symbol in symbols:
            self._nodes[symbol] |= node
        return node


def _symbols(operator: Any, argument: Any) -> set[str]:
    """What a parsed character, escape or class stands for; nothing for what isn't understood."""
    if operator is ops.IN:
        symbols = set[str]().union(*(_symbols(*member) for member in argument))
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
