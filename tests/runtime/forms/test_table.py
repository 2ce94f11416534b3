"""The table of a form's sheets: what a correction makes of them, and where it is written."""

from pathlib import Path

import pytest

from digits.errors import DigitsError
from digits.files import locked
from digits.forms.form import Field, Form
from digits.forms.table import SheetTable, open_table

NAMES = "a", "b", "total"
FIELDS = [Field(name, (20.0 * i, 50, 20.0 * i + 9, 60)) for i, name in enumerate(NAMES)]
FORM = Form((210, 297), tuple(FIELDS), sums=("total = a + b",))
WRONG, UNCHECKED = "total isn't a + b", "total can't be checked: b is unclear"
BLANK = "can't be blank by the form"
# Why a field isn't accepted by itself; else it is.
STATUSES = {"unsure": "review", "rule": "review", "constraints": "none", "blank": "none"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "marks.csv"


def write(path: Path, fields: str) -> None:
    """fields: the text and the reason of each."""
    pairs = (each.strip(" ").partition(" ") for each in fields.replace("; ", ";").split(";"))
    cells = [
        cell
        for text, _, reason in pairs
        for cell in (text.strip("–"), "0.9", STATUSES.get(reason, "accepted"), reason)
    ]
    rows = FORM.columns, ("s.jpg", *cells, "review", "", "", "dark", "form.toml")
    path.write_text("".join(f"{','.join(row)}\n" for row in rows))


@pytest.mark.parametrize(
    ("fields", "problems", "reason"),
    [
        ("4 ; 5 ; 9 ", "", ""),
        ("4 ; 5 ; 8 ", WRONG, "rule"),
        ("4 ; 5 rule; 8 rule", WRONG, "rule"),
        ("4 ; – constraints; 9 ", UNCHECKED, "constraints"),
        ("4 unsure; – unsure; 9 ", UNCHECKED, "unsure"),
        ("4 ; – blank; 4 ", "", "blank"),
        ("4 ; 5 ; – blank", "total can't be checked: total is blank", "blank"),
        ("– blank; – blank; – blank", "", "blank"),
        ("4 corrected; – constraints; 9 ", UNCHECKED, "constraints"),
        ("4 corrected; – corrected; 4 ", f"b {BLANK}", ""),  # a person outranks it
        ("4 corrected; 5 ; 8 ", WRONG, "rule"),
        ("4 corrected; 5 corrected; 8 corrected", WRONG, ""),
        ("– corrected; – blank; – blank", f"a {BLANK}", "blank"),
    ],
)
def test_sheet_is_judged_by_its_fields(path: Path, fields: str, problems: str, reason: str) -> None:
    write(path, fields)
    table = SheetTable(path, FORM)
    assert table.judge() == []
    [row] = table.rows
    status = "review" if reason else "accepted"
    assert (row["problems"], row["reason"], row["status"]) == (problems, reason, status)
    assert row["note"] == "dark"


@pytest.mark.unix
def test_table_behind_a_link_stays_there_and_has_one_writer(path: Path) -> None:
    (path.parent / "disk").mkdir()
    write(path.parent / "disk" / path.name, "1 ; 2 ; 3 ")
    path.symlink_to(f"disk/{path.name}")
    with open_table(path, FORM) as table:
        with pytest.raises(DigitsError, match="another process is writing"), open_table(path, FORM):
            pass
        table.rows[0]["a"] = "7"
        table.save()
        with locked(path) as is_free:  # the file that has taken its place
            assert is_free
    assert path.is_symlink() and "s.jpg,7,0.9" in path.resolve().read_text()
