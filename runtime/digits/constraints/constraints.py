"""Constraints: what a number satisfies that may stand there."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from digits.constraints.allowed import AllowedNumbers
from digits.constraints.automaton import Automaton, Range, accepts_any_text, product
from digits.constraints.checks import CHECKS, CheckName
from digits.constraints.pattern import Pattern

_VALUE = r"(-?[0-9]{1,20}(?:\.[0-9]{1,20})?)"


@dataclass(frozen=True)
class Constraints:
    r"""What a number must satisfy: all that is given.

    length: how many digits, or how many at least and at most; signs don't count. pattern: a regular
    expression that matches it as a whole; see `Pattern`. check: the scheme of its last
    digit, which checks the others; without signs. values: the numbers that it may be. range: its
    least and its greatest value. digits_only: skip minus signs and points, those of values too.
    A length and a range may be texts: "4-8", "-5-12.5".

    Raises ValueError for what is malformed, and if no number can satisfy all of it.

    >>> constraints = Constraints(length=(4, 8), pattern=r"20\d*", check="luhn")
    >>> constraints.share("200014")
    0.1
    """

    length: int | tuple[int, int] | str | None = None
    pattern: str | None = None
    check: CheckName | None = None
    values: AllowedNumbers | Iterable[str] | None = None
    range: tuple[float, float] | str | None = None
    digits_only: bool = False

    def __post_init__(self) -> None:
        for name, parse in (("length", _length), ("range", _range), ("values", self._allowed)):
            if (given := getattr(self, name)) is not None:
                object.__setattr__(self, name, parse(given))
        if self.check not in (None, *CHECKS):
            raise ValueError(f"the check is {self.check!r}, not one of {', '.join(CHECKS)}")
        least, most = self._lengths
        if self and (least > most or not accepts_any_text(self.automaton)):
            raise ValueError("no number satisfies all of these constraints")

    def __bool__(self) -> bool:
        """Whether anything is asked; `digits_only` alone asks nothing."""
        parts = (self.length, self.pattern, self.check, self.values, self.range)
        return any(part is not None for part in parts)

    @cached_property
    def automaton(self) -> Automaton:
        """Accepts what satisfies the constraints, and has a digit."""
        parts: list[Automaton] = []
        if self.check:
            parts.append(CHECKS[self.check])
        if self.pattern is not None:
            parts.append(Pattern(self.pattern))
        if isinstance(self.values, AllowedNumbers):
            parts.append(self.values)
        if isinstance(self.range, tuple):
            parts.append(Range(*self.range))
        return product(parts, *self._lengths, ignored="-." if self.digits_only else "")

    def __getstate__(self) -> dict[str, Any]:
        """All but the automaton, which has functions that can't be pickled."""
        return {name: value for name, value in vars(self).items() if name != "automaton"}

    def _allowed(self, given: AllowedNumbers | Iterable[str]) -> AllowedNumbers:
        allowed = given if isinstance(given, AllowedNumbers) else AllowedNumbers(given)
        return allowed.without_signs() if self.digits_only else allowed

    @property
    def _lengths(self) -> tuple[int, float]:
        """How many digits at least, and at most."""
        least, most = self.length if isinstance(self.length, tuple) else (1, math.inf)
        if self.check:
            least, most = max(least, CHECKS[self.check].least), min(most, CHECKS[self.check].most)
        return least, most

    def share(self, text: str) -> float:
        """How many of the texts with as many digits satisfy the strictest constraint, 0 to 1.

        It is 1 for a length, a pattern and a range, which often say only what is known anyway, and
        at least 1 / (10 * digits) for values: a slip of the pen changes a single digit.
        """
        shares = [1 / CHECKS[self.check].modulus if self.check else 1.0]
        if isinstance(self.values, AllowedNumbers):
            digits = sum(map(str.isdigit, text))
            length = digits if self.digits_only else len(text)
            shares.append(max(self.values.count(length) / 10.0**digits, 0.1 / digits))
        return min(shares)


def _length(given: object) -> tuple[int, int]:
    """Of a form 6, (4, 8), `6` or `4-8`. Raises ValueError for another."""
    text = "-".join(map(str, given)) if isinstance(given, tuple | list) else str(given)
    match = re.fullmatch(r"([0-9]{1,4})(?:-([0-9]{1,4}))?", "".join(text.split()))
    if not match:
        raise ValueError(f"the length is 6 or 4-8, for example, at most 9999, not {text[:20]!r}")
    least, most = int(match[1]), int(match[2] or match[1])
    if not 1 <= least <= most:
        raise ValueError(f"no number has {least} to {most} digits")
    return least, most


def _range(given: Iterable[float] | str) -> tuple[float, float]:
    """Of a form (100, 999), `100-999` or `-5-12.5`. Raises ValueError for another."""
    try:
        if isinstance(given, str):
            [given] = re.findall(f"^{_VALUE}-{_VALUE}$", "".join(given.replace(",", ".").split()))
        low, high = map(float, given)
    except (TypeError, ValueError, OverflowError) as error:
        form = "100-999 or -5-12.5, for example, with at most 20 digits"
        raise ValueError(f"the range is {form}, not {str(given)[:20]!r}") from error
    if not low <= high:
        raise ValueError(f"no number is from {low:g} to {high:g}")
    return low, high
