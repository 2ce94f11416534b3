"""Patterns: regular expressions over symbols, as automata that never backtrack.

A pattern becomes a graph of nodes (K. Thompson, "Regular expression search algorithm", 1968). The
sets of nodes whose symbols may come next, as the bits of integers, become the states of a
deterministic automaton.
"""

import re
from collections.abc import Callable, Sequence

from digits.constraints.automaton import State
from digits.inference.interface import SYMBOLS

_MAX_CHARACTERS = 1000
_MAX_NODES = 1000
_MAX_DEPTH = 50  # of groups in groups
_MAX_STATES = 2000  # of the deterministic automaton
_END = 0  # the node after the last symbol

_TOKEN = re.compile(
    r"\((?:\?:)?|\)|\|"
    r"|(?P<repeat>[*+?]|\{(?P<least>[0-9]{1,4})(?P<comma>,(?P<most>[0-9]{1,4})?)?\})"
    r"|(?P<symbols>\\[d.,-]|[0-9.,-]|\[\^?(?!\])-?(?:\\[d.,-]|[0-9]-[0-9]|[0-9.,])*-?\])"
)
_REPEATS = {"*": (0, None), "+": (1, None), "?": (0, 1)}

_Build = Callable[[int], int]  # from the node that follows to the first one


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
        self._tokens = _tokens(pattern)[::-1]
        build = self._alternatives(0)
        if self._tokens:
            raise _error(self._tokens[-1], "closes no group")
        self._steps, self._accepting = self._determinize(self._reached([build(_END)]))

    def step(self, state: State, symbol: str) -> State | None:
        assert isinstance(state, int)
        return self._steps[state].get(symbol)

    def accepts(self, state: State) -> bool:
        return state in self._accepting

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

    def _node(self, symbols: str, following: list[int]) -> int:
        if len(self._next) == _MAX_NODES:
            raise ValueError(f"the pattern has over {_MAX_NODES:,} symbols with its repetitions")
        self._symbols.append(symbols)
        self._next.append(following)
        return len(self._next) - 1

    def _alternatives(self, depth: int) -> _Build:
        parts = [self._sequence(depth)]
        while self._tokens and self._tokens[-1][0] == "|":
            self._tokens.pop()
            parts.append(self._sequence(depth))
        return lambda following: self._node("", [part(following) for part in parts])

    def _sequence(self, depth: int) -> _Build:
        parts: list[_Build] = []
        while self._tokens and self._tokens[-1][0] not in "|)":
            part = self._part(depth)
            repeated = self._tokens and self._tokens[-1]["repeat"]
            parts.append(self._repeated(part, self._tokens.pop()) if repeated else part)

        def build(following: int) -> int:
            for part in reversed(parts):
                following = part(following)
            return following

        return build

    def _part(self, depth: int) -> _Build:
        """A group, or what stands for a symbol."""
        token = self._tokens.pop()
        if token["symbols"]:
            symbols = _symbols(token)
            return lambda following: self._node(symbols, [following])
        if token["repeat"]:
            raise _error(token, "repeats nothing")
        if depth == _MAX_DEPTH:
            raise _error(token, f"is in {_MAX_DEPTH} groups already")
        build = self._alternatives(depth + 1)
        if not self._tokens:
            raise _error(token, "is never closed")
        self._tokens.pop()
        return build

    def _repeated(self, part: _Build, token: re.Match[str]) -> _Build:
        least = int(token["least"] or 0)
        most = int(token["most"]) if token["most"] else None if token["comma"] else least
        if token[0] in _REPEATS:
            least, most = _REPEATS[token[0]]
        elif most is not None and most < least:
            raise _error(token, "ends below where it begins")

        def build(following: int) -> int:
            end = following
            if most is None:
                following = self._node("", [end])
                self._next[following].append(part(following))
            for _ in range((most or least) - least):
                following = self._node("", [part(following), end])
            for _ in range(least):
                following = part(following)
            return following

        return build


def _union(sets: Sequence[int], chosen: int) -> int:
    """The union of some sets; both are bits of integers."""
    union = 0
    while chosen:
        lowest = chosen & -chosen
        union |= sets[lowest.bit_length() - 1]
        chosen ^= lowest
    return union


def _tokens(pattern: str) -> list[re.Match[str]]:
    if not isinstance(pattern, str):
        raise ValueError(f"the pattern is a text, not {pattern!r}")
    if len(pattern) > _MAX_CHARACTERS:
        raise ValueError(f"the pattern has over {_MAX_CHARACTERS:,} characters")
    tokens, index, end = [], int(pattern.startswith("^")), len(pattern) - pattern.endswith("$")
    while index < end:
        token = _TOKEN.match(pattern, index, end)
        if token is None:
            raise ValueError(
                f"pattern: {pattern[index:][:20]!r} at character {index + 1} can't be understood;"
                r" it may have digits, - , \. \d [0-9] ( ) | * + ? and {2,3}"
            )
        tokens.append(token)
        index = token.end()
    return tokens


def _symbols(token: re.Match[str]) -> str:
    """Those that a character, an escape or a class stands for."""
    expression = token[0].replace(r"\,", ",").replace(",", r"\.")
    try:
        symbols = "".join(filter(re.compile(expression).fullmatch, SYMBOLS))
    except re.error:  # such as [9-0]
        symbols = ""
    if not symbols:
        raise _error(token, "stands for no symbol")
    return symbols


def _error(token: re.Match[str], problem: str) -> ValueError:
    return ValueError(f"pattern: {token[0]!r} at character {token.start() + 1} {problem}")
