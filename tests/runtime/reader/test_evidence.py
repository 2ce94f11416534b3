"""What the reader says of pictures of one digit. No network here is trained."""

import numpy as np
import pytest

from digits.inference.interface import SYMBOLS
from digits.reader.detections import Detections
from digits.reader.evidence import see, weigh
from tests.runtime.reader.drawn import Drawn, Network, row_of


def detections(*drawn: Drawn) -> Detections:
    """What a reader found: boxes, log odds, and symbols that it is nearly sure of."""
    symbols = np.full((len(drawn), len(SYMBOLS)), np.log(0.01 / 11))
    for row, symbol in enumerate(drawn):
        symbols[row, SYMBOLS.index(symbol.symbol)] = np.log(0.99)
    boxes = np.array([symbol.box for symbol in drawn], np.float64).reshape(-1, 4)
    return Detections(np.array([symbol.score for symbol in drawn], np.float64), symbols, boxes)


def at(symbol: str, left: float, score: float, height: float = 40) -> Drawn:
    return Drawn(symbol, (left, 0, left + 0.6 * height, height), score)


@pytest.mark.parametrize("score", [-2.0, 0.0, 3.0, 500.0])
def test_digits_are_as_probable_as_their_log_odds_say(score: float) -> None:
    present = 1 / (1 + np.exp(-score))
    alone = weigh(detections(at("7", 0, score)))
    assert alone.probabilities[7] == pytest.approx(0.99 * present)
    assert alone.probabilities.sum() + alone.none == pytest.approx(1)
    assert alone.several == 0
    two = weigh(detections(at("1", 0, 30), at("2", 40, min(score, 20))))
    assert two.several == pytest.approx(present)
    assert two.probabilities.argmax() == 1


@pytest.mark.parametrize(
    "beside",
    [
        at("4", 6, 6),  # the same place
        at("2", 40, 6, height=15),  # dirt, or a number in a corner
        at("2", 40, 6, height=90),  # the edge of a sheet
        at(".", 40, 6),
        at("-", 40, 6),
    ],
)
def test_what_is_no_second_digit(beside: Drawn) -> None:
    evidence = weigh(detections(at("9", 0, 7), beside))
    assert evidence.several == 0
    assert evidence.probabilities[9] > 0.98


def test_evidence_of_drawn_numbers() -> None:
    page = np.full((200, 300), 255, np.uint8)
    for text in ("7", "12", "10", "11", "111"):
        evidence = see(page, Network(row_of(text, 60, 50, 80), (200, 300)))
        likeliest = evidence.several if len(text) > 1 else evidence.probabilities[int(text)]
        assert likeliest > 0.95
        assert evidence.probabilities.sum() + evidence.several + evidence.none == pytest.approx(1)
