"""What is read on a sheet, and what text, JSON and CSV say of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from digits.formats import CHECKSUM
from digits.forms.form import Form
from digits.prediction import Number
from digits.text import escape_name

if TYPE_CHECKING:
    from digits.reader.detections import Floats

SheetStatus = Literal["complete", "review", "not found"]


@dataclass(frozen=True)
class Sheet:
    """A sheet of a form.

    numbers: what is in each field, in the form's order; empty if the sheet isn't found.
    note: a remark for people, such as why it isn't found, or which rule doesn't hold; or empty.
    location: float64 [3, 3], the homography from the form's unit to the upright picture's pixels;
        None if the sheet isn't found.
    """

    KEYS: ClassVar = ("file", "status", "note", "form", CHECKSUM, "fields")

    form: Form = field(repr=False)
    numbers: tuple[Number, ...]
    note: str = ""
    location: "Floats | None" = field(default=None, repr=False, compare=False)

    @property
    def COLUMNS(self) -> tuple[str, ...]:
        return self.form.columns

    @property
    def status(self) -> SheetStatus:
        """ "complete" if each number is accepted, or blank in an optional field."""
        return overall_status(self.form, [(n.text, field_status(n)) for n in self.numbers])

    @property
    def by_name(self) -> dict[str, Number]:
        """The numbers by their fields' names."""
        return dict(zip((field.name for field in self.form.fields), self.numbers, strict=False))

    def to_text(self) -> str:
        """Text for people: `student 123456  q1 7?  q2 –  (review)`."""
        cells = (f"{name} {number.to_text()}" for name, number in self.by_name.items())
        summary = f"{self.status}: {self.note}" if self.note else self.status
        return "  ".join((*cells, f"({summary})"))

    def to_dict(self, file: str) -> dict[str, Any]:
        """The fields of a JSON object."""
        fields = {name: number.to_dict() for name, number in self.by_name.items()}
        name, form = escape_name(file), self.form
        values = name, self.status, self.note, form.file, form.checksum, fields
        return dict(zip(self.KEYS, values, strict=True))

    def records(self, file: str) -> list[dict[str, Any]]:
        """The one row for a table, by its columns."""
        record = self.to_dict(file)
        for form_field, number in zip(self.form.fields, self.numbers, strict=False):
            cells = number.text, number.confidence, field_status(number)
            record |= zip(form_field.columns, cells, strict=True)
        return [record]


def field_status(number: Number) -> str:
    """The status of a field's number in a table."""
    if number.status != "none":
        return number.status
    return "blank" if number.reason == "blank" else "unreadable"


def overall_status(form: Form, numbers: Sequence[tuple[str, str]]) -> SheetStatus:
    """The status of a sheet. numbers: the text and the status of each field, maybe corrected."""
    if not any(status for _, status in numbers):
        return "not found"
    is_complete = all(
        status == "corrected"  # even if a person has stored nothing
        or (status in ("accepted", "blank") and (text or field.is_optional))
        for field, (text, status) in zip(form.fields, numbers, strict=True)
    )
    return "complete" if is_complete else "review"
