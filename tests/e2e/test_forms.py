"""A form from its file to the table: printed, filled in, photographed and read."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from digits.data.split import Split
from digits.forms import load_form, pdf
from digits.forms.form import Form
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


@pytest.fixture
def form(tmp_path: Path, monkeypatch: Patch) -> Form:
    monkeypatch.chdir(tmp_path)
    Path("exam.toml").write_text(FORM)
    Path("roster.csv").write_text("name;Number\nA;7210\nB;4149\nC;3590\n")
    return load_form(Path("exam.toml"))


def filled(form: Form, digits: Split, *texts: str) -> Grey:
    """A sheet with these digits of MNIST in its fields, each in its box."""
    sheet = pdf.draw_without_fields(form).copy()
    for field, text in zip(form.fields, texts, strict=True):
        left, top, right, bottom = (round(DOTS * edge) for edge in field.box)
        cv2.rectangle(sheet, (left, top), (right, bottom), 166, 3)
        pitch = (right - left) / field.digit_boxes if field.digit_boxes else 80
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
        code, _, err = run("read", "--form", "exam.toml", *photos, "-o", "marks.csv")
        whole = Path("marks.csv").read_text()
        Path("marks.csv").write_text(f'{whole[: whole.index("3.jpg")]}"3.')  # as by a kill
    Path("marks.csv").write_text(whole)
    assert code == 1 and "5.jpg is not a picture" in err and "4.jpg: " in err
    assert "warning: number 7210 is on 2 sheets: 1.jpg, 3.jpg" in err
    assert "warning: no sheet for 1 of 3 values of number: 3590" in err
    rows = list(csv.DictReader(Path("marks.csv").read_text().splitlines()))
    cells = [[row["file"], row["number"], row["a"], row["b"], row["total"]] for row in rows]
    assert cells[:2] == [["1.jpg", "7210", "12", "7", "19"], ["2.jpg", "4149", "9", "", "9"]]
    reasons = ["duplicate", "", "duplicate", "not_found", "unreadable"]
    assert [row["reason"] for row in rows] == reasons
    assert rows[2]["problems"] == "total isn't a + b" and "markers" in rows[3]["note"]
    assert {row["total status"] for row in rows[:2]} == {"accepted"}
    table = SheetTable(Path("marks.csv"), form)
    for text, problems in (("9", ""), ("8", "total isn't a + b")):
        table.rows[2] |= {"number": "3590", "total": text, "total reason": "corrected"}
        table.judge()
        assert (table.rows[2]["problems"], table.rows[2]["reason"]) == (problems, "rule")
    values = json.loads(run("read", "--form", "exam.toml", "1.jpg", "--json")[1])
    assert values["fields"]["a"]["text"] == "12" and values["form"] == "exam.toml"
