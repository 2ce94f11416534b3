import json
from dataclasses import replace

import numpy as np
import pytest

from digits.formats import Format, Json
from digits.prediction import Number, Prediction, Reading, Symbol
from digits.text import to_json
from tests.synthetic import reading

SEVEN = Prediction(7, 0.9, (0.01,) * 7 + (0.9, 0.02, 0.01), (1, 2, 3, 4))
SYMBOL = Symbol("7", 0.9, (0.01,) * 7 + (0.9, 0.02, 0.0, 0.0, 0.01), (1, 2, 3, 4))
MINUS = Symbol("-", 0.8, (0.0,) * 10 + (0.8, 0.1), (0, 5, 6, 7))
EIGHT = Symbol("8", 0.4, (0.0,) * 8 + (0.4, 0.2, 0.0, 0.0), (9, 2, 12, 4))


def test_text_of_a_reading() -> None:
    page = reading([[MINUS, SYMBOL], [EIGHT]], [[SYMBOL, SYMBOL]])
    assert page.text == "-7?  8?\n77?"
    assert Format().lines("a.png", page, show_name=True) == "a.png  -7?  8?\na.png  77?"
    assert page.symbols == (MINUS, SYMBOL, EIGHT, SYMBOL, SYMBOL)
    numbers = [(number.text, number.line, number.column) for number in page.numbers]
    assert numbers == [("-7", 1, 1), ("8", 1, 2), ("77", 2, 1)]
    assert page.numbers[0].box == (0, 2, 6, 7)


def test_numbers_as_json() -> None:
    page = reading([[MINUS, SYMBOL], [EIGHT]])
    record = json.loads(Json().lines("a.png", page, show_name=True))
    assert tuple(record) == Reading.KEYS and record["text"] == "-7?  8?"
    symbol = {"symbol": "8", "confidence": 0.4, "probabilities": list(EIGHT.probabilities)}
    expected = {"text": "8", "probability": 0.8, "status": "review", "second": "", "free": "8"}
    expected |= {"symbols": [symbol | {"box": [9, 2, 12, 4]}], "line": 1, "column": 2}
    assert record["numbers"][1] == expected | {"box": [9, 2, 12, 4]}
    assert tuple(SEVEN.to_dict("a.png")) == Prediction.KEYS


def test_frames_are_included_on_request() -> None:
    seen = replace(SYMBOL, frame=np.eye(28, dtype=np.uint8))
    record = json.loads(to_json(reading([[seen, MINUS]]).to_dict("a.png", frame=True)))
    first, second = record["numbers"][0]["symbols"]
    assert first["frame"] == np.eye(28).tolist() and second["frame"] is None
    assert "frame" not in str(reading([[seen]]).to_dict("a.png"))


def test_repr_is_short() -> None:
    fields = "digit=7, confidence=0.9, box=(1, 2, 3, 4), status='sure', note=''"
    assert repr(SEVEN) == f"Prediction({fields})"
    assert repr(reading([[SYMBOL] * 100])) == f"<Reading '{'7' * 59}, unsure>"
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


@pytest.mark.parametrize(
    ("confidence", "text"), [(0.1004, "?  (10.0 %)"), (0.1006, "?  (10.1 %, perhaps 3)")]
)
def test_uniform_probabilities_print_no_guess(confidence: float, text: str) -> None:
    unsure = Prediction(None, confidence, (*(0.1,) * 3, confidence), (1, 2, 3, 4))
    assert Format().lines("a.png", unsure, show_name=False) == text
