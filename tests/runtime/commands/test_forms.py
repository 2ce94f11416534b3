"""`digits read --fields -o`: what a later run keeps, reads again and mends."""

from pathlib import Path

import pytest
from PIL import Image

from digits.forms import form_file
from tests.conftest import Patch, Run

FORM = 'size = [300, 200]\nfind = "fixed"\nfields = [{name = "a", box = [20, 20, 280, 180]}]'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: Patch) -> Path:
    """A form, an empty sheet of it, and two pictures of another shape."""
    monkeypatch.chdir(tmp_path)
    Path("form.toml").write_text(FORM)
    for name, size in (("a", (300, 200)), ("b", (300, 300)), ("c", (300, 300))):
        Image.new("L", size, 200).save(f"{name}.png")
    return tmp_path


def read(run: Run, *names: str) -> tuple[int, list[tuple[str, bool]]]:
    """Read sheets: the exit code, and which are in the table, with whether they were found."""
    code, *_ = run("read", "--fields", "form.toml", "-o", "marks.csv", *names)
    rows = Path("marks.csv").read_text().splitlines()[1:]
    return code, [(row.partition(",")[0], ",not found," not in row) for row in rows]


def test_sheets_that_were_not_found_stay_until_they_are_read_again(run: Run, folder: Path) -> None:
    expected = [("a.png", True), ("b.png", False), ("c.png", False)]
    assert read(run, "a.png", "b.png", "c.png") == (1, expected)
    assert read(run, "munday") == (1, expected)
    Path("b.png").write_bytes(b"damaged")
    assert read(run, "b.png") == (1, [expected[0], *reversed(expected[1:])])
    assert "b.png is not a picture" in Path("marks.csv").read_text()  # the note
    Path("a.png").replace("b.png")  # photographed again
    assert read(run, "b.png") == (0, [expected[0], expected[2], ("b.png", True)])
    assert read(run, "b.png") == (0, [expected[0], expected[2], ("b.png", True)])


def test_spreadsheet_that_exists_is_kept(run: Run, folder: Path) -> None:
    Path("marks.xlsx").write_bytes(b"edited")
    code, _, err = run("read", "--fields", "form.toml", "a.png", "-o", "marks.xlsx")
    assert code == 1 and "marks.xlsx exists" in err and not Path("marks.csv").exists()
    assert Path("marks.xlsx").read_bytes() == b"edited"


def test_table_torn_by_a_power_cut_is_mended(run: Run, folder: Path) -> None:
    code, rows = read(run, "a.png", "b.png")
    table = Path("marks.csv")
    whole = table.read_bytes()
    cut = len(",".join(form_file.load("form.toml").columns)) - 5
    zeros = whole.index(b"a.png") + 3
    for torn in (whole[:cut], whole[:zeros] + bytes(9) + whole[zeros + 9 :], whole + bytes(9)):
        table.write_bytes(torn)
        mended_code, mended = read(run, "a.png", "b.png")
        assert (mended_code, sorted(mended)) == (code, rows)
