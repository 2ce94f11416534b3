"""The table of a form's sheets: what a correction makes of them, and where it is written."""

from pathlib import Path

import openpyxl
import pytest

from digits.errors import DigitsError
from digits.files import locked
from digits.forms.form import Field, Form
from digits.forms.table import SheetTable, open_table

NAMES = "a", "b", "total"
FIELDS = [Field(name, (20.0 * i, 50, 20.0 * i + 9, 60)) for i, name in enumerate(NAMES)]
FORM = Form((210, 297), tuple(FIELDS), sums=("total = a + b",))
HIDDEN = "the upper left marker is missing or hidden"
WRONG, UNCHECKED = "total isn't a + b", "total can't be checked: b is unreadable"
BLANK = "can't be blank by the form"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "marks.csv"


def write(path: Path, fields: str, note: str = "") -> None:
    """fields: the text and the status of each."""
    numbers = (each.partition(" ") for each in fields.split("; "))
    cells = [cell for text, _, status in numbers for cell in (text, "0.9", status)]
    rows = FORM.columns, ("s.jpg", *cells, "review", note, "form.toml")
    path.write_text("".join(f"{','.join(row)}\n" for row in rows))


@pytest.mark.parametrize(
    ("fields", "before", "note", "status"),
    [
        ("4 corrected;  unreadable; 4 accepted", "", UNCHECKED, "review"),
        ("4 corrected;  unreadable; 9 accepted", f"{HIDDEN}; {UNCHECKED}", None, "review"),
        (
            "4 corrected;  corrected; 4 accepted",
            WRONG,
            f"b {BLANK}",
            "complete",
        ),  # a person outranks it
        ("4 corrected; 5 accepted; 8 accepted", HIDDEN, f"{HIDDEN}; {WRONG}", "review"),
        ("4 corrected; 5 corrected; 8 corrected", WRONG, None, "complete"),
        (" corrected;  blank;  blank", "", f"a {BLANK}", "review"),
        ("4 accepted; 5 accepted; 8 accepted", HIDDEN, None, "complete"),  # as it was read
    ],
)
def test_rules_are_checked_again_after_a_correction(
    path: Path, fields: str, before: str, note: str | None, status: str
) -> None:
    write(path, fields, before)
    table = SheetTable(path, FORM)
    assert table.update_statuses() == []
    assert (table.rows[0]["note"], table.rows[0]["status"]) == (note or before, status)


@pytest.mark.unix
def test_table_behind_a_link_stays_there_and_has_one_writer(path: Path) -> None:
    (path.parent / "disk").mkdir()
    write(path.parent / "disk" / path.name, "1 accepted; 2 accepted; 3 accepted")
    path.symlink_to(f"disk/{path.name}")
    with open_table(path, FORM) as table:
        with pytest.raises(DigitsError, match="another process is writing"), open_table(path, FORM):
            pass
        table.rows[0]["a"] = "7"
        table.save()
        with locked(path) as is_free:  # the file that has taken its place
            assert is_free
    assert path.is_symlink() and "s.jpg,7,0.9" in path.resolve().read_text()


def test_spreadsheet_has_all_cells_as_text(path: Path) -> None:
    write(path, "123456789012345.6789 corrected; 7 accepted; 1.50 accepted", "=1+1")
    table = SheetTable(path, FORM)
    table.rows[0]["file"] = '=HYPERLINK("http:a","b").jpg'
    table.save_spreadsheet(path.with_suffix(".xlsx"))
    cells = openpyxl.load_workbook(path.with_suffix(".xlsx")).active[2]
    assert [cell.value or "" for cell in cells] == [*table.rows[0].values()]
    assert {cell.data_type for cell in cells if cell.value} == {"s"}
