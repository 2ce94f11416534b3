"""The table of a form's sheets: which are there twice or missing, and what a correction changes."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from digits import tables
from digits.constraints.allowed import AllowedNumbers
from digits.errors import DigitsError
from digits.files import locked, write_bytes
from digits.formats import IDENTITY
from digits.forms.form import Field, Form
from digits.forms.sheet import Answer, judge
from digits.images.formats import split_page

_MAX_NAMED = 10  # of the missing keys

Row = dict[str, str]  # the cells of a sheet, by the column's name in small letters


def check_table(path: Path, form: Form) -> list[str]:
    """Drop what is outdated in a table of `digits read --form`, and mark duplicate sheets.

    Returns sentences on keys that are there twice or missing. Raises DigitsError.
    """
    with open_table(path, form) as table:
        table.drop_outdated()
        problems = table.judge()
        table.save()
    return problems


@contextmanager
def open_table(path: Path, form: Form) -> Iterator["SheetTable"]:
    """Open a table that no other process writes during the block. Raises DigitsError."""
    with locked(path) as is_free:
        if not is_free:
            raise DigitsError(f"another process is writing {path}")
        yield SheetTable(path, form)


class SheetTable:
    """The rows of a CSV of `digits read --form`. Raises DataError if it isn't one of this form."""

    def __init__(self, path: Path, form: Form) -> None:
        self.path, self.form = path, form
        columns = {column.lower(): column for column in form.columns}
        empty = dict.fromkeys(tables.header(path, *columns), "")
        self.rows: list[Row] = [
            empty | row for _, row, _ in tables.rows(path, *columns) if any(row.values())
        ]
        self._columns = [columns.get(name, name) for name in empty]

    def answers(self, row: Row) -> list[Answer]:
        """What each field of a sheet holds; nothing if the sheet isn't found."""
        names = ([name.lower() for name in field.columns] for field in self.form.fields)
        answers = [Answer(row[text], row[status], row[why]) for text, _, status, why in names]
        return answers if any(answer.status for answer in answers) else []

    def drop_outdated(self) -> None:
        """Drop each row that is torn, or whose sheet wasn't found, if its file has a later row.

        That of a document that couldn't be opened goes when its pages have rows.
        """
        last_rows = {split_page(row["file"]).file: row for row in self.rows}
        last_rows |= {row["file"]: row for row in self.rows if split_page(row["file"]).page}
        self.rows = [
            row
            for row in self.rows
            if row is last_rows[row["file"]] or (row["form"] and row["status"] != "none")
        ]

    def judge(self) -> list[str]:
        """Judge each sheet anew, and say which keys are there twice or missing."""
        for row in self.rows:
            if answers := self.answers(row):
                status, reason, problems = judge(self.form, answers)
                row.update(status=status, reason=reason, problems=problems)
            else:
                row.update(status="none", reason=row["reason"] or "not_found")
        key = next((field for field in self.form.fields if field.is_key), None)
        return self._check_keys(key) if key else []

    def _check_keys(self, key: Field) -> list[str]:
        """Mark the sheets with the same key, and say which keys are there twice or missing."""
        problems = list[str]()
        sheets = defaultdict[str, dict[tuple[str | None, ...], Row]](dict)
        for row in self.rows:  # of a file that was read twice, the last counts
            sheets[row[key.name.lower()]][tuple(map(row.get, IDENTITY))] = row
        for text, rows in sheets.items():
            if text and len(rows) > 1:
                files = ", ".join(row["file"] for row in rows.values())
                problems.append(f"{key.name} {text} is on {len(rows)} sheets: {files}")
                for row in rows.values():
                    row.update(status="review", reason="duplicate")
        expected = key.constraints.values
        if isinstance(expected, AllowedNumbers) and (missing := sorted({*expected} - {*sheets})):
            named = ", ".join(missing[:_MAX_NAMED])
            more = ", …" if len(missing) > _MAX_NAMED else ""
            count = f"{len(missing)} of {len({*expected})}"
            problems.append(f"no sheet for {count} values of {key.name}: {named}{more}")
        return problems

    def save(self) -> None:
        """Write the table again. Raises DigitsError."""
        lines = [tables.csv_row(self._columns)]
        lines += (tables.csv_row(row[name.lower()] for name in self._columns) for row in self.rows)
        data = "\n".join([*lines, ""]).encode(errors="surrogateescape")
        write_bytes(self.path.resolve(), data)
