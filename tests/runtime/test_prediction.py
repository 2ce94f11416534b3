import csv
import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from digits.prediction import Format, Number, Prediction, Reading, Symbol
from digits.text import csv_name, to_json, unescape_name
from tests.synthetic import reading

SEVEN = Prediction(7, 0.9, (0.01,) * 7 + (0.9, 0.02, 0.01), (1, 2, 3, 4))
SYMBOL = Symbol("7", 0.9, (0.01,) * 7 + (0.9, 0.02, 0.0, 0.0, 0.01), (1, 2, 3, 4))
MINUS = Symbol("-", 0.8, (0.0,) * 10 + (0.8, 0.1), (0, 5, 6, 7))
EIGHT = Symbol("8", 0.4, (0.0,) * 8 + (0.4, 0.2, 0.0, 0.0), (9, 2, 12, 4))


def test_text_of_a_reading() -> None:
    page = reading([[MINUS, SYMBOL], [EIGHT]], [[SYMBOL, SYMBOL]])
    assert page.text == "-7?  8?\n77?"
    assert page.symbols == (MINUS, SYMBOL, EIGHT, SYMBOL, SYMBOL)
    assert [(number.text, number.line, number.column) for number in page.numbers] == [
        ("-7", 1, 1),
        ("8", 1, 2),
        ("77", 2, 1),
    ]
    assert page.numbers[0].box == (0, 2, 6, 7)


def test_numbers_as_csv_and_json() -> None:
    page = reading([[MINUS, SYMBOL], [EIGHT]])
    assert page.format("a.png", "csv", show_name=True).splitlines() == [
        "a.png,1,1,-7,0.800000,review,,-7,0,2,6,7",
        "a.png,1,2,8,0.800000,review,,8,9,2,12,4",
    ]
    record = json.loads(page.format("a.png", "json", show_name=True))
    assert record["text"] == "-7?  8?"
    assert record["numbers"][1] == {
        "text": "8",
        "probability": 0.8,
        "status": "review",
        "second": "",
        "free": "8",
        "symbols": [
            {
                "symbol": "8",
                "confidence": 0.4,
                "probabilities": list(EIGHT.probabilities),
                "box": [9, 2, 12, 4],
            }
        ],
        "line": 1,
        "column": 2,
        "box": [9, 2, 12, 4],
    }


def test_frames_are_included_on_request() -> None:
    seen = replace(SYMBOL, frame=np.eye(28, dtype=np.uint8))
    record = json.loads(to_json(reading([[seen, MINUS]]).to_dict("a.png", frame=True)))
    first, second = record["numbers"][0]["symbols"]
    assert first["frame"] == np.eye(28).tolist() and second["frame"] is None
    assert "frame" not in str(reading([[seen]]).to_dict("a.png"))


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("=1+1.png", r"\x3d1+1.png"),
        ("+49.png", r"\x2b49.png"),
        ("-7.png", r"\x2d7.png"),
        ("-7", "-7"),  # a number
        ("@eaDir/7.png", r"\x40eaDir/7.png"),
        ("\t=1.png", r"\x09=1.png"),
        ("\r=1.png", r"\x0d=1.png"),
        ("\uff1d1.png", r"\uff1d1.png"),  # full-width, which some spreadsheets also evaluate
        ("a;=1;b.png", r"a;\x3d1;b.png"),  # for spreadsheets that split cells at `;`
        (r"\x3d1.png", r"\x5cx3d1.png"),
        ("a=1-2+3@4.png", "a=1-2+3@4.png"),
        ("/=/-7.png", "/=/-7.png"),
    ],
)
def test_csv_name_is_never_a_formula(name: str, written: str) -> None:
    assert csv_name(name) == written
    assert unescape_name(written) == name
    row = SEVEN.format(name, "csv", show_name=True)
    assert next(csv.reader([row]))[0] == written
    page = reading([[SYMBOL]]).format(name, "csv", show_name=True)
    assert next(csv.reader([page]))[0] == written


