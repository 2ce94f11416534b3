"""The fields of a table of sheets: what is in doubt, and where a person's corrections go."""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from digits.classifier import Classifier
from digits.commands import drawing
from digits.data.image_folder import digest_of
from digits.data.table import find_file
from digits.errors import DigitsError, PictureError
from digits.fields import form_file
from digits.fields.form import Field
from digits.fields.reading import AROUND, cut, find_symbols_in, locate
from digits.fields.table import SheetTable, open_table
from digits.files import remove
from digits.images import picture
from digits.images.grey import Grey
from digits.reader.lattice import forced_path
from digits.review.items import Item
from digits.tables import rows

_RANKS = {"blank": 1, "accepted": 3, "corrected": 4}  # by status, else 0; 2: a duplicate's key
_IDENTITY = "file", "modified", "size"  # of a row; the last two, if `digits watch` wrote it
_WORDS = {"review": "in doubt", "duplicate": "there twice"}  # for statuses, in a sentence
_AROUND = 1.5  # of a field's height is shown around it


class FieldOnSheet(NamedTuple):
    """A field, and its row of a table as that was opened. The methods raise DigitsError."""

    table: SheetTable
    of: Field
    row: dict[str, str]

    def close_up(self) -> bytes:
        """A JPEG of the sheet around it, from straight above."""
        crop = self._cut(_AROUND)
        edge = round(crop.shape[0] * _AROUND / (1 + 2 * _AROUND))
        box = edge, edge, crop.shape[1] - edge, crop.shape[0] - edge
        return drawing.close_up(crop, box, _AROUND)

    def correct(self, text: str, labels: Path, classifier: Classifier, undo: bool = False) -> str:
        """Store a text and crops, or take them back. Returns the crop's name for the labels."""
        crops = self._crops(text, labels.parent.resolve() / labels.stem, classifier)
        for path in crops:
            if path.parent.resolve() != path.parent:  # by whoever has sent the pictures
                raise DigitsError(f"can't write {path}: there is a link on the way; delete that")
        name, _, status = (column.lower() for column in self.of.columns)
        cells = {name: text, status: "corrected"}
        if undo:
            cells = {key: self.row[key] for key in (name, status, "note")}
        with open_table(self.table.path, self.table.form) as table:  # others may have changed it
            for row in table.rows:
                if all(row.get(key) == self.row.get(key) for key in _IDENTITY):
                    row.update(cells)
            list(table.check())
            if undo:
                for path in crops:
                    remove(path)
            table.save({} if undo else crops)
        return f"{labels.stem}/{next(iter(crops)).name}"

    def _cut(self, around: float = AROUND) -> Grey:
        file = find_file(self.row["file"], self.table.path.parent, Path())
        page, size = picture.load(file, picture.SHEET_MAX_SIDE), str(os.path.getsize(file))
        if self.row.get("size", size) != size:
            raise PictureError(f"{file} isn't the picture that was read: its size is another")
        to_page, _ = locate(page, self.table.form)
        return cut(page.pixels, self.of, to_page, around)[0]

    def _crops(self, text: str, folder: Path, classifier: Classifier) -> dict[Path, bytes]:
        """The field and, if they can be told apart, its digits, as files in a folder."""
        crop = self._cut()
        stem = "".join(filter(str.isalnum, Path(self.row["file"]).stem))[:20]
        digest = hashlib.sha256(
            self.row["file"].encode(errors="surrogateescape") + digest_of(crop)
        ).hexdigest()
        name = f"{self.of.name} {stem} {digest[:16]}.png"  # copies of a picture are told apart
        lattice, _ = find_symbols_in(classifier.detector, crop, self.of.cells)
        crops, paper = {folder / name: crop}, int(np.median(crop))
        for number, (digit, arc) in enumerate(zip(text, forced_path(lattice, text), strict=False)):
            if digit.isdigit():
                left, top, right, bottom = (max(round(side), 0) for side in arc.box)
                seen = crop[top : bottom + 1, left : right + 1]
                file = folder / "digits" / digit / f"{number} {name}"
                crops[file] = np.pad(seen, max(seen.shape) // 4, constant_values=paper)
        return {file: drawing.encode(file, Image.fromarray(grey)) for file, grey in crops.items()}


def fields_of(source: Path) -> tuple[list[Item], int]:
    """The fields that nobody has corrected, most in doubt first; and how many somebody has."""
    names = (row["form"] for _, row, _ in rows(source, "file", "form") if row.get("form"))
    # Whoever sends pictures may put another form beside the table.
    form = form_file.load(find_file(next(names, "the form"), Path(), source.parent))
    table, ranked = SheetTable(source, form), list[tuple[int, str, Item]]()
    latest = {row["file"]: row for row in table.rows}  # the pictures of others have been replaced
    for row in latest.values():
        for of in form.fields:
            text, share, status = (row[name.lower()] for name in of.columns)
            rank = 3 if status == "blank" and of.is_optional else _RANKS.get(status, 0)
            rank -= rank == 3 and of.is_key and row["status"] == "duplicate"
            remark = f"{of.name} is {_WORDS.get(status, status)} (probability {share[:5]}); "
            remark += f"the sheet is {_WORDS.get(row['status'], row['status'])}"
            remark += f": {row['note']}" if row["note"] else ""
            state, sheet = "accepted" if rank == 3 else "review", FieldOnSheet(table, of, row)
            file = str(find_file(row["file"], source.parent, Path()))
            item = Item(file, 0, state, (), text, remark, sheet)
            ranked += [(rank, share, item)] * bool(status)  # else the sheet isn't found
    ranked.sort(key=lambda each: each[:2])
    left = [item for rank, _, item in ranked if rank < 4]
    return left, len(ranked) - len(left)
