import json
from dataclasses import replace

import numpy as np
import pytest

from digits.formats import Format, Json
from digits.prediction import Number, Prediction, Reading, Symbol
from tests.synthetic import reading

SEVEN = Prediction(7, 0.9, (0.01,) * 7 + (0.9, 0.02, 0.01), (1, 2, 3, 4))
SYMBOL = Symbol("7", 0.9, (0.01,) * 7 + (0.9, 0.02, 0.0, 0.0, 0.01), (1, 2, 3, 4))
MINUS = Symbol("-", 0.8, (0.0,) * 10 + (0.8, 0.1), (0, 5, 6, 7))
EIGHT = Symbol("8", 0.4, (0.0,) * 8 + (0.4, 0.2, 0.0, 0.0), (9, 2, 12, 4))


def test_text_of_a_reading() -> None:
    page = reading([[MINUS, SYMBOL], [EIGHT]], [[SYMBOL, SYMBOL]])
    assert Format().lines("a.png", page, show_name=True) == "a.png  -7?  8?\na.png  77?"
    assert page.symbols == (MINUS, SYMBOL, EIGHT, SYMBOL, SYMBOL)
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
    page = reading([[replace(SYMBOL, frame=np.eye(28, dtype=np.uint8)), MINUS]])
    symbols = page.to_dict("a.png", frame=True)["numbers"][0]["symbols"]
    assert [symbol["frame"] for symbol in symbols] == [np.eye(28).tolist(), None]
    assert "frame" not in str(page.to_dict("a.png"))


def test_only_accepted_numbers_look_sure() -> None:
    accepted = Number("7", 0.9, "accepted", "", "7", (SYMBOL,))
    unreadable = Number("", 0.0, "unreadable", "", "7", (SYMBOL,))
    for numbers, text, status in (
        ((accepted, accepted), "7  7", "sure"),
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
