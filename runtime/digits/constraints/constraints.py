"""Constraints: what a number satisfies that may stand there."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property

from digits import tables
from digits.constraints.allowed import AllowedNumbers, digits_of
from digits.constraints.checks import CHECKS, CheckName
from digits.inference.interface import SYMBOLS

_VALUE = r"(-?[0-9]{1,20}(?:[.,][0-9]{1,20})?)"
_DECIMAL = re.compile(r"-?[0-9]*\.?[0-9]+")
_MAX_PATTERN = 1000  # characters
_FOREIGN = re.compile(r"(?<!\\)[^-0-9.,()\[\]{}|*+?^$:=!<>\\]")  # in a pattern


@dataclass(frozen=True)
class Constraints:
    r"""What a number must satisfy: all of these that aren't None.

    length: how many digits, or how many at least and at most; signs don't count.
    pattern: a regular expression that matches it as a whole; a comma is the decimal mark, too.
    check: the scheme of its last digit, which checks the others; without signs.
    values: the numbers that it may be.
    range: its smallest and its largest value.
    digits_only: skip minus signs and points, those of values, too.

    A length and a range may be texts: "4-8", "-5-12.5". Raises ValueError for what is malformed,
    and for a range or a list of which no number can satisfy the rest.

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
        _ = self._regex  # raises now, not when a number is read
        if not self._is_possible():
            raise ValueError("no number satisfies all of these constraints")

    def __bool__(self) -> bool:
        """Whether a number must satisfy anything; `digits_only` alone says how, but not what."""
        arguments = (self.length, self.pattern, self.check, self.values, self.range)
        return any(argument is not None for argument in arguments)

    def accepts(self, text: str) -> bool:
        """Whether a text of digits, "-" and "." satisfies the constraints, and has a digit."""
        text = digits_of(text) if self.digits_only else text
        minimum, maximum = self.lengths
        return (
            {*text} <= {*SYMBOLS}
            and minimum <= sum(map(str.isdigit, text)) <= maximum
            and (not self.check or text.isdigit() and CHECKS[self.check].is_valid(text))
            and (not isinstance(self.values, AllowedNumbers) or text in self.values.numbers)
            and (not isinstance(self.range, tuple) or _is_between(text, *self.range))
            and (not self._regex or self._regex.fullmatch(text) is not None)
        )

    def _is_possible(self) -> bool:
        """Whether a number may satisfy all constraints, as far as is easy to tell."""
        minimum, maximum = self.lengths
        low, high = self.range if isinstance(self.range, tuple) else (0, 0)
        limit = Decimal(10) ** Decimal(maximum)  # above what these digits can express
        if minimum > maximum or low >= limit or high <= -limit:
            return False
        return not isinstance(self.values, AllowedNumbers) or any(map(self.accepts, self.values))

    @cached_property
    def _regex(self) -> re.Pattern[str] | None:
        return None if self.pattern is None else _compile(self.pattern)

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


def _is_between(text: str, low: Decimal | float, high: Decimal | float) -> bool:
    return _DECIMAL.fullmatch(text) is not None and low <= Decimal(text) <= high


def _compile(pattern: str) -> re.Pattern[str]:
    """Compile a pattern, in which a comma is the decimal mark. Raises ValueError."""
    if not isinstance(pattern, str):
        raise ValueError(f"the pattern is a text, not {pattern!r}")
    if len(pattern) > _MAX_PATTERN:
        raise ValueError(f"the pattern has over {_MAX_PATTERN:,} characters")
    if match := _FOREIGN.search(pattern):
        raise ValueError(f"pattern: {match[0]!r} is no digit, minus or point")
    try:
        return re.compile(re.sub(r"\\?,(?![0-9]*})", r"\.", pattern))  # not that of {2,3}
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"pattern: {error}") from error


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
