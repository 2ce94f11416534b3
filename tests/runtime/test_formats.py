"""Answers, and how they look as text, JSON and CSV; text from anyone."""

import csv
import json
import math
import os
from dataclasses import replace

import pytest

from digits.formats import Csv, Json
from digits.prediction import Number, Prediction, Reading, Symbol
from digits.tables import csv_name
from digits.terminal import print_stderr
from digits.text import escape_name, to_json
from tests.conftest import Capsys
from tests.synthetic import reading

SEVEN = Prediction(7, 0.9, (0.01,) * 7 + (0.9, 0.02, 0.01), (1, 2, 3, 4))
SYMBOL = Symbol("7", 0.9, (0.01,) * 7 + (0.9, 0.02, 0.0, 0.0, 0.01), (1, 2, 3, 4))


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("=1+1.png", r"\x3d1+1.png"),
        ("-7.png", r"\x2d7.png"),
        ("-7", "-7"),  # a number
        ("@eaDir/7.png", r"\x40eaDir/7.png"),
        ("\uff1d1.png", r"\uff1d1.png"),  # full-width, which some spreadsheets also evaluate
        ("a;=1;b.png", r"a;\x3d1;b.png"),  # for spreadsheets that split cells at `;`
    ],
)
def test_csv_name_is_never_a_formula(name: str, written: str) -> None:
    assert csv_name(name) == written
    assert next(csv.reader([Csv().lines(name, SEVEN)]))[0] == written


@pytest.mark.parametrize(
    ("text", "written"),
    [("-5-3", r"\x2d5-3"), ("--7", r"\x2d-7"), ("-7.25", "-7.25"), ("555-1234", "555-1234")],
)
def test_csv_number_and_note_are_never_a_formula(text: str, written: str) -> None:
    number = Number(text, 0.9, "accepted", "", text, text, (SYMBOL,))
    row = Csv().lines("a.png", Reading(((number,),)))
    assert row == f"a.png,1,1,{written},0.900000,accepted,,{written},{written},1,2,3,4"
    noted = Csv().lines("a.png", replace(SEVEN, digit=None, note="=a"))
    assert noted.startswith("a.png,,0.900000,1,2,3,4,0.01") and noted.endswith(r"accepted,,\x3da")


MINUS = Symbol("-", 0.8, (0.0,) * 10 + (0.8, 0.1), (0, 5, 6, 7))
EIGHT = Symbol("8", 0.4, (0.0,) * 8 + (0.4, 0.2, 0.0, 0.0), (9, 2, 12, 4))


def test_numbers_as_json() -> None:
    page = reading([[MINUS, SYMBOL], [EIGHT]])
    record = json.loads(Json().lines("a.png", page))
    assert tuple(record) == Reading.KEYS and record["text"] == "-7?  8?"
    symbol = {"symbol": "8", "confidence": 0.4, "probabilities": list(EIGHT.probabilities)}
    expected = {"text": "8", "confidence": 0.8, "status": "review", "reason": "unsure"}
    expected |= {"second_best": "", "unconstrained": "8", "line": 1, "column": 2}
    expected |= {"symbols": [symbol | {"box": [9, 2, 12, 4]}], "box": [9, 2, 12, 4]}
    assert record["numbers"][1] == expected
    assert tuple(SEVEN.to_dict("a.png")) == Prediction.KEYS


NAMES = {
    "zwölf 十二.png".encode(): "zwölf 十二.png",
    b"\xff.png": r"\udcff.png",
    b"a\nb\x1b\x7f": r"a\x0ab\x1b\x7f",
    "\ufeffa\u200b\xad.png".encode(): r"\ufeffa\u200b\u00ad.png",
    "\u0646\u200c\u0645 \u2764\ufe0f.png".encode(): "\u0646\u200c\u0645 \u2764\ufe0f.png",
    " a b\u3000".encode(): r"\x20a b\u3000",  # tables strip blanks at the ends
    b"\xed\xb3\xbf": r"\udced\udcb3\udcbf",  # an encoded surrogate, which is invalid UTF-8
}


@pytest.mark.unix
def test_escaped_name() -> None:
    assert {raw: escape_name(os.fsdecode(raw)) for raw in NAMES} == NAMES


def test_stderr_gets_one_line(capsys: Capsys) -> None:
    print_stderr("error: a\x1b[31m\nb\udcff\ud800")
    assert capsys.readouterr().err == "error: a\\x1b[31m\\x0ab\\udcff\\ud800\n"


def test_json_has_no_nan_or_surrogates() -> None:
    values = {"a": [math.nan, (1.5, -math.inf)], "b\ud800": {"c": "d\udcff\n"}, "e": None}
    read = json.loads(to_json(values), parse_constant=pytest.fail)
    assert read == {"a": [None, [1.5, None]], r"b\ud800": {"c": "d\\udcff\n"}, "e": None}
