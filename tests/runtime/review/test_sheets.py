"""Fields of sheets: which are shown first, and where corrections go."""

import base64
import io
import re
import shutil
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from digits.classifier import Classifier
from digits.commands.results import ResultsFile
from digits.errors import DigitsError
from digits.forms.corrections import FieldOnSheet
from digits.forms.table import open_table
from digits.review.api import Review
from digits.review.items import Item
from digits.review.sheets import load_fields
from digits.web.settings import Settings
from tests.conftest import Patch

FORM = """size = [800, 420]\nfind = "fixed"\nfields = [
    {name = "id", box = [80, 170, 560, 270], key = true},
    {name = "q 1", box = [60, 290, 300, 375], cells = 5},
    {name = "q2", box = [600, 290, 700, 375], optional = true}]"""
TABLE = """file,id,id probability,id status,q 1,q 1 probability,q 1 status,q2,q2 probability,\
q2 status,status,note,form,form_checksum
a.jpg,7,0.98,accepted,,0.1,unreadable,,1.0,blank,duplicate,,form.toml,
b.jpg,7,0.97,accepted,,0.9,blank,5,0.2,review,duplicate,a note,form.toml,
gone.jpg,8,0.99,accepted,1,1.0,corrected,,1.0,blank,complete,,form.toml,
c.jpg,,,,,,,,,,not found,half a sheet,form.toml,\n"""
ORDER = ["q 1 a", "q2 b", "q 1 b", "id b", "id a", "id gone", "q2 a", "q2 gone"]
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d"
CHANGED = (
    rf",corrected,,1.0,blank,complete,id corrected {TIME}; q 1 corrected {TIME},form.toml,\n"
    rf"b.jpg,7,0.97,accepted,,0.9,corrected,5,0.2,review,review,a note; q 1 corrected {TIME}; "
)


@pytest.fixture
def table(tmp_path: Path, numbers: Path) -> Path:
    (tmp_path / "form.toml").write_text(FORM)
    (tmp_path / "marks.csv").write_text(TABLE)
    return Path(shutil.copy(numbers, tmp_path / "a.jpg")).with_name("marks.csv")


def load(table: Path, classifier: Classifier) -> list[Item]:
    return load_fields(table, classifier.networks.detector)[0]


def sheet_fields(table: Path, classifier: Classifier) -> list[FieldOnSheet]:
    return [item.sheet_field for item in load(table, classifier) if item.sheet_field]


def test_corrections_go_into_table_and_labels(table: Path, classifier: Classifier) -> None:
    shutil.copy(table.parent / "a.jpg", table.parent / "b.jpg")
    labels, items = (
        ResultsFile(table.parent / "labels.csv", ("file", "text")),
        load(table, classifier),
    )
    names = [f"{item.remark.partition(' is ')[0]} {Path(item.file).stem}" for item in items]
    assert (names, sum(item.is_unsure for item in items)) == (ORDER, 5)
    client = TestClient(Review(items, 1, labels, True, classifier, Settings()), "http://127.0.0.1")
    address = "/items/"
    shown = client.get(f"{address}1").json()
    assert shown["remark"] == ("q2 is in doubt (probability 0.2); the sheet is there twice: a note")
    picture = Image.open(io.BytesIO(base64.b64decode(shown["picture"])))
    assert np.ptp(np.asarray(picture), 2).max() > 150  # the outline is in colour
    assert client.get(f"{address}5").status_code == 422  # its picture is gone
    for number, text in ((4, "3141592653"), (0, "20260"), (2, "none")):
        assert client.post(f"{address}{number}?label={text}").json() == {}
    assert re.search(CHANGED, table.read_text())
    files, texts = zip(*(line.split(",") for line in labels.path.open()), strict=True)
    assert texts == ("text\n", "3141592653\n", "20260\n", "\n")
    assert all((table.parent / file).is_file() for file in files[1:])
    digits = sorted(table.parent.glob("labels/digits/*/*.png"))
    read = [prediction.guess for prediction in classifier.predict_batch(digits)]
    assert read == [int(file.parent.name) for file in digits] == sorted(map(int, "314159265320260"))
    assert all(client.delete(f"{address}{number}").is_success for number in (2, 0, 4))
    assert table.read_text() == TABLE and not [*table.parent.glob("labels/**/*.png")]


def test_spreadsheets_and_other_programs_write_it_too(table: Path, classifier: Classifier) -> None:
    table.write_text(TABLE.replace(",", ";").replace("a note", "\u00fc"), encoding="latin-1")
    fields = sheet_fields(table, classifier)
    table.write_bytes(table.read_bytes() + b"\nd.jpg\n")
    fields[0].store_correction("1", table.with_name("labels.csv"))
    assert [line[:5] for line in table.read_bytes().split(b"\n")][4:] == [b"c.jpg", b"d.jpg", b""]
    assert (
        b",\xfc,form.toml" in table.read_bytes() and len(load(table, classifier)) == len(ORDER) - 1
    )


