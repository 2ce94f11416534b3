"""What is true of the texts of some fields together: a sum, or a row of a roster."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context
from functools import cached_property, reduce

_EXACT = Context(prec=200, traps=[])  # makes NaN of what is no number, as a date


@dataclass(frozen=True)
class Sum:
    """The first of some fields is the sum of the others, of which a blank one counts as 0.

    fields: where they are in the form's.
    """

    fields: tuple[int, ...]

    chance = 0.0  # the share of all combinations of texts that keep the rule

    @property
    def required(self) -> tuple[int, ...]:
        """Those of its fields that mustn't be blank."""
        return self.fields[:1]

    def holds(self, texts: Mapping[int, str] | Sequence[str]) -> bool:
        """Whether the rule is kept. texts: of all fields of the form."""
        total, *addends = (_EXACT.create_decimal(texts[i] or 0) for i in self.fields)
        return reduce(_EXACT.subtract, addends, total) == 0

    def violation(self, total: str, *addends: str) -> str:
        """A sentence for a sheet that breaks the rule, with the names of its fields."""
        return f"{total} isn't {' + '.join(addends)}"


@dataclass(frozen=True)
class Roster:
    """The texts of some fields are in one row of a roster; arguments and methods as of `Sum`.

    rows: the roster's, of a text for each of these fields.
    """

    fields: tuple[int, ...]
    rows: frozenset[tuple[str, ...]] = field(repr=False)

    @cached_property
    def chance(self) -> float:
        columns = zip(*self.rows, strict=True)
        return len(self.rows) / math.prod(len({*column}) for column in columns)

    @property
    def required(self) -> tuple[int, ...]:
        return self.fields

    def holds(self, texts: Mapping[int, str] | Sequence[str]) -> bool:
        return tuple(texts[i] for i in self.fields) in self.rows

    def violation(self, *names: str) -> str:
        return f"no row of the roster has this {' and '.join(names)}"


Rule = Sum | Roster
