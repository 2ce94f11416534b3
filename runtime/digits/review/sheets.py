"""The fields of a table of sheets as items: which are in doubt, and why."""

from pathlib import Path

from digits.forms import form_file
from digits.forms.corrections import FieldOnSheet
from digits.forms.form import Field
from digits.forms.table import SheetTable
from digits.inference.detector_model import DetectorModel
from digits.review.items import Item
from digits.tables import find_file, rows

_RANKS = {"blank": 1, "accepted": 3, "corrected": 4}  # by status, else 0; 2: a duplicate's key
_WORDS = {"review": "in doubt", "duplicate": "there twice"}  # for statuses, in a sentence


def load_fields(source: Path, detector: DetectorModel) -> tuple[list[Item], int]:
    """The fields that nobody has corrected, most in doubt first; and how many somebody has.

    source: a table of sheets. detector: tells the digits of a field apart. Raises DigitsError if it
    isn't a table of the form that it names.
    """
    names = (row["form"] for _, row, _ in rows(source, "file", "form") if row.get("form"))
    # Whoever sends pictures may put another form beside the table.
    form = form_file.load(find_file(next(names, "the form"), Path(), source.parent))
    table, ranked = SheetTable(source, form), list[tuple[int, str, Item]]()
    latest = {row["file"]: row for row in table.rows}  # the pictures of others have been replaced
    for row in latest.values():
        for field in form.fields:
            text, probability, status = (row[name.lower()] for name in field.columns)
            if not status:
                continue  # the sheet isn't found
            rank = _rank(field, status, row["status"])
            remark = f"{field.name} is {_WORDS.get(status, status)} (probability {probability[:5]})"
            remark += f"; the sheet is {_WORDS.get(row['status'], row['status'])}"
            remark += f": {row['note']}" if row["note"] else ""
            file = str(find_file(row["file"], source.parent, Path()))
            sheet = FieldOnSheet(table, field, row, detector)
            state = "accepted" if rank == 3 else "review"
            ranked.append((rank, probability, Item(file, 0, state, (), text, remark, sheet)))
    ranked.sort(key=lambda ranked_item: ranked_item[:2])
    uncorrected = [item for rank, _, item in ranked if rank < 4]
    return uncorrected, len(ranked) - len(uncorrected)


def _rank(field: Field, status: str, sheet_status: str) -> int:
    """The least is most in doubt."""
    rank = 3 if status == "blank" and field.is_optional else _RANKS.get(status, 0)
    return 2 if rank == 3 and field.is_key and sheet_status == "duplicate" else rank
