"""A form: its fields, what each may hold, how fields depend on each other, and how to find it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context
from functools import cached_property, reduce
from itertools import combinations
from pathlib import Path
from typing import Literal

from digits.constraints.automaton import accepts_text
from digits.constraints.constraints import Constraints

FindBy = Literal["marks", "blank", "fixed"]
Box = tuple[float, float, float, float]  # left, top, right, bottom, in the form's unit

UNCHECKED = "can't be checked"
MARKER_SETS = 146  # of four markers each, in the dictionary of 587
_EXACT = Context(prec=200, traps=[])  # makes NaN of what is no number, as a date
_MARKER, _EDGE = 12 / 210, 8 / 210  # of the sheet's width
_RESERVED = "file", "status", "note", "form", "modified", "size", "probability", "confidence"


@dataclass(frozen=True)
class Field:
    """A place on a form for one number.

    box: in the form's unit. cells: how many printed boxes of a digit each it consists of, from left
    to right; 0 for none. is_key: whether it tells the sheets apart. is_optional: whether a sheet is
    complete without it.
    """

    name: str
    box: Box
    constraints: Constraints = Constraints()
    cells: int = 0
    is_key: bool = False
    is_optional: bool = False

    @property
    def columns(self) -> tuple[str, str, str]:
        """Its columns in a table of sheets."""
        return self.name, f"{self.name} probability", f"{self.name} status"

    def refusal(self, text: str) -> str:
        """A sentence if the form forbids a text, which is empty for a blank field."""
        is_allowed = accepts_text(self.constraints.automaton, text) if text else self.is_optional
        return "" if is_allowed else f"{self.name} can't be {text or 'blank'} by the form"


@dataclass(frozen=True)
class Rule:
    """What some fields, by their numbers, hold together.

    rows: a roster, which has their texts in one of its rows. Without, the first field is the sum of
    the others, of which a blank one counts as 0.
    """

    fields: tuple[int, ...]
    rows: frozenset[tuple[str, ...]] | None = field(default=None, repr=False)

    @cached_property
    def share(self) -> float:
        """How many combinations of the roster's texts are in a row, 0 to 1; 0 for a sum."""
        rows = self.rows or ()
        return len(rows) / math.prod(len({*column}) for column in zip(*rows, strict=True))

    def holds(self, texts: Mapping[int, str] | Sequence[str]) -> bool:
        """Whether it does, for the texts of all fields."""
        own = tuple(texts[i] for i in self.fields)
        if self.rows is not None:
            return own in self.rows
        total, *addends = (_EXACT.create_decimal(text or 0) for text in own)
        return reduce(_EXACT.subtract, addends, total) == 0


@dataclass(frozen=True)
class Form:
    """A form.

    size: width and height of a sheet; its unit is that of all boxes: millimetres, or pixels of the
    blank or fixed picture. find: how its sheets are found: by four printed "marks", by what is
    printed on a "blank" one, or not at all, where a "fixed" camera or a scanner shows the same part
    always. markers: which set of marks, 0 to 145. blank: a picture of an empty sheet. file: where
    the form is from, escaped. Raises ValueError for fields that are outside, overlap, or would have
    the same columns.
    """

    size: tuple[float, float]
    fields: tuple[Field, ...]
    find: FindBy = "marks"
    markers: int = 0
    blank: Path | None = None
    rules: tuple[Rule, ...] = ()
    file: str = ""

    def __post_init__(self) -> None:
        if self.find == "blank" and not self.blank:
            raise ValueError('`find = "blank"` needs `blank`, a picture of an empty sheet')
        _check_names(self.fields)
        _check_boxes(self)

    @property
    def marker_boxes(self) -> dict[int, Box]:
        """Where each of the four markers is printed, by its number, from the upper left clockwise.

        They are as large and as far from the edge as on A4: 12 mm and 8 mm.
        """
        width, height = self.size
        side, edge = _MARKER * width, _EDGE * width
        right, bottom = width - edge - side, height - edge - side
        corners = (edge, edge), (right, edge), (right, bottom), (edge, bottom)
        numbers = range(4 * self.markers, 4 * self.markers + 4)
        return {n: (x, y, x + side, y + side) for n, (x, y) in zip(numbers, corners, strict=True)}

    def checkable(self, states: Sequence[str]) -> tuple[list[Rule], list[str]]:
        """The rules whose fields have what they need, and notes on the others.

        states: of all fields; "blank" or "unreadable" where there is no number, else empty.
        """
        rules, notes = list[Rule](), list[str]()
        for rule in self.rules:
            needed = rule.fields[:1] if rule.rows is None else rule.fields
            causes = [i for i in rule.fields if states[i] and (i in needed or states[i] != "blank")]
            if not causes:
                rules.append(rule)
            elif any(states[i] != "blank" for i in rule.fields):
                checked, cause = (self.fields[i].name for i in (rule.fields[0], causes[0]))
                notes.append(f"{checked} {UNCHECKED}: {cause} is {states[causes[0]]}")
        return rules, notes

    def failure(self, rule: Rule) -> str:
        """A sentence for a rule that doesn't hold."""
        first, *others = (self.fields[i].name for i in rule.fields)
        if rule.rows is None:
            return f"{first} isn't {' + '.join(others)}"
        return f"no row of the roster has this {' and '.join((first, *others))}"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a table of its sheets."""
        of_fields = (column for field in self.fields for column in field.columns)
        return "file", *of_fields, "status", "note", "form"


def _check_names(fields: Sequence[Field]) -> None:
    columns = [column.lower() for each in fields for column in each.columns]
    for name in columns:
        if columns.count(name) > 1 or name in _RESERVED:
            raise ValueError(f"two columns of the table would have the name {name}")
    if sum(each.is_key for each in fields) > 1:
        raise ValueError("only one field can be the key")


def _check_boxes(form: Form) -> None:
    (width, height), taken = form.size, [(f"the field {of.name}", of.box) for of in form.fields]
    for name, (left, top, right, bottom) in taken:
        if not (left < right and top < bottom):
            raise ValueError(f"the box of {name} is not left, top, right and bottom")
        if left < 0 or top < 0 or right > width or bottom > height:
            raise ValueError(f"{name} is outside the sheet of {width:g} x {height:g}")
    if form.find == "marks":
        taken += [("a marker", box) for box in form.marker_boxes.values()]
    for (name, box), (other, near) in combinations(taken, 2):
        if all(max(box[i], near[i]) < min(box[i + 2], near[i + 2]) for i in (0, 1)):
            raise ValueError(f"{name} overlaps {other}")
