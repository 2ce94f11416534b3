"""A form: its fields, what each may hold, how fields depend on each other, and how to find it."""

import re
from collections.abc import Sequence
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from digits.constraints.allowed import AllowedNumbers
from digits.constraints.checks import CheckName
from digits.constraints.constraints import Constraints
from digits.formats import CHECKSUM, IDENTITY
from digits.forms.rules import Roster, Rule, Sum

FindBy = Literal["marks", "blank", "fixed"]
Box = tuple[float, float, float, float]  # left, top, right, bottom, in the form's unit

MARKER_SETS = 146  # of four markers each, in the dictionary of 587
MAX_FIELDS, MAX_DIGIT_BOXES = 200, 64
_Side = Annotated[float, Meta(gt=0, le=1e6)]
_MARKER, _EDGE = 12 / 210, 8 / 210  # of the sheet's width
_RESERVED = *IDENTITY, "status", "reason", "problems", "note", "form", CHECKSUM, "confidence"


class Field(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """A place on a form for one number; an entry of `[[fields]]` in a form's file.

    name: 1 to 40 letters, digits, blanks, - and _.
    box: in the form's unit.
    digit_boxes: of how many printed boxes of a digit each it consists, from left to right, or 0.
    is_key: whether its number tells the sheets apart.
    is_optional: whether a sheet is complete without it.
    list: the numbers that it may hold; in a file, the name of their file.
    length, pattern, check, range, digits_only: as of `Constraints`.

    Raises ValueError for another name, constraints that nothing satisfies, and a doubled key.
    """

    name: str
    box: Box
    digit_boxes: Annotated[int, Meta(ge=0, le=MAX_DIGIT_BOXES)] = msgspec.field(
        default=0, name="cells"
    )
    is_key: bool = msgspec.field(default=False, name="key")
    is_optional: bool = msgspec.field(default=False, name="optional")
    length: int | str | None = None
    pattern: str | None = None
    check: CheckName | None = None
    list: AllowedNumbers | None = None
    range: str | None = None
    digits_only: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\w([\w -]{0,38}\w)?", self.name):
            raise ValueError("a field's name has 1 to 40 letters, digits, blanks, - and _")
        _ = self.constraints  # raises now, not when a number is read
        if self.is_key and self.list and self.list.repeated:
            raise ValueError(f"the key {self.name} is {self.list.repeated} in two rows")

    @cached_property
    def constraints(self) -> Constraints:
        """What its number must satisfy."""
        try:
            return Constraints(
                self.length, self.pattern, self.check, self.list, self.range, self.digits_only
            )
        except ValueError as error:
            raise ValueError(f"the field {self.name}: {error}") from error

    @property
    def columns(self) -> tuple[str, str, str, str]:
        """Its columns in a table of sheets: the text, its confidence, its status, and why."""
        name = self.name
        return name, f"{name} confidence", f"{name} status", f"{name} reason"

    def violation(self, text: str) -> str:
        """A sentence if the form forbids a text, which is empty for a blank field."""
        is_allowed = self.constraints.accepts(text) if text else self.is_optional
        return "" if is_allowed else f"{self.name} can't be {text or 'blank'} by the form"


class Form(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """A form, as its file has it.

    size: width and height of a sheet; its unit is that of all boxes: millimetres, or pixels of the
        blank or fixed picture.
    find_by: what tells where its sheets are: four printed "marks", or what is printed on a "blank"
        one; or "fixed" where a camera or a scanner always shows the same part.
    marker_set: which set of marks, 0 to 145.
    blank: a picture of an empty sheet.
    sums: such as "total = a + b", of fields by their names; a blank addend counts as 0.
    roster: the rule that a sheet has one of these rows; in a file, the name of their file.
    file: where the form is from, escaped.
    checksum: of what its file says; not of the files that are named there.

    Raises ValueError for fields that are outside, overlap, or would have the same columns, and for
    sums of what is no field, or of the total itself.
    """

    size: tuple[_Side, _Side]
    fields: Annotated[tuple[Field, ...], Meta(max_length=MAX_FIELDS)]
    find_by: FindBy = msgspec.field(default="marks", name="find")
    marker_set: Annotated[int, Meta(ge=0, lt=MARKER_SETS)] = msgspec.field(
        default=0, name="markers"
    )
    blank: Path | None = None
    sums: tuple[Annotated[str, Meta(max_length=4000)], ...] = ()
    roster: Roster | None = None
    file: str = ""
    checksum: str = ""

    def __post_init__(self) -> None:
        if self.find_by == "blank" and not self.blank:
            raise ValueError('`find = "blank"` needs `blank`, a picture of an empty sheet')
        _check_names(self.fields)
        _check_boxes(self)
        _ = self.rules  # raises now, not when a sheet is read

    @cached_property
    def indices_by_name(self) -> dict[str, int]:
        """The index of each field by its name in small letters."""
        return {field.name.lower(): index for index, field in enumerate(self.fields)}

    @cached_property
    def corners(self) -> NDArray[np.float64]:
        """The upper left and the lower right corner of each field: float64 [2 * n, 2]."""
        return np.array([field.box for field in self.fields], np.float64).reshape(-1, 2)

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The sums, and the roster."""
        sums = map(self._parse_sum, self.sums)
        return (*sums, self.roster) if self.roster else tuple(sums)

    def _parse_sum(self, text: str) -> Sum:
        total, _, addends = text.partition("=")
        names = [name.strip() for name in (total, *addends.split("+"))]
        if unknown := [name for name in names if name.lower() not in self.indices_by_name]:
            example = "a sum is `total = a + b`"
            raise ValueError(f"{example}; in {text[:80]!r}, no field is {unknown[0]!r}")
        indices = tuple(self.indices_by_name[name.lower()] for name in names)
        if indices[0] in indices[1:]:
            raise ValueError(f"in the sum {text[:80]!r}, {names[0]} is a part of itself")
        return Sum(indices)

    def violation(self, rule: Rule) -> str:
        """A sentence for a sheet that breaks a rule."""
        return rule.violation(*(self.fields[i].name for i in rule.fields))

    @property
    def marker_boxes(self) -> dict[int, Box]:
        """Where each of the four markers is printed, by its id, from the upper left clockwise.

        They are as large and as far from the edge as on A4: 12 mm and 8 mm.
        """
        width, height = self.size
        side, edge = _MARKER * width, _EDGE * width
        right, bottom = width - edge - side, height - edge - side
        corners = (edge, edge), (right, edge), (right, bottom), (edge, bottom)
        marker_ids = range(4 * self.marker_set, 4 * self.marker_set + 4)
        return {
            marker_id: (x, y, x + side, y + side)
            for marker_id, (x, y) in zip(marker_ids, corners, strict=True)
        }

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a table of its sheets."""
        field_columns = (column for field in self.fields for column in field.columns)
        return "file", *field_columns, "status", "reason", "problems", "note", "form", CHECKSUM


def _check_names(fields: Sequence[Field]) -> None:
    columns = [column.lower() for field in fields for column in field.columns]
    for name in columns:
        if columns.count(name) > 1 or name in _RESERVED:
            raise ValueError(f"two columns of the table would have the name {name}")
    if sum(field.is_key for field in fields) > 1:
        raise ValueError("only one field can be the key")


def _check_boxes(form: Form) -> None:
    width, height = form.size
    boxes = [(f"the field {field.name}", field.box) for field in form.fields]
    for name, (left, top, right, bottom) in boxes:
        if not (left < right and top < bottom):
            raise ValueError(f"the box of {name} is not left, top, right and bottom")
        if left < 0 or top < 0 or right > width or bottom > height:
            raise ValueError(f"{name} is outside the sheet of {width:g} x {height:g}")
    if form.find_by == "marks":
        boxes += [("a marker", box) for box in form.marker_boxes.values()]
    for (name, box), (other_name, other) in combinations(boxes, 2):
        if all(max(box[i], other[i]) < min(box[i + 2], other[i + 2]) for i in (0, 1)):
            raise ValueError(f"{name} overlaps {other_name}")
