"""Fields of sheets: which are shown first, and where corrections go."""

import base64
import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from digits.errors import DigitsError
from digits.forms.corrections import FieldCorrection, load_corrections
from digits.forms.table import open_table
from digits.recognize import Reader
from digits.review.api import Review
from digits.review.items import ReviewItem, field_items
from digits.web.settings import Settings
from tests.conftest import Patch

FORM = """size = [800, 420]\nfind = "fixed"\nfields = [
    {name = "id", box = [80, 170, 560, 270], key = true},
    {name = "q 1", box = [60, 290, 300, 375], cells = 5},
    {name = "q2", box = [600, 290, 700, 375], optional = true}]"""
TABLE = """file,id,id confidence,id status,id reason,q 1,q 1 confidence,q 1 status,q 1 reason,\
q2,q2 confidence,q2 status,q2 reason,status,reason,problems,note,form,form_checksum
a.jpg,7,0.98,accepted,,,0.1,none,constraints,,1.0,none,blank,review,duplicate,,,form.toml,
b.jpg,7,0.97,accepted,,,0.9,none,blank,5,0.2,review,unsure,review,duplicate,,a note,form.toml,
gone.jpg,8,0.99,accepted,,1,1.0,accepted,corrected,,1.0,none,blank,accepted,,,,form.toml,
c.jpg,,,,,,,,,,,,,none,not_found,,half a sheet,form.toml,\n"""
ORDER = ["q 1 a", "q2 b", "q 1 b", "id b", "id a", "id gone", "q2 a", "q2 gone"]
CHANGED = """
a.jpg,3141592653,0.98,accepted,corrected,20260,0.1,accepted,corrected,,1.0,none,blank,accepted,,,,form.toml,
b.jpg,7,0.97,accepted,,,0.9,accepted,corrected,5,0.2,review,unsure,review,unsure,\
q 1 can't be blank by the form,a note,form.toml,
"""


@pytest.fixture
def table(tmp_path: Path, numbers: Path) -> Path:
    (tmp_path / "form.toml").write_text(FORM)
    (tmp_path / "marks.csv").write_text(TABLE)
    return Path(shutil.copy(numbers, tmp_path / "a.jpg")).with_name("marks.csv")


def load(table: Path) -> list[ReviewItem]:
    return field_items(load_corrections(table))[0]


def corrections(table: Path) -> list[FieldCorrection]:
    return [item.correction for item in load(table) if item.correction]


def open_page(table: Path) -> TestClient:
    page = Review(load(table), 0, None, True, Reader(), Settings())
    return TestClient(page, "http://127.0.0.1")


def test_corrections_go_into_the_table(table: Path) -> None:
    shutil.copy(table.parent / "a.jpg", table.parent / "b.jpg")
    items, client = load(table), open_page(table)
    names = [f"{item.remark.partition(' is ')[0]} {Path(item.file).stem}" for item in items]
    assert (names, sum(item.is_unsure for item in items)) == (ORDER, 5)
    address = "/items/"
    shown = client.get(f"{address}1").json()
    assert shown["remark"] == ("q2 is in doubt (confidence 0.2); the sheet is there twice: a note")
    picture = Image.open(io.BytesIO(base64.b64decode(shown["picture"])))
    assert np.ptp(np.asarray(picture), 2).max() > 150  # the outline is in colour
    assert client.get(f"{address}5").status_code == 422  # its picture is gone
    for number, text in ((4, "3141592653"), (0, "20260"), (2, "none")):
        assert client.post(f"{address}{number}?label={text}").json() == {}
    assert CHANGED in table.read_text()
    assert all(client.delete(f"{address}{number}").is_success for number in (2, 0, 4))
    assert table.read_text() == TABLE


def test_spreadsheets_and_other_programs_write_it_too(table: Path) -> None:
    table.write_text(TABLE.replace(",", ";").replace("a note", "\u00fc"), encoding="latin-1")
    fields = corrections(table)
    table.write_bytes(table.read_bytes() + b"\nd.jpg\n")
    fields[0].store("1")
    assert [line[:5] for line in table.read_bytes().split(b"\n")][4:] == [b"c.jpg", b"d.jpg", b""]
    assert b",\xfc,form.toml" in table.read_bytes() and len(load(table)) == len(ORDER) - 1


