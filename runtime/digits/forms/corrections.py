"""A person's corrections of sheets, into their table."""

import os
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw

from digits import drawing
from digits.errors import PictureError
from digits.formats import IDENTITY
from digits.forms.cut import cut_field
from digits.forms.form import Field
from digits.forms.form_file import load_details, load_form
from digits.forms.homography import rectify
from digits.forms.locate import find_in_page
from digits.forms.sheet import Answer, broken_rules
from digits.forms.table import Row, SheetTable, open_table
from digits.images import documents, picture
from digits.images.formats import split_page
from digits.images.picture import GreyImage
from digits.reader.detections import Floats
from digits.tables import find_file, rows

_AROUND = 1.5  # heights of a field are shown around it
_MAX_SHEET = 1600  # pixels of a drawn sheet's longer side
# For reasons, in a sentence; what isn't here is in doubt.
_WORDS = {"": "accepted", "blank": "blank", "constraints": "unreadable", "duplicate": "there twice"}


# How much a field needs a person, the most first.
Urgency = IntEnum("Urgency", ["DOUBT", "BLANK", "DUPLICATE_KEY", "ACCEPTED", "CORRECTED"])


class FieldCorrection(NamedTuple):
    """A field of a sheet that a person may correct. The methods raise DigitsError.

    row: its sheet's, as it was when the table was opened.
    answer: what it holds then.
    details: what the field's list says beside each number, such as a name.
    """

    table: SheetTable
    row: Row
    field: Field
    answer: Answer
    urgency: Urgency
    details: Mapping[str, str]

    @property
    def confidence(self) -> str:
        return self.row[self.field.columns[1].lower()]

    @property
    def file(self) -> str:
        """The picture's path."""
        return str(find_file(self.row["file"], self.table.path.parent, Path()))

    @property
    def remark(self) -> str:
        """A sentence about the field and its sheet."""
        reasons = self.answer.reason, self.row["reason"]
        field, sheet = (_WORDS.get(reason, "in doubt") for reason in reasons)
        remark = f"{self.field.name} is {field} (confidence {self.confidence[:5]})"
        remarks = "; ".join(filter(None, (self.row["problems"], self.row["note"])))
        return f"{remark}; the sheet is {sheet}" + (f": {remarks}" if remarks else "")

    def close_up(self) -> bytes:
        """Draw the field and its surroundings, rectified, as a JPEG."""
        page, to_page = self._find()
        crop = cut_field(page.pixels, self.table.form, self.field, to_page, _AROUND)
        left, top, right, bottom = map(round, crop.box)
        return drawing.close_up(crop.pixels, (left, top, right, bottom), _AROUND)

    def whole_sheet(self) -> bytes:
        """Draw the sheet, rectified, with the field outlined, as a JPEG."""
        page, to_page = self._find()
        form = self.table.form
        sheet, _ = rectify(page.pixels, to_page, (0, 0, *form.size))
        scale = sheet.shape[1] / form.size[0]
        image = Image.fromarray(sheet).convert("RGB")
        box = [scale * side for side in self.field.box]
        ImageDraw.Draw(image).rectangle(box, outline=drawing.UNSURE, width=image.width // 200)
        image.thumbnail((_MAX_SHEET, _MAX_SHEET))
        return drawing.encode(image)

    def violations(self, text: str) -> str:
        """Sentences if the form forbids a text, by itself or beside the sheet's settled fields."""
        table, form = SheetTable(self.table.path, self.table.form), self.table.form
        rows_now = filter(self._is_same_sheet, table.rows)  # as others have left it
        answers = table.answers(next(rows_now, self.row)) or table.answers(self.row)
        index = form.fields.index(self.field)
        answers[index] = Answer(text, "accepted", "corrected")
        sentences = [self.field.violation(text)]
        for rule in broken_rules(form, answers):
            if index in rule.fields and all(answers[i].is_settled for i in rule.fields):
                sentences.append(form.violation(rule))
        return "; ".join(filter(None, sentences))

    def store(self, text: str) -> None:
        """Store what a person has read, which is empty if nothing is written."""
        self._change_table(text, "accepted", "corrected")

    def undo(self) -> None:
        """Restore the field as it was when the table was opened."""
        self._change_table(*self.answer)

    def _change_table(self, *answer: str) -> None:
        """Open the table anew, as others may have changed it, and change the field's row."""
        name, _, status, reason = (column.lower() for column in self.field.columns)
        with open_table(self.table.path, self.table.form) as table:
            for row in filter(self._is_same_sheet, table.rows):
                row.update(zip((name, status, reason), answer, strict=True))
            table.judge()
            table.save()

    def _is_same_sheet(self, row: Row) -> bool:
        return all(row.get(key) == self.row.get(key) for key in IDENTITY)

    def _find(self) -> tuple[GreyImage, Floats]:
        """The sheet's page, and the homography from the form's unit to its pixels."""
        file = self.file
        page = documents.load(file, picture.SHEET_MAX_SIDE)
        size = str(os.path.getsize(split_page(file).file))
        if self.row.get("size", size) != size:
            raise PictureError(f"{file} isn't the picture that was read: its size is another")
        return page, find_in_page(page, self.table.form).homography


def load_corrections(source: Path) -> list[FieldCorrection]:
    """The fields of the sheets in a table, those that need a person most first.

    Raises DigitsError if the table isn't one of the form that it names.
    """
    names = (row["form"] for _, row, _ in rows(source, "file", "form") if row.get("form"))
    # Whoever sends pictures may put another form beside the table.
    path = find_file(next(names, "the form"), Path(), source.parent)
    form = load_form(path)
    table, details = SheetTable(source, form), load_details(path, form)
    latest = {row["file"]: row for row in table.rows}  # earlier rows: their pictures are replaced
    corrections = list[FieldCorrection]()
    for row in filter(table.answers, latest.values()):  # but those that aren't found
        answers = table.answers(row)
        disputed = {index for rule in broken_rules(form, answers) for index in rule.fields}
        for index, answer in enumerate(answers):
            field = form.fields[index]
            urgency = _urgency(field, answer, row["reason"])
            if urgency == Urgency.ACCEPTED and index in disputed:  # by a correction
                urgency = Urgency.DOUBT
            beside = details.get(field.name, {})
            correction = FieldCorrection(table, row, field, answer, urgency, beside)
            corrections.append(correction)
    return sorted(corrections, key=lambda each: (each.urgency, each.confidence))


def _urgency(field: Field, answer: Answer, sheet_reason: str) -> Urgency:
    """How much a field needs a person, by itself."""
    if answer.is_corrected:
        return Urgency.CORRECTED
    if not answer.is_settled:
        return Urgency.DOUBT
    if not (answer.text or field.is_optional):
        return Urgency.BLANK
    is_duplicate = field.is_key and sheet_reason == "duplicate"
    return Urgency.DUPLICATE_KEY if is_duplicate else Urgency.ACCEPTED
