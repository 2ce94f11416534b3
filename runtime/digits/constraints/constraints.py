"""Constraints: what a number satisfies that may stand there."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any

from digits import tables
from digits.constraints.allowed import AllowedNumbers
from digits.constraints.automaton import (
    CHECKS,
    Automaton,
    CheckName,
    Range,
    accepts_some_text,
    product,
)
from digits.constraints.pattern import Pattern

_VALUE = r"(-?[0-9]{1,20}(?:[.,][0-9]{1,20})?)"


@dataclass(frozen=True)
class Constraints:
    r"""What a number must satisfy: all of these that aren't None.

    length: how many digits, or how many at least and at most; signs don't count.
    pattern: a regular expression that matches it as a whole; see `Pattern`.
    check: the scheme of its last digit, which checks the others; without signs.
    values: the numbers that it may be.
    range: its smallest and its largest value.
    digits_only: skip minus signs and points, those of values, too.

    A length and a range may be texts: "4-8", "-5-12.5". Raises ValueError for what is malformed,
    and if no number can satisfy all of it.

    >>> constraints = Constraints(length=(4, 8), pattern=r"20\d*", check="luhn")
    >>> constraints.share("200014")
    0.1
    """

    length: int | tuple[int, int] | str | None = None
    pattern: str | None = None
    check: CheckName | None = None
    values: AllowedNumbers | Iterable[str] | None = None
    range: tuple[Decimal | float, Decimal | float] | str | None = None
    digits_only: bool = False

    def __post_init__(self) -> None:
        parsers = {"length": _parse_length, "range": _parse_range, "values": self._parse_values}
        for name, parse in parsers.items():
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, parse(value))
        if self.check not in (None, *CHECKS):
            raise ValueError(f"the check is {self.check!r}, not one of {', '.join(CHECKS)}")
        min_digits, max_digits = self.lengths
        if self and (min_digits > max_digits or not accepts_some_text(self.automaton)):
            raise ValueError("no number satisfies all of these constraints")

    def __bool__(self) -> bool:
        """Whether a number must satisfy anything; `digits_only` alone says how, but not what."""
        arguments = (self.length, self.pattern, self.check, self.values, self.range)
        return any(argument is not None for argument in arguments)

    @cached_property
    def automaton(self) -> Automaton:
        """The automaton of all texts that satisfy the constraints, and have a digit."""
        automata: list[Automaton] = []
        if self.check:
            automata.append(CHECKS[self.check])
        if self.pattern is not None:
            automata.append(Pattern(self.pattern))
        if isinstance(self.values, AllowedNumbers):
            automata.append(self.values)
        if isinstance(self.range, tuple):
            automata.append(Range(*map(Decimal, self.range)))
        return product(automata, *self.lengths, ignored="-." if self.digits_only else "")

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the automaton, which has functions that can't be pickled."""
        return {name: value for name, value in vars(self).items() if name != "automaton"}

    def _parse_values(self, values: AllowedNumbers | Iterable[str]) -> AllowedNumbers:
        allowed = values if isinstance(values, AllowedNumbers) else AllowedNumbers(values)
        return allowed.without_signs() if self.digits_only else allowed

    @property
    def lengths(self) -> tuple[int, float]:
        """The smallest and the largest number of digits."""
        minimum, maximum = self.length if isinstance(self.length, tuple) else (1, math.inf)
        if self.check:
            check = CHECKS[self.check]
            return max(minimum, check.min_digits), min(maximum, check.max_digits)
        return minimum, maximum

    def share(self, text: str) -> float:
        """Which share of the texts with as many digits satisfies the strictest constraint, 0 to 1.

        It is 1 for a length, a pattern and a range, which often only repeat what is clear anyway,
        and at least 1 / (10 * digits) for values: a slip of the pen changes a single digit.
        """
        shares = [1 / CHECKS[self.check].modulus if self.check else 1.0]
        if isinstance(self.values, AllowedNumbers):
            digits = sum(map(str.isdigit, text))
            length = digits if self.digits_only else len(text)
            shares.append(max(self.values.count(length) / 10.0**digits, 0.1 / digits))
        return min(shares)


def _parse_length(length: object) -> tuple[int, int]:
    """Parse 6, (4, 8), "6" or "4-8". Raises ValueError for anything else."""
    text = "-".join(map(str, length)) if isinstance(length, tuple | list) else str(length)
    match = re.fullmatch(r"\s*([0-9]{1,4})(?:\s*-\s*([0-9]{1,4}))?\s*", text)
    if not match:
        raise ValueError(f"the length is 6 or 4-8, for example, at most 9999, not {text[:20]!r}")
    minimum, maximum = int(match[1]), int(match[2] or match[1])
    if not 1 <= minimum <= maximum:
        raise ValueError(f"no number has {minimum} to {maximum} digits")
    return minimum, maximum


def _parse_range(limits: Iterable[Decimal | float] | str) -> tuple[Decimal, Decimal]:
    """Parse (100, 999), "100-999" or "-5-12.5". Raises ValueError for anything else."""
    values: Iterable[Decimal | float | str] = limits
    if isinstance(limits, str):
        match = re.fullmatch(rf"\s*{_VALUE}\s*-\s*{_VALUE}\s*", limits)
        values = [*map(tables.plain_number, match.groups() if match else ())]
    try:
        low, high = (Decimal(str(value)) for value in values)
        is_empty = low > high
    except (TypeError, ValueError, InvalidOperation) as error:
        examples = "100-999 or -5-12.5, for example, with at most 20 digits"
        raise ValueError(f"the range is {examples}, not {str(limits)[:20]!r}") from error
    if is_empty:
        raise ValueError(f"no number is from {low} to {high}")
    return low, high
