"""The fields of a table of sheets, as items to label."""

from pathlib import Path

from digits.forms import form_file
from digits.forms.corrections import FieldOnSheet
from digits.forms.form import Field
from digits.forms.table import SheetTable
from digits.inference.detector_model import DetectorModel
from digits.review.items import Item
from digits.tables import find_file, rows

# The order in which fields are shown.
_IN_DOUBT, _BLANK, _DUPLICATE_KEY, _ACCEPTED, _CORRECTED = range(5)
_WORDS = {"review": "in doubt", "duplicate": "there twice"}  # for statuses, in a sentence


def load_fields(source: Path, detector: DetectorModel) -> tuple[list[Item], int]:
    """Return the fields that nobody has corrected, most in doubt first, and how many are corrected.

    Raises DigitsError if the table isn't one of the form that it names.

    source: a table of sheets.
    detector: tells the digits of a field apart.
    """
    names = (row["form"] for _, row, _ in rows(source, "file", "form") if row.get("form"))
    # Whoever sends pictures may put another form beside the table.
    path = find_file(next(names, "the form"), Path(), source.parent)
    form = form_file.load(path)
    table, details = SheetTable(source, form), form_file.load_details(path, form)
    ranked_items = list[tuple[int, str, Item]]()  # with their ranks and probabilities
    latest = {row["file"]: row for row in table.rows}  # earlier rows: their pictures are replaced
    for row in latest.values():
        broken = [rule for rule in form.rules if form.why_broken(rule) in row["note"]]
        disputed = {index for rule in broken for index in rule.field_indices}
        for index, field in enumerate(form.fields):
            text, probability, status = (row[name.lower()] for name in field.columns)
            if not status:
                continue  # the sheet isn't found
            rank = _rank(field, status, row["status"])
            if rank == _ACCEPTED and index in disputed:  # by a sum that a correction has broken
                rank = _IN_DOUBT
            remark = f"{field.name} is {_WORDS.get(status, status)} (probability {probability[:5]})"
            remark += f"; the sheet is {_WORDS.get(row['status'], row['status'])}"
            if row["note"]:
                remark += f": {row['note']}"
            item = Item(
                file=str(find_file(row["file"], source.parent, Path())),
                status="accepted" if rank == _ACCEPTED else "review",
                guess=text,
                remark=remark,
                sheet_field=FieldOnSheet(table, field, row, detector, details.get(field.name, {})),
            )
            ranked_items.append((rank, probability, item))
    ranked_items.sort(key=lambda ranked_item: ranked_item[:2])
    uncorrected = [item for rank, _, item in ranked_items if rank < _CORRECTED]
    return uncorrected, len(ranked_items) - len(uncorrected)


def _rank(field: Field, status: str, sheet_status: str) -> int:
    """Where a field comes in the order, by its status and the sheet's."""
    if status == "corrected":
        return _CORRECTED
    if status == "accepted" or (status == "blank" and field.is_optional):
        return _DUPLICATE_KEY if field.is_key and sheet_status == "duplicate" else _ACCEPTED
    return _BLANK if status == "blank" else _IN_DOUBT
