"""One digit: by its ink, and in doubt by what the detector sees, too."""

from pathlib import Path

import numpy as np
import pytest

from digits import Reader
from digits.digit import Candidate, combine, cut_ink, to_prediction
from digits.images.picture import GreyImage
from digits.reader.detect import SingleDigitVote
from tests.conftest import Patch
from tests.drawings import Drawn, show

SIX = (17.0, 12.0, 47.0, 52.0)  # the box in the sample picture, which has 64x64 pixels
EACH = np.eye(10)


def sure(digit: int, confidence: float = 0.99) -> np.ndarray:
    return np.where(np.arange(10) == digit, confidence, (1 - confidence) / 9)


def test_agreement_makes_sure_and_disagreement_unsure() -> None:
    """Ten times the least probability is that of no digit."""
    by_classifier = 0.6 * EACH[3] + 0.2 * EACH[5] + 0.02  # 0.2 of none
    vote = SingleDigitVote(0.3 * EACH[3] + 0.4 * EACH[5], 0.2, 0.1, None)
    digits, several, none = combine(by_classifier, vote)
    three, five, nothing = 0.6 * 0.3, 0.2 * 0.4, 0.2 * 0.1
    share = 0.8 / (three + five + nothing)
    assert several == 0.2 and none == pytest.approx(share * nothing)
    spread = (several + none) / 10
    assert digits[[3, 5]] == pytest.approx([share * three + spread, share * five + spread])
    assert digits.sum() == pytest.approx(1)


def test_detector_is_asked_only_in_doubt(monkeypatch: Patch, pictures: list[Path]) -> None:
    six, seven = Drawn("6", SIX, 9.0), Drawn("7", (47, 12, 63, 52), 9.0)
    show(monkeypatch, [six, seven], (64, 64))
    assert Reader().predict(pictures[6]).digit == 6
    monkeypatch.setattr("digits.vision.components.Segment.is_whole", False)
    several = Reader().predict(pictures[6])
    assert (several.digit, several.guess, several.reason) == (None, 6, "several")
    show(monkeypatch, [six], (64, 64))
    agreed = Reader().predict(pictures[6])
    assert (agreed.digit, agreed.status, agreed.box) == (6, "accepted", (17, 12, 47, 52))
    assert agreed.confidence == max(agreed.probabilities) and agreed.note == ""
    show(monkeypatch, [], (64, 64))
    assert Reader().predict(pictures[6]).confidence < agreed.confidence


@pytest.mark.parametrize("negative", [0, 255])
def test_ink_in_a_box(negative: int) -> None:
    """Of the digit alone: not of the line below it."""
    page = np.full((100, 100), 220, np.uint8)
    page[20:60, 40:46] = page[90:93] = 60
    ink = cut_ink(page ^ np.uint8(negative), (35, 18, 50, 62))
    assert ink is not None and 5 < ink.shape[0] / ink.shape[1] < 8
    assert np.median(ink) > 200
    assert cut_ink(np.full((50, 50), 90, np.uint8), (0, 0, 50, 50)) is None


@pytest.mark.parametrize(
    ("chances", "threshold", "reason"),
    [
        ((0.51, 0.0, 0.9), 0.1, "several"),
        ((0.51, 0.0, 0.9), 0.0, ""),
        ((0.50, 0.0, 0.9), 0.9, ""),
        ((0.49, 0.0, 0.5), 0.6, "unsure"),
        ((0.10, 0.51, 0.2), 0.6, "not_a_digit"),
        ((0.10, 0.50, 0.2), 0.6, "unsure"),
    ],
)
def test_reason(chances: tuple[float, float, float], threshold: float, reason: str) -> None:
    several, none, confidence = chances
    frame, grey = np.zeros((28, 28), np.uint8), np.zeros((90, 90), np.uint8)
    candidate = Candidate((3, 4, 50, 60), frame, sure(3, confidence), several, none)
    picture = GreyImage("it", grey, 2.0, (180, 180))
    prediction = to_prediction(picture, candidate, threshold)
    assert (prediction.reason, prediction.digit) == (reason, None if reason else 3)
    assert prediction.guess == 3 and prediction.box == (6, 8, 100, 120)
    assert ("digits read" in prediction.note) == (reason == "several")
