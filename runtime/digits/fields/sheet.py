"""What is read on a sheet, and what text, JSON and CSV say of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from digits.fields.form import Form
from digits.prediction import Number
from digits.text import escape_control, escape_name

if TYPE_CHECKING:
    from digits.reader.detections import Floats

SheetStatus = Literal["complete", "review", "not found"]


@dataclass(frozen=True)
class Sheet:
    """A sheet of a form.

    numbers: what is in each field, in the form's order; empty if the sheet isn't found. note: a
    remark for people, such as why it isn't found, or which rule doesn't hold; or empty.
    location: float64 [3, 3], the homography from the form's unit to the upright picture's pixels;
    None if it isn't found.
    """

    form: Form = field(repr=False)
    numbers: tuple[Number, ...]
    note: str = ""
    location: "Floats | None" = field(default=None, repr=False, compare=False)

    @property
    def status(self) -> SheetStatus:
        """ "complete" if each number is accepted, or blank in an optional field."""
        return overall_status(self.form, [number.status for number in self.numbers])

    def to_text(self) -> str:
        """For people: `student 123456  q1 7?  q2 –  (review)`."""
        pairs = zip(self.form.fields, self.numbers, strict=False)
        cells = (f"{of.name} {'–' if n.status == 'blank' else n.to_text()}" for of, n in pairs)
        remark = f"{self.status}: {escape_control(self.note)}" if self.note else self.status
        return "  ".join((*cells, f"({remark})"))

    def to_dict(self, file: str, frame: bool = False) -> dict[str, Any]:
        """The fields of a JSON object. frame: as for `Reading.to_dict`."""
        names = (each.name for each in self.form.fields)
        fields = {name: n.to_dict(frame) for name, n in zip(names, self.numbers, strict=False)}
        values = escape_name(file), self.status, escape_control(self.note), self.form.file, fields
        return dict(zip(self.form.KEYS, values, strict=True))

    def to_rows(self, file: str) -> list[list[object]]:
        """The cells of the one row of a table."""
        numbers = self.numbers or [None] * len(self.form.fields)
        cells = [
            cell
            for n in numbers
            for cell in ((n.text, n.probability, n.status) if n else ("",) * 3)
        ]
        note = escape_control(self.note)
        return [[escape_name(file), *cells, self.status, note, escape_name(self.form.file)]]


def overall_status(form: Form, statuses: Sequence[str]) -> SheetStatus:
    """A sheet's status by those of its fields, which somebody may have corrected."""
    if not statuses:
        return "not found"
    is_complete = all(
        status in ("accepted", "corrected") or of.is_optional and status == "blank"
        for of, status in zip(form.fields, statuses, strict=True)
    )
    return "complete" if is_complete else "review"
