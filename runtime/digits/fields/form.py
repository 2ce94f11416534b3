"""A form: its fields, what each may hold, how fields depend on each other, and how to find it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from digits.constraints.constraints import Constraints

if TYPE_CHECKING:
    from digits.fields.locate import Locator

FindBy = Literal["marks", "blank", "fixed"]
Box = tuple[float, float, float, float]  # left, top, right, bottom, in the form's unit

MARKER_SETS = 146  # of four markers each, in the dictionary of 587
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


@dataclass(frozen=True)
class Sum:
    """A field that is the sum of others; a blank one counts as 0."""

    total: str
    addends: tuple[str, ...]


@dataclass(frozen=True)
class Roster:
    """What is written together on a sheet.

    fields: their numbers. rows: the texts of these fields in each row.
    """

    fields: tuple[int, ...]
    rows: frozenset[tuple[str, ...]] = field(repr=False)

    @cached_property
    def share(self) -> float:
        """How many combinations of these texts are in a row, 0 to 1."""
        columns = zip(*self.rows, strict=True)
        return len(self.rows) / math.prod(len({*column}) for column in columns)


@dataclass(frozen=True)
class Form:
    """A form.

    size: width and height of a sheet; its unit is that of all boxes: millimetres, or pixels of the
    blank or fixed picture. find: how its sheets are found: by four printed "marks", by what is
    printed on a "blank" one, or not at all, where a "fixed" camera or a scanner shows the same part
    always. markers: which set of marks, 0 to 145. blank: a picture of an empty sheet. file: where
    the form is from. Raises ValueError for fields that are outside, overlap or have the same name.
    """

    size: tuple[float, float]
    fields: tuple[Field, ...]
    find: FindBy = "marks"
    markers: int = 0
    blank: Path | None = None
    roster: Roster | None = None
    sums: tuple[Sum, ...] = ()
    file: str = ""

    def __post_init__(self) -> None:
        if self.find == "blank" and not self.blank:
            raise ValueError('`find = "blank"` needs `blank`, a picture of an empty sheet')
        _check_names(self.fields)
        for each in self.fields:
            _check_box(each, self.size)
            on_paper = self.marker_boxes.values() if self.find == "marks" else ()
            if any(_overlap(each.box, box) for box in on_paper):
                raise ValueError(f"the field {each.name} overlaps a marker")
        for first, second in combinations(self.fields, 2):
            if _overlap(first.box, second.box):
                raise ValueError(f"the fields {first.name} and {second.name} overlap")
        names = {each.name for each in self.fields}
        for rule in self.sums:
            if unknown := sorted({rule.total, *rule.addends} - names):
                raise ValueError(f"the sum of {rule.total} names no field: {unknown[0]}")

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

    @property
    def COLUMNS(self) -> tuple[str, ...]:
        """Of a table of sheets, as of a Prediction."""
        return "file", *(c for each in self.fields for c in each.columns), "status", "note", "form"

    @property
    def KEYS(self) -> tuple[str, ...]:
        """Of a sheet's JSON object."""
        return "file", "status", "note", "form", "fields"

    @cached_property
    def locator(self) -> "Locator":
        """Finds its sheets. Raises DataError if the blank can't be used."""
        from digits.fields.locate import Locator  # needs OpenCV

        return Locator(self)

    def __getstate__(self) -> dict[str, Any]:
        """All but the locator, which has objects of OpenCV."""
        return {name: value for name, value in vars(self).items() if name != "locator"}

    @property
    def key(self) -> Field | None:
        """The field that tells sheets apart, if there is one."""
        return next((each for each in self.fields if each.is_key), None)


def _check_names(fields: Sequence[Field]) -> None:
    columns = [column.lower() for each in fields for column in each.columns]
    for name in columns:
        if columns.count(name) > 1 or name in _RESERVED:
            raise ValueError(f"two columns of the table would have the name {name}")
    if sum(each.is_key for each in fields) > 1:
        raise ValueError("only one field can be the key")


def _check_box(of: Field, size: tuple[float, float]) -> None:
    (left, top, right, bottom), (width, height) = of.box, size
    if not (left < right and top < bottom):
        raise ValueError(f"the box of {of.name} is not left, top, right and bottom")
    if left < 0 or top < 0 or right > width or bottom > height:
        raise ValueError(f"the field {of.name} is outside the sheet of {width:g} x {height:g}")


def _overlap(box: Box, other: Box) -> bool:
    return max(box[0], other[0]) < min(box[2], other[2]) and (
        max(box[1], other[1]) < min(box[3], other[3])
    )
