"""What is true of the texts of some fields together: a sum, or a row of a roster."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context
from functools import cached_property, reduce

_EXACT = Context(prec=200, traps=[])  # makes NaN of what is no number, as a date


@dataclass(frozen=True)
class Sum:
    """A field is the sum of others, of which a blank one counts as 0.

    total, addends: where these fields are in the form's.
    """

    total: int
    addends: tuple[int, ...]

    chance = 0.0  # the share of all combinations of texts that keep the rule

    @property
    def fields(self) -> tuple[int, ...]:
        """Where all its fields are in the form's."""
        return self.total, *self.addends

    @property
    def required(self) -> tuple[int, ...]:
        """Those of its fields that mustn't be blank."""
        return (self.total,)

    def holds(self, texts: Mapping[int, str] | Sequence[str]) -> bool:
        """Whether the rule is kept. texts: of all fields of the form."""
        total, *addends = (_EXACT.create_decimal(texts[i] or 0) for i in self.fields)
        return reduce(_EXACT.subtract, addends, total) == 0

    def violation(self, names: Sequence[str]) -> str:
        """A sentence for a sheet that breaks the rule. names: of all fields of the form."""
        return f"{names[self.total]} isn't {' + '.join(names[i] for i in self.addends)}"


@dataclass(frozen=True)
class Roster:
    """The texts of some fields are a row of a roster.

    fields: where these fields are in the form's.
    rows: the roster's, of a text for each of these fields.
    """

    fields: tuple[int, ...]
    rows: frozenset[tuple[str, ...]] = field(repr=False)

    @property
    def required(self) -> tuple[int, ...]:
        """Those of its fields that mustn't be blank."""
        return self.fields

    @cached_property
    def chance(self) -> float:
        """The share of all combinations of the roster's texts that keep the rule."""
        return len(self.rows) / math.prod(len({*column}) for column in zip(*self.rows, strict=True))

    def holds(self, texts: Mapping[int, str] | Sequence[str]) -> bool:
        """Whether the rule is kept. texts: of all fields of the form."""
        return tuple(texts[i] for i in self.fields) in self.rows

    def violation(self, names: Sequence[str]) -> str:
        """A sentence for a sheet that breaks the rule. names: of all fields of the form."""
        return f"no row of the roster has this {' and '.join(names[i] for i in self.fields)}"


Rule = Sum | Roster
