"""A form from its file to the table: printed, filled in, photographed and read."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openpyxl
import pypdfium2
import pytest
from msgspec.structs import replace
from PIL import Image

from digits.classifier import Classifier
from digits.data.split import Split
from digits.forms import form_file, pdf
from digits.forms.form import Field, Form
from digits.forms.table import SheetTable
from digits.images.grey import Grey
from tests.conftest import Patch, Run
from tests.runtime.forms.test_locate import photograph

DOTS = 10  # a millimetre of a sheet
FORM = """
size = [210, 297]
find = "marks"
markers = 7
sums = ["total = a + b"]
roster = "roster.csv"
fields = [
    {name = "number", box = [30, 40, 102, 52], cells = 4, key = true},
    {name = "a", box = [30, 80, 60, 92], range = "0-20"},
    {name = "b", box = [70, 80, 100, 92], range = "0-20", optional = true},
    {name = "total", box = [150, 80, 180, 92], range = "0-40"},
]
"""

NO_RULES: dict[str, Any] = {"sums": (), "roster": None}


@pytest.fixture
def form(tmp_path: Path, monkeypatch: Patch) -> Form:
    monkeypatch.chdir(tmp_path)
    Path("exam.toml").write_text(FORM)
    Path("roster.csv").write_text("name;Number\nA;7210\nB;4149\nC;3590\n")
    return form_file.load(Path("exam.toml"))


def filled(form: Form, digits: Split, *texts: str) -> Grey:
    """A sheet with these digits of MNIST in its fields, each in its cell."""
    sheet = pdf.draw_without_fields(form).copy()
    for field, text in zip(form.fields, texts, strict=True):
        left, top, right, bottom = (round(DOTS * edge) for edge in field.box)
        cv2.rectangle(sheet, (left, top), (right, bottom), 166, 3)
        pitch = (right - left) / field.cells if field.cells else 80
        for number, digit in enumerate(text):
            image = digits.images[np.flatnonzero(digits.labels == int(digit))[3]]
            ink = cv2.resize(image, (100, 100), interpolation=cv2.INTER_CUBIC)
            x = round(left + number * pitch + 10)
            cell = sheet[top + 10 : top + 110, x : x + 100]
            np.minimum(cell, 255 - ink, out=cell)
    return sheet


@pytest.mark.slow
def test_stack_becomes_a_table(form: Form, test_slice: Split, run: Run) -> None:
    sheets = ("7210", "12", "7", "19"), ("4149", "9", "", "9"), ("7210", "4", "5", "10")
    for number, texts in enumerate(sheets, 1):  # the last one with a wrong sum
        page, _ = photograph(filled(form, test_slice, *texts), turns=number, tilt=0.1)
        Image.fromarray(page).save(f"{number}.jpg", quality=85)
    Image.new("L", (2250, 2800), 200).save("4.jpg")
    Path("5.jpg").write_bytes(b"no picture")
    photos = [f"{number}.jpg" for number in range(1, 6)]
    for _ in range(2):  # and again, which goes on
        code, _, err = run("read", "--fields", "exam.toml", *photos, "-o", "marks.xlsx")
        spreadsheet = Path("marks.xlsx").replace("done.xlsx")
        whole = Path("marks.csv").read_text()
        Path("marks.csv").write_text(f'{whole[: whole.index("3.jpg")]}"3.')  # as by a kill
    Path("marks.csv").write_text(whole)
    assert code == 1 and "5.jpg is not a picture" in err and "4.jpg: " in err
    assert "warning: number 7210 is on 2 sheets: 1.jpg, 3.jpg" in err
    assert "warning: no sheet for 1 of 3 values of number: 3590" in err
    rows = list(csv.DictReader(Path("marks.csv").read_text().splitlines()))
    cells = [[row["file"], row["number"], row["a"], row["b"], row["total"]] for row in rows]
    assert cells[:2] == [["1.jpg", "7210", "12", "7", "19"], ["2.jpg", "4149", "9", "", "9"]]
    assert [row["status"] for row in rows] == [
        *("duplicate", "complete", "duplicate"),
        *["not found"] * 2,
    ]
    assert rows[2]["note"] == "total isn't a + b" and "markers" in rows[3]["note"]
    assert {row["total status"] for row in rows[:2]} == {"accepted"}
    table = SheetTable(Path("marks.csv"), form)
    for text, note in (("9", ""), ("8", "total isn't a + b")):
        table.rows[2] |= {"number": "3590", "total": text, "total status": "corrected"}
        table.rows[2] |= {"a": "4", "a status": "accepted"}
        table.update_statuses()
        assert (table.rows[2]["note"], table.rows[2]["status"] == "review") == (note, True)
    sheet = openpyxl.load_workbook(spreadsheet).active
    pairs = zip((cell.value for cell in sheet[1]), (cell.value for cell in sheet[2]), strict=True)
    assert {("file", "1.jpg"), ("number", "7210")} <= {*pairs}
    values = json.loads(run("read", "--fields", "exam.toml", "1.jpg", "--json")[1])
    assert values["fields"]["a"]["text"] == "12" and values["form"] == "exam.toml"


def test_read_fields_by_camera(form: Form, test_slice: Split, classifier: Classifier) -> None:
    """The camera doesn't move, and sees all at a third of the size."""
    Path("fixed.toml").write_text(FORM.replace("marks", "fixed"))
    sheet = filled(form, test_slice, "7210", "12", "7", "19")
    small = cv2.resize(sheet, (700, 990), interpolation=cv2.INTER_AREA)
    read = classifier.read_fields(small, form_file.load(Path("fixed.toml")))
    assert [number.text for number in read.numbers] == ["7210", "12", "7", "19"]
    assert classifier.read_fields(small.T, read.form).status == "not found"
    narrow = replace(read.form, fields=(Field("a", (10, 10, 90, 280), cells=64),), **NO_RULES)
    assert classifier.read_fields(small, narrow).numbers[0].status != "accepted"