def test_name_used_again_is_another_sheet(table: Path, classifier: Classifier) -> None:
    """As in a table of `--watch`: the earlier row's picture is gone."""
    title, row, *_ = TABLE.replace(",unreadable", ",review").splitlines()
    size = (table.parent / "a.jpg").stat().st_size
    rows = [f"{row},{second},{size}" for second in (1, 2)]
    table.write_text("\n".join([f"{title},modified,size", *rows, ""]))
    fields = sheet_fields(table, classifier)
    assert len(fields) == 3
    fields[0].store_correction("5", table.with_name("labels.csv"))
    first, second = table.read_text().splitlines()[1:]
    assert first.startswith(rows[0].partition(",duplicate")[0]) and ",5,0.1,corrected," in second
    with (table.parent / "a.jpg").open("ab") as file:
        file.write(b"newer")
    with pytest.raises(DigitsError, match=r"a.jpg isn't the picture that was read"):
        fields[1].close_up()


@pytest.mark.unix
@pytest.mark.parametrize("cause", ["another process is writing", "there is a link", "in the way"])
def test_refused_correction_leaves_nothing(table: Path, classifier: Classifier, cause: str) -> None:
    """Nor does it write through links of whoever has sent the pictures."""
    labels, field = table.with_name("labels.csv"), sheet_fields(table, classifier)[0]
    (table.parent / "elsewhere").mkdir()
    digits = table.parent / "labels" / "digits"
    digits.mkdir(parents=True)
    with ExitStack() as stack:
        if cause == "in the way":  # of the last of the digits
            (digits / "6").touch()
        elif cause == "there is a link":
            (digits / "6").symlink_to(table.parent / "elsewhere")
        else:
            stack.enter_context(open_table(table, field.table.form))
        with pytest.raises(DigitsError, match=cause):
            field.store_correction("20260", labels)
    assert table.read_text() == TABLE
    assert not [*table.parent.glob("labels/**/*.png"), *table.parent.glob("elsewhere/*")]


def test_form_is_that_of_this_folder(
    table: Path, classifier: Classifier, monkeypatch: Patch, tmp_path: Path
) -> None:
    """Not one of whoever has put pictures beside the table."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "form.toml").write_text(FORM.replace("q2", "q3"))
    monkeypatch.chdir(tmp_path / "mine")
    with pytest.raises(DigitsError, match="q3"):
        load(table, classifier)


def test_what_the_form_forbids_is_noted(table: Path, classifier: Classifier) -> None:
    form = table.with_name("form.toml")
    form.write_text(FORM.replace("cells = 5", 'range = "0-20"'))
    items = load(table, classifier)
    labels = ResultsFile(table.parent / "labels.csv", ("file", "text"))
    client = TestClient(Review(items, 0, labels, True, classifier, Settings()), "http://127.0.0.1")
    for text, refusal in (
        *(("20", ""), ("21", "q 1 can't be 21 by the form")),
        ("none", "q 1 can't be blank by the form"),
    ):
        answer = client.get("/items/0/refusal", params={"label": text})
        assert answer.json() == {"refusal": refusal}
    assert client.post("/items/0?label=21").is_success  # a person outranks the form
    note = rf",duplicate,q 1 corrected {TIME}; q 1 can't be 21 by the form,"
    assert re.search(rf",21,0.1,corrected,,1.0,blank{note}", table.read_text())
    assert client.delete("/items/0").is_success and table.read_text() == TABLE


def test_broken_sum_is_refused_once_its_other_fields_are_settled(
    table: Path, classifier: Classifier
) -> None:
    form = table.with_name("form.toml")
    form.write_text('sums = ["id = q 1 + q2"]\n' + FORM)
    table.write_text(TABLE.replace("duplicate", "review").replace("5,0.2,review", "5,0.2,accepted"))
    field = next(f for f in sheet_fields(table, classifier) if f.row["file"] == "b.jpg")
    assert field.field.name == "q 1"
    assert [field.refusal(text) for text in ("2", "3")] == ["", "id isn't q 1 + q2"]
    table.write_text(table.read_text().replace("5,0.2,accepted", "5,0.2,review"))
    assert field.refusal("3") == ""  # q2 may be wrong


def test_names_beside_numbers_and_the_whole_sheet(table: Path, classifier: Classifier) -> None:
    table.with_name("list.csv").write_text("Name;number\nAda;7\nBen;8\n", "utf-8")
    key = FORM.replace("key = true", 'key = true, list = "list.csv:number"')
    table.with_name("form.toml").write_text(key)
    items = load(table, classifier)
    labels = ResultsFile(table.parent / "labels.csv", ("file", "text"))
    client = TestClient(Review(items, 0, labels, True, classifier, Settings()), "http://127.0.0.1")
    number = next(n for n, item in enumerate(items) if item.remark.startswith("id is"))
    for text, details in (("8", "Ben"), ("9", ""), ("none", "")):
        answer = client.get(f"/items/{number}/details", params={"label": text}).json()
        assert answer["details"] == details
    sheet = client.get("/items/0/sheet").json()["picture"]
    picture = Image.open(io.BytesIO(base64.b64decode(sheet)))
    assert picture.width / picture.height == pytest.approx(800 / 420, rel=0.01)
    rows, columns = np.nonzero(np.ptp(np.asarray(picture, int), 2) > 100)  # the outline of q 1
    edges = np.array([columns.min(), rows.min(), columns.max(), rows.max()])
    assert np.abs(edges - np.array([60, 290, 300, 375]) * picture.width / 800).max() < 8
