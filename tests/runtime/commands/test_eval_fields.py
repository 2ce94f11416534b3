"""`digits eval form`: how a form's fields are read, beside what is written in them."""

import json
from pathlib import Path

import pytest
from PIL import Image

from digits.forms.form import Form
from digits.forms.sheet import Sheet
from digits.images import picture
from digits.images.picture import Source
from digits.prediction import Number, Reason, Status
from digits.recognize import Reader
from tests.conftest import Patch, Run

FORM = """size = [300, 200]\nfind = "fixed"\nfields = [
    {name = "a", box = [20, 20, 280, 80]}, {name = "b", box = [20, 100, 280, 180], optional = true}]
"""
ACCEPTED: tuple[Status, Reason] = ("accepted", "")
REVIEW: tuple[Status, Reason] = ("review", "unsure")
BLANK: tuple[Status, Reason] = ("none", "blank")
READ = [
    (("12", ACCEPTED), ("", BLANK)),
    (("12", ACCEPTED), ("", BLANK)),
    (("1", REVIEW), ("5", ACCEPTED)),
]


@pytest.fixture(autouse=True)
def form(tmp_path: Path, monkeypatch: Patch) -> None:
    """Three sheets, that are read as READ says, and one that isn't found."""
    monkeypatch.chdir(tmp_path)
    Path("form.toml").write_text(FORM)
    for number in range(4):
        Image.new("L", (300, 200), 200).save(f"{number}.png")

    def read_fields(self: Reader, source: Source, form: Form, max_errors: float | None) -> Sheet:
        number = int(Path(picture.load(source).name).stem)
        if number == 3:
            return Sheet(form, (), "not_found", "no markers are seen")
        numbers = (Number(text, 0.9, *status, "", text, ()) for text, status in READ[number])
        return Sheet(form, tuple(numbers))

    monkeypatch.setattr(Reader, "read_fields", read_fields)


def test_accepted_and_wrong_of_each_field(run: Run) -> None:
    Path("labels.csv").write_text(
        "file;A;B;more\n0.png;12;;x\n1.png;13;4;\n2.png;1,5;5;\n3.png;1;1;\n"
    )
    code, out, err = run("eval", "form", "form.toml", "labels.csv")
    assert code == 1 and "line 5: 3.png: no markers are seen" in err
    values = json.loads(out)
    assert (values["sheets"], values["not_found"]) == (4, 1)
    counts = ["labels", "exact", "accepted", "silent_errors"]
    by_name = {row["field"]: [row[key] for key in counts] for row in values["fields"]}
    assert by_name == {"a": [3, 1, 2, 1], "b": [3, 2, 3, 1], "(all)": [6, 3, 5, 2]}
    low, high = values["fields"][0]["risk_interval"]
    assert low < values["fields"][0]["risk"] == 0.5 < high


@pytest.mark.parametrize(
    ("table", "code", "sentence"),
    [
        ("file,a\n0.png,12\n", 0, "warning: labels.csv has no column for b: not measured"),
        ("file,c\n0.png,12\n", 1, "labels.csv has no column named like a field of form.toml"),
        ("file,a\n0.png,12,5\n", 1, "line 2: more cells than columns"),
        ("file,a,A\n0.png,12,1\n", 1, "several columns are named a"),
        ("file,a\n0.png,12\n0.png,13\n", 1, "line 3: the file is there twice"),
    ],
)
def test_tables(run: Run, table: str, code: int, sentence: str) -> None:
    Path("labels.csv").write_text(table)
    answer = run("eval", "form", "form.toml", "labels.csv")
    assert answer[0] == code and sentence in answer[2]
