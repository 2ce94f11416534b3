"""The table of a form's sheets: which are there twice or missing, and a spreadsheet of them."""

import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from digits import tables
from digits.constraints.allowed import AllowedNumbers
from digits.errors import DigitsError
from digits.files import locked, write_all, write_bytes
from digits.forms.form import CANNOT_CHECK, Field, Form, Rule
from digits.forms.sheet import overall_status
from digits.images.formats import split_page
from digits.text import escape_control

_MAX_NAMED = 10  # of the missing keys
_MIN_WIDTH, _MAX_WIDTH = 8, 40  # characters of a spreadsheet's column
_YELLOW, _RED, _BLUE = (PatternFill("solid", rgb) for rgb in ("FFF2CC", "F8CBAD", "DDEBF7"))
_FILLS = {"review": _YELLOW, "unreadable": _RED, "not found": _RED, "duplicate": _RED}
_FILLS["corrected"] = _BLUE


@contextmanager
def open_table(path: Path, form: Form) -> Iterator["SheetTable"]:
    """Open a table that no other process writes during the block. Raises DigitsError."""
    with locked(path) as is_free:
        if not is_free:
            raise DigitsError(f"another process is writing {path}")
        yield SheetTable(path, form)


class SheetTable:
    """The rows of a CSV of `digits read --fields`. Raises DataError if it isn't one of this form.

    rows: the cells of each sheet, by the column's name in small letters.
    """

    def __init__(self, path: Path, form: Form) -> None:
        self.path, self.form = path, form
        columns = {column.lower(): column for column in form.columns}
        empty = dict.fromkeys(tables.header(path, *columns), "")
        self.rows = [empty | row for _, row, _ in tables.rows(path, *columns) if any(row.values())]
        self._columns = [columns.get(name, name) for name in empty]

    def drop_outdated(self) -> None:
        """Drop each row that is torn, or whose sheet wasn't found, if its file has a later row.

        That of a document that couldn't be opened goes when its pages have rows.
        """
        last_rows = {split_page(row["file"]).file: row for row in self.rows}
        last_rows |= {row["file"]: row for row in self.rows if split_page(row["file"]).page}
        self.rows = [
            row
            for row in self.rows
            if row is last_rows[row["file"]] or (row["form"] and row["status"] != "not found")
        ]

    def update_statuses(self) -> list[str]:
        """Set the status and the note of each sheet; say which keys are there twice or missing."""
        for row in self.rows:
            texts = [row[field.name.lower()] for field in self.form.fields]
            statuses = [row[field.columns[2].lower()] for field in self.form.fields]
            row["status"] = overall_status(self.form, [*zip(texts, statuses, strict=True)])
            if self.form.rules and "corrected" in statuses:
                self._check_rules(row, texts, statuses)
            self._note_refusals(row, texts, statuses)
        key = next((field for field in self.form.fields if field.is_key), None)
        return self._check_keys(key) if key else []

    def _check_keys(self, key: Field) -> list[str]:
        """Mark the sheets with the same key, and say which keys are there twice or missing."""
        problems = list[str]()
        sheets = defaultdict[str, dict[str, dict[str, str]]](dict)
        for row in self.rows:  # of a file that was read twice, the last counts
            sheets[row[key.name.lower()]][row["file"]] = row
        for text, rows in sheets.items():
            if text and len(rows) > 1:
                problems.append(f"{key.name} {text} is on {len(rows)} sheets: {', '.join(rows)}")
                for row in rows.values():
                    row["status"] = "duplicate"
        expected = key.constraints.values
        if isinstance(expected, AllowedNumbers) and (missing := sorted({*expected} - {*sheets})):
            named = ", ".join(missing[:_MAX_NAMED])
            more = ", …" if len(missing) > _MAX_NAMED else ""
            count = f"{len(missing)} of {len({*expected})}"
            problems.append(f"no sheet for {count} values of {key.name}: {named}{more}")
        return problems

    def _check_rules(
        self, row: dict[str, str], texts: Sequence[str], statuses: Sequence[str]
    ) -> None:
        """Note which rules don't hold, or can't be checked, after a correction.

        The sheet is for review, unless a person has corrected all fields of these rules.
        """
        states = [
            "" if text else "unreadable" if status == "unreadable" else "blank"
            for text, status in zip(texts, statuses, strict=True)
        ]
        outdated = {"", *map(self.form.why_broken, self.form.rules)}
        notes = [n for n in row["note"].split("; ") if n not in outdated and CANNOT_CHECK not in n]
        rules, unchecked = self.form.checkable(states)
        broken = [rule for rule in rules if not rule.holds(texts)]
        row["note"] = "; ".join([*notes, *unchecked, *map(self.form.why_broken, broken)])
        if any(statuses[i] != "corrected" for rule in broken for i in rule.field_indices):
            row["status"] = "review"

    def _note_refusals(
        self, row: dict[str, str], texts: Sequence[str], statuses: Sequence[str]
    ) -> None:
        """Note what a person has stored although its field's constraints forbid it."""
        for field, text, status in zip(self.form.fields, texts, statuses, strict=True):
            refusal = field.refusal(text) if status == "corrected" else ""
            if refusal not in row["note"]:
                row["note"] = "; ".join(filter(None, (row["note"], refusal)))

    def save(self, other_files: Mapping[Path, bytes] | None = None) -> None:
        """Write the table again, and other files, or none of them. Raises DigitsError."""
        lines = [tables.csv_row(self._columns)]
        lines += (tables.csv_row(row[name.lower()] for name in self._columns) for row in self.rows)
        data = "\n".join([*lines, ""]).encode(errors="surrogateescape")
        write_all({self.path.resolve(): data, **(other_files or {})})

    def save_spreadsheet(self, path: Path) -> None:
        """Write it as XLSX, with what is in doubt or corrected in colour. Raises DigitsError.

        All cells are text: a spreadsheet rounds long numbers, and computes what begins with =.
        """
        book = Workbook()
        sheet = book.active
        sheet.freeze_panes = "B2"
        status_columns = {field.name: field.columns[2].lower() for field in self.form.fields}
        key = next((field.name for field in self.form.fields if field.is_key), "")
        required = {field.name for field in self.form.fields if not field.is_optional}
        for column, name in enumerate(self._columns, 1):
            sheet.cell(1, column, name).font = Font(bold=True)
            texts = [row[name.lower()] for row in self.rows]
            length = max(map(len, (name, *texts))) + 3  # a filter's arrow
            width = min(max(length, _MIN_WIDTH), _MAX_WIDTH)
            sheet.column_dimensions[get_column_letter(column)].width = width
            for line, (row, text) in enumerate(zip(self.rows, texts, strict=True), 2):
                cell = sheet.cell(line, column, escape_control(text))
                cell.data_type = "s"
                cell.alignment = Alignment(vertical="top", wrap_text=name == "note")
                status = row[status_columns[name]] if name in status_columns else text
                if status == "blank" and name in required:
                    status = "review"
                if name == key and row["status"] == "duplicate":
                    status = "duplicate"
                if status in _FILLS:
                    cell.fill = _FILLS[status]
        sheet.auto_filter.ref = sheet.dimensions
        content = io.BytesIO()  # openpyxl prints a traceback when it can't close a file
        book.save(content)
        write_bytes(path, content.getvalue())


def broken_rules(form: Form, row: Mapping[str, str], field: Field) -> list[Rule]:
    """The field's rules that don't hold, if all their fields are accepted, corrected or blank."""
    statuses = [row[each.columns[2].lower()] for each in form.fields]
    texts = [row[each.name.lower()] for each in form.fields]
    settled = [status in ("accepted", "corrected", "blank") for status in statuses]
    states = ["" if text else "blank" for text in texts]
    return [
        rule
        for rule in form.checkable(states)[0]
        if form.fields.index(field) in rule.field_indices
        and all(settled[i] for i in rule.field_indices)
        and not rule.holds(texts)
    ]