def test_name_used_again_is_another_sheet(table: Path) -> None:
    """As in a table of `--watch`: the earlier row's picture is gone."""
    title, row, *_ = TABLE.replace(",none,constraints", ",review,unsure").splitlines()
    size = (table.parent / "a.jpg").stat().st_size
    rows = [f"{row},{second},{size}" for second in (1, 2)]
    table.write_text("\n".join([f"{title},modified,size", *rows, ""]))
    fields = corrections(table)
    assert len(fields) == 3
    fields[0].store("5")
    first, second = table.read_text().splitlines()[1:]
    assert first.startswith(rows[0].partition(",review,dup")[0])
    assert ",5,0.1,accepted,corrected," in second
    with (table.parent / "a.jpg").open("ab") as file:
        file.write(b"newer")
    with pytest.raises(DigitsError, match=r"a.jpg isn't the picture that was read"):
        fields[1].close_up()


@pytest.mark.unix
def test_correction_is_refused_while_another_process_writes(table: Path) -> None:
    [field, *_] = corrections(table)
    with (
        open_table(table, field.table.form),
        pytest.raises(DigitsError, match="another process is writing"),
    ):
        field.store("20260")
    assert table.read_text() == TABLE


def test_form_is_that_of_this_folder(table: Path, monkeypatch: Patch, tmp_path: Path) -> None:
    """Not one of whoever has put pictures beside the table."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "form.toml").write_text(FORM.replace("q2", "q3"))
    monkeypatch.chdir(tmp_path / "mine")
    with pytest.raises(DigitsError, match="q3"):
        load(table)


def test_what_the_form_forbids_is_noted(table: Path) -> None:
    form = table.with_name("form.toml")
    form.write_text(FORM.replace("cells = 5", 'range = "0-20"'))
    client = open_page(table)
    for text, refusal in (
        *(("20", ""), ("21", "q 1 can't be 21 by the form")),
        ("none", "q 1 can't be blank by the form"),
    ):
        answer = client.get("/items/0/refusal", params={"label": text})
        assert answer.json() == {"refusal": refusal}
    assert client.post("/items/0?label=21").is_success  # a person outranks the form
    cells = ",21,0.1,accepted,corrected,,1.0,none,blank,review,duplicate,q 1 can't be 21 by the"
    assert cells in table.read_text()
    assert client.delete("/items/0").is_success and table.read_text() == TABLE


def test_broken_sum_is_refused_once_its_other_fields_are_settled(table: Path) -> None:
    form = table.with_name("form.toml")
    form.write_text('sums = ["id = q 1 + q2"]\n' + FORM)
    table.write_text(TABLE.replace("5,0.2,review,unsure", "5,0.2,accepted,"))
    fields = {(f.row["file"], f.field.name): f for f in corrections(table)}
    field = fields["b.jpg", "q 1"]
    assert [field.violations(text) for text in ("2", "3")] == ["", "id isn't q 1 + q2"]
    table.write_text(table.read_text().replace("5,0.2,accepted,", "5,0.2,review,unsure"))
    assert field.violations("3") == ""  # q2 may be wrong


def test_names_beside_numbers_and_the_whole_sheet(table: Path) -> None:
    table.with_name("list.csv").write_text("Name;number\nAda;7\nBen;8\n", "utf-8")
    key = FORM.replace("key = true", 'key = true, list = "list.csv:number"')
    table.with_name("form.toml").write_text(key)
    client = open_page(table)
    number = next(n for n, item in enumerate(load(table)) if item.remark.startswith("id is"))
    for text, details in (("8", "Ben"), ("9", ""), ("none", "")):
        answer = client.get(f"/items/{number}/details", params={"label": text}).json()
        assert answer["details"] == details
    sheet = client.get("/items/0/sheet").json()["picture"]
    picture = Image.open(io.BytesIO(base64.b64decode(sheet)))
    assert picture.width / picture.height == pytest.approx(800 / 420, rel=0.01)
    rows, columns = np.nonzero(np.ptp(np.asarray(picture, int), 2) > 100)  # the outline of q 1
    edges = np.array([columns.min(), rows.min(), columns.max(), rows.max()])
    assert np.abs(edges - np.array([60, 290, 300, 375]) * picture.width / 800).max() < 8