def test_digit_beyond_its_field_is_looked_at_and_empty_cells_are_blank(
    form: Form, test_slice: Split, classifier: Classifier
) -> None:
    *fields, total = (replace(field, is_optional=True) for field in form.fields)
    fields.append(replace(total, box=(150, 80, 176, 92), range=None, length=3))
    form = replace(form, fields=tuple(fields), find_by="fixed", **NO_RULES)
    numbers = list[tuple[str, str]]()
    for text in ("345", "3459"):  # the 9 is outside
        sheet = 0.9 * filled(form, test_slice, "", "1", "12", text)
        sheet += np.random.default_rng(0).normal(0, 4, sheet.shape)
        read = classifier.read_fields(np.asarray(sheet.clip(0, 255), np.uint8), form)
        numbers += [(number.to_text(), number.status) for number in read.numbers[::3]]
    assert numbers[:2] == [("–", "blank"), ("345", "accepted")]
    assert numbers[2:] == [("–", "blank"), ("345?", "review")]


def test_roster_makes_up_for_no_stroke_through_a_number(
    form: Form, test_slice: Split, classifier: Classifier
) -> None:
    form = replace(form, find_by="fixed")
    sheet = filled(form, test_slice, "7210", "12", "7", "19")
    assert classifier.read_fields(sheet, form).numbers[0].status == "accepted"
    cv2.line(sheet, (280, 460), (960, 455), 60, 3)
    assert classifier.read_fields(sheet, form).numbers[0].status == "review"


@pytest.mark.slow
def test_stack_from_a_scanner_as_in_the_docs(form: Form, test_slice: Split, run: Run) -> None:
    """The commands of docs/fields.md, on a PDF of forty pages."""
    numbers = [f"{number:04}" for number in range(1000, 9000, 200)]
    Path("roster.csv").write_text("name,number\n" + "".join(f"A,{n}\n" for n in numbers))
    form = form_file.load(Path("exam.toml"))
    sheets = [Image.fromarray(filled(form, test_slice, n, "12", "7", "19")) for n in numbers]
    sheets[20] = Image.new("L", sheets[0].size, 255)  # a separator
    first, *others = (sheet.reduce(254 // 100) for sheet in sheets)
    first.save("scan.pdf", save_all=True, append_images=others, resolution=127)
    guide = (Path(__file__).parents[2] / "docs" / "fields.md").read_text("utf-8")
    commands = re.findall(r"^ +digits (read --fields exam.toml scan.pdf .+)", guide, re.MULTILINE)
    [command] = commands
    code, _, err = run(*command.partition("#")[0].split())
    assert code == 1 and "scan.pdf#21: " in err and "no sheet for 1 of 40" in err
    rows = list(csv.DictReader(Path("marks.csv").read_text().splitlines()))
    assert [row["file"] for row in rows] == [f"scan.pdf#{page}" for page in range(1, 41)]
    del rows[20], numbers[20]
    assert [row["number"] for row in rows] == numbers
    assert [row["total"] for row in rows].count("19") > 35
    with pypdfium2.PdfDocument("marks.pdf") as document:
        assert len(document) == 40