@pytest.mark.parametrize(
    ("text", "written"),
    [("-5-3", r"\x2d5-3"), ("--7", r"\x2d-7"), ("-7.25", "-7.25"), ("555-1234", "555-1234")],
)
def test_csv_number_is_never_a_formula(text: str, written: str) -> None:
    number = Number(text, 0.9, "accepted", text, text, (SYMBOL,))
    cells = Reading(((number,),)).to_csv_rows("a.png")[0]
    assert [cells[3], *cells[6:8]] == [written] * 3


def test_csv_note_is_never_a_formula() -> None:
    cells = replace(SEVEN, note="=a/b.png is empty").to_csv_row("a.png")
    assert cells[-1] == r"\x3da/b.png is empty"


def test_repr_is_short() -> None:
    assert repr(SEVEN) == (
        "Prediction(digit=7, confidence=0.9, box=(1, 2, 3, 4), status='sure', note='')"
    )
    page = reading([[SYMBOL] * 100])
    assert repr(page) == f"<Reading {'7' * 60 + '…'!r}, unsure>"
    assert repr(Reading(())) == "<Reading '', blank>"


def test_only_accepted_numbers_look_sure() -> None:
    accepted, review = (Number("7", 0.9, s, "", "7", (SYMBOL,)) for s in ("accepted", "review"))
    unreadable = Number("", 0.0, "unreadable", "", "7", (SYMBOL,))
    for numbers, text, status in (
        ((accepted,), "7", "sure"),
        ((accepted, review), "7  7?", "unsure"),
        ((accepted, unreadable), "7  ?", "unsure"),
    ):
        page = Reading((numbers,))
        assert (page.text, page.status) == (text, status)


def test_uniform_probabilities_print_no_guess() -> None:
    unsure = Prediction(None, 0.1, (0.1,) * 10, (1, 2, 3, 4))
    assert unsure.format("a.png", "text", show_name=False) == "?  (10.0 %)"


@pytest.mark.unix
@pytest.mark.parametrize("form", ["text", "json", "csv"])
@pytest.mark.parametrize(
    ("raw", "written"), [(b"\xff.png", r"\xff.png"), (b"\\xff\n.png", r"\x5cxff\x0a.png")]
)
def test_name_is_the_same_in_text_json_and_csv(form: Format, raw: bytes, written: str) -> None:
    name = os.fsdecode(raw)
    digit = SEVEN.format(name, form, show_name=True)
    page = reading([[SYMBOL]]).format(name, form, show_name=True)
    for line in (digit, page):
        line.encode()
        named = json.loads(line)["file"] if form == "json" else line
        assert named.startswith(written)


@pytest.mark.linux
def test_names_are_the_same_in_every_locale(pictures: list[Path], tmp_path: Path) -> None:
    for raw in (b"zw\xc3\xb6lf.jpg", b"\xff.jpg"):
        (tmp_path / os.fsdecode(raw)).write_bytes(pictures[1].read_bytes())
    for form in ("--json", "--csv"):
        command = [sys.executable, "-m", "digits", "predict", ".", form]
        answers = [
            subprocess.run(
                command, cwd=tmp_path, env=os.environ | locale, capture_output=True, check=True
            ).stdout
            for locale in (
                {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
                {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "0"},
            )
        ]
        assert answers[0] == answers[1]
        assert b"xff.jpg" in answers[0]


def test_json_has_no_nan_or_surrogates() -> None:
    values = {"a": [math.nan, (1.5, -math.inf)], "b\ud800": {"c": "d\udcff\n"}, "e": None}

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    written = to_json(values)
    read = json.loads(written, parse_constant=refuse)
    assert read == {"a": [None, [1.5, None]], r"b\ud800": {"c": "d\\udcff\n"}, "e": None}
    json.dumps(read, ensure_ascii=False).encode()
