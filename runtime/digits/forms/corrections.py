"""A person's corrections of sheets: into their table, and as labelled crops beside it."""

import hashlib
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from digits import drawing
from digits.errors import DigitsError, PictureError
from digits.files import remove
from digits.formats import IDENTITY
from digits.forms.form import Field
from digits.forms.locate import rectify
from digits.forms.reading import cut, find_in_page
from digits.forms.table import SheetTable, broken_rules, open_table
from digits.images import documents, picture
from digits.images.formats import split_page
from digits.images.grey import Grey, digest_of
from digits.images.picture import GreyImage
from digits.inference.detector_model import DetectorModel
from digits.reader.detections import Floats
from digits.reader.field import AROUND, find_symbols_in
from digits.reader.path import best_path
from digits.tables import find_file

_AROUND = 1.5  # heights of a field are shown around it
_MAX_SHEET = 1600  # pixels of a drawn sheet's longer side


class FieldOnSheet(NamedTuple):
    """A field of a sheet. The methods raise DigitsError.

    row: its sheet's, as it was when the table was opened.
    detector: tells the field's digits apart.
    details: what the field's list says beside each number, such as a name.
    """

    table: SheetTable
    field: Field
    row: dict[str, str]
    detector: DetectorModel
    details: Mapping[str, str]

    def close_up(self) -> bytes:
        """Draw the field and its surroundings, rectified, as a JPEG."""
        crop = self._cut(_AROUND)
        edge = round(crop.shape[0] * _AROUND / (1 + 2 * _AROUND))
        box = edge, edge, crop.shape[1] - edge, crop.shape[0] - edge
        return drawing.close_up(crop, box, _AROUND)

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

    def refusal(self, text: str) -> str:
        """A sentence if the form forbids a text, by itself or beside the sheet's other fields."""
        form, refusal = self.table.form, self.field.refusal(text)
        if refusal or not form.rules:
            return refusal
        changed = {self.field.name.lower(): text, self.field.columns[2].lower(): "corrected"}
        rows = filter(self._is_same_sheet, SheetTable(self.table.path, form).rows)
        broken = next((broken_rules(form, row | changed, self.field) for row in rows), [])
        return "; ".join(form.why_broken(rule) for rule in broken)

    def store_correction(self, text: str, labels: Path) -> str:
        """Store a text, and crops beside the labels. Returns the crop's name for its label."""
        crops = self._crops(text, labels)
        name, _, status = (column.lower() for column in self.field.columns)
        mark = f"{self._mark}{datetime.now():%Y-%m-%d %H:%M}"
        with self._changed_table({name: text, status: "corrected"}, [mark]) as table:
            table.save(crops)
        return f"{labels.stem}/{next(iter(crops)).name}"

    def undo_correction(self, text: str, labels: Path) -> None:
        """Restore the field as it was when the table was opened, and delete the text's crops."""
        crops = self._crops(text, labels)
        name, _, status = (column.lower() for column in self.field.columns)
        cells, notes = {key: self.row[key] for key in (name, status)}, self.row["note"].split("; ")
        form = self.table.form
        outdated = {self.field.refusal(text), *map(form.why_broken, form.rules)}
        with self._changed_table(cells, notes, outdated) as table:
            for path in crops:
                remove(path)
            table.save()

    @property
    def _mark(self) -> str:
        """How the note of a corrected field begins."""
        return f"{self.field.name} corrected "

    @contextmanager
    def _changed_table(
        self, cells: dict[str, str], notes: Sequence[str], outdated: Collection[str] = ()
    ) -> Iterator[SheetTable]:
        """Open the table anew, as others may have changed it, and change the field's row.

        notes: are added to the sheet's, instead of an earlier mark and of what is outdated.
        """
        with open_table(self.table.path, self.table.form) as table:
            for row in table.rows:
                if self._is_same_sheet(row):
                    old = (note for note in row["note"].split("; ") if note not in outdated)
                    kept = [note for note in old if not note.startswith(self._mark)]
                    note = "; ".join(filter(None, dict.fromkeys([*kept, *notes])))
                    row.update(cells, note=note)
            table.update_statuses()
            yield table

    def _is_same_sheet(self, row: dict[str, str]) -> bool:
        return all(row.get(key) == self.row.get(key) for key in IDENTITY)

    def _cut(self, around: float = AROUND) -> Grey:
        page, to_page = self._find()
        return cut(page.pixels, self.field, to_page, around)[0]

    def _find(self) -> tuple[GreyImage, Floats]:
        """The sheet's page, and the homography from the form's unit to its pixels."""
        file = find_file(self.row["file"], self.table.path.parent, Path())
        page = documents.load(str(file), picture.SHEET_MAX_SIDE)
        size = str(os.path.getsize(split_page(str(file)).file))
        if self.row.get("size", size) != size:
            raise PictureError(f"{file} isn't the picture that was read: its size is another")
        return page, find_in_page(page, self.table.form)[0]

    def _crops(self, text: str, labels: Path) -> dict[Path, bytes]:
        """Crop the field and, if they can be told apart, its digits, for files beside labels."""
        crop, folder = self._cut(), labels.parent.resolve() / labels.stem
        stem = "".join(filter(str.isalnum, Path(self.row["file"]).stem))[:20]
        digest = hashlib.sha256(
            self.row["file"].encode(errors="surrogateescape") + digest_of(crop)
        ).hexdigest()
        name = f"{self.field.name} {stem} {digest[:16]}.png"  # copies of a picture are told apart
        symbols, _ = find_symbols_in(self.detector, crop, self.field.cells)
        boxes = best_path(symbols).boxes.tolist()
        crops, paper = {folder / name: crop}, int(np.median(crop))
        for index, (digit, box) in enumerate(zip(text, boxes, strict=False)):
            if digit.isdigit() and len(boxes) == len(text):
                left, top, right, bottom = (max(round(side), 0) for side in box)
                pixels = crop[top : bottom + 1, left : right + 1]
                file = folder / "digits" / digit / f"{index} {name}"
                crops[file] = np.pad(pixels, max(pixels.shape) // 4, constant_values=paper)
        for path in crops:
            if path.parent.resolve() != path.parent:  # by whoever has sent the pictures
                raise DigitsError(f"can't write {path}: there is a link on the way; delete that")
        return {file: drawing.encode(Image.fromarray(crop), "PNG") for file, crop in crops.items()}
