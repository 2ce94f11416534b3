"""Results as text, JSON and CSV, and what it takes to add a format."""

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from digits.formats import FORMATS, Csv, Format, Json
from digits.prediction import Number, Prediction, Reading, Symbol
from digits.tables import csv_name
from digits.text import unescape_name
from tests.conftest import Run
from tests.synthetic import reading

if TYPE_CHECKING:
    from digits.formats import Answer

SEVEN = Prediction(7, 0.9, (0.01,) * 7 + (0.9, 0.02, 0.01), (1, 2, 3, 4))
SYMBOL = Symbol("7", 0.9, (0.01,) * 7 + (0.9, 0.02, 0.0, 0.0, 0.01), (1, 2, 3, 4))


class Xml(Format):
    """An element a line. The recipe of CONTRIBUTING: such a class, and its line in FORMATS."""

    suffixes = (".xml",)
    opening = "<picture "

    def lines(self, file: str, answer: "Answer", show_name: bool) -> str:
        return f'<picture file="{file}">{answer.to_text()}</picture>'

    def parse(self, line: str, columns: Sequence[str]) -> list[object]:
        return [line.split('"')[1]]


def test_a_format_is_a_class_and_a_line(
    run: Run, pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FORMATS, "xml", Xml())
    monkeypatch.chdir(pictures[0].parent)
    _, line, _ = run("predict", "7.jpg", "--format", "xml")
    assert line.startswith('<picture file="7.jpg">7  (')
    results = tmp_path / "results.xml"
    assert run("predict", "7.jpg", "-o", results) == (0, "", "")
    assert run("predict", "7.jpg", "4.png", "-o", results)[0] == 0
    first, second = results.read_text().splitlines()
    assert first == line.strip() and second.startswith('<picture file="4.png">4  (')


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("=1+1.png", r"\x3d1+1.png"),
        ("+49.png", r"\x2b49.png"),
        ("-7.png", r"\x2d7.png"),
        ("-7", "-7"),  # a number
        ("@eaDir/7.png", r"\x40eaDir/7.png"),
        ("\t=1.png", r"\x09=1.png"),
        ("\uff1d1.png", r"\uff1d1.png"),  # full-width, which some spreadsheets also evaluate
        ("a;=1;b.png", r"a;\x3d1;b.png"),  # for spreadsheets that split cells at `;`
        (r"\x3d1.png", r"\x5cx3d1.png"),
        ("a=1-2+3@4.png", "a=1-2+3@4.png"),
    ],
)
def test_csv_name_is_never_a_formula(name: str, written: str) -> None:
    assert csv_name(name) == written
    assert unescape_name(written) == name
    assert next(csv.reader([Csv().lines(name, SEVEN, show_name=True)]))[0] == written


@pytest.mark.parametrize(
    ("text", "written"),
    [("-5-3", r"\x2d5-3"), ("--7", r"\x2d-7"), ("-7.25", "-7.25"), ("555-1234", "555-1234")],
)
def test_csv_number_and_note_are_never_a_formula(text: str, written: str) -> None:
    number = Number(text, 0.9, "accepted", text, text, (SYMBOL,))
    row = Csv().lines("a.png", Reading(((number,),)), show_name=True)
    assert row == f"a.png,1,1,{written},0.900000,accepted,{written},{written},1,2,3,4"
    noted = Csv().lines("a.png", replace(SEVEN, digit=None, note="=a"), show_name=True)
    assert noted.startswith("a.png,,0.900000,1,2,3,4,0.01") and noted.endswith(r"sure,\x3da")


@pytest.mark.parametrize("form", FORMATS.values())
@pytest.mark.parametrize("answer", [SEVEN, reading([[SYMBOL]])])
def test_name_is_the_same_in_all_formats(form: Format, answer: Prediction | Reading) -> None:
    line = form.lines("\udcff\n.png", answer, show_name=True)
    named = json.loads(line)["file"] if isinstance(form, Json) else line
    assert named.startswith(r"\xff\x0a.png")
