"""The ranker, and its ensemble with the detector where it doubts. No network here is trained."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digits import Classifier
from digits.images import picture
from digits.vision import weights
from digits.vision.candidates import examine_by_classifier
from digits.vision.components import Box, Component
from digits.vision.frame import DIGIT_SIDE, to_mnist
from digits.vision.hypotheses import Hypothesis
from digits.vision.ranker import FEATURES, SEVERAL_FEATURES, Evidence, Ranking, features, rank
from tests.drawings import Drawn, show

SHAPE = 200, 300
BOX, BESIDE = Box(100, 60, 140, 120), Box(200, 60, 240, 120)


def made(
    kind: str = "main",
    box: Box = BOX,
    share: float = 1.0,
    level: int = 200,
    inverted: bool = False,
    unevenness: float = 0.0,
) -> Hypothesis:
    """The outline of a box, four pixels wide."""
    ink = np.full((box.height, box.width), level, np.uint8)
    ink[4:-4, 4:-4] = 0
    return Hypothesis(kind, Component(ink, box), share, False, inverted, unevenness)


def sure(digit: int, confidence: float = 0.99) -> np.ndarray:
    answer = np.full(10, (1 - confidence) / 9, np.float32)
    answer[digit] = confidence
    return answer


def strokes(hypotheses: list[Hypothesis]) -> list[float]:
    return to_mnist([hypothesis.component.ink for hypothesis in hypotheses])[1]


def columns(hypotheses: list[Hypothesis]) -> np.ndarray:
    """FEATURES where the network reads a 1 everywhere."""
    answers = np.array([sure(1)] * len(hypotheses), np.float32)
    views = features(hypotheses, strokes(hypotheses), answers, SHAPE)
    return np.array([[values.get(name, 0) for name in FEATURES] for values in views])


def test_softmax_of_linear_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scores of each hypothesis, of "several" and of "none", which is 0."""
    monkeypatch.setattr(weights, "RANKER", {k: float(k == "main") for k in FEATURES})
    monkeypatch.setattr(weights, "SEVERAL", {k: 2.0 * (k == "several") for k in SEVERAL_FEATURES})
    hypotheses = [made(), made("second", BESIDE)]
    ranking = rank(hypotheses, strokes(hypotheses), np.array([sure(3), sure(4)]), SHAPE)
    expected = np.exp([1.0, 0.0, 2.0, 0.0])
    actual = [*ranking.hypothesis_probabilities, ranking.several, ranking.none]
    assert actual == pytest.approx((expected / expected.sum()).tolist())


MIDDLE, CORNER, WHOLE = Box(100, 50, 200, 150), Box(0, 0, 20, 20), Box(0, 0, 300, 200)
SMALL, LARGE = Box(50, 50, 60, 60), Box(50, 50, 90, 90)


@pytest.mark.parametrize(
    ("name", "hypotheses", "expected"),
    [
        ("crop", [made(), made("crop")], [0, 1]),
        ("inverted", [made(), made(inverted=True)], [0, 1]),
        ("distance", [made(box=CORNER)], [(10 / 150 - 1) ** 2 + (10 / 100 - 1) ** 2]),
        ("border", [made(box=MIDDLE), made(box=CORNER), made(box=WHOLE)], [0, 2, 4]),
        ("size", [made(box=WHOLE), made(box=MIDDLE)], [0, math.log(1 / 3)]),
        ("contrast", [made(level=255), made(level=51)], [0, math.log(0.2)]),
        ("unevenness", [made(), made(level=51, unevenness=0.2)], [0, math.log(2)]),
        ("enlarged", [made(box=SMALL), made(box=LARGE)], [math.log(DIGIT_SIDE / 10), 0]),
        # Fainter ink may be the lines of ruled paper.
        ("dark, no lines", [made("dark"), made("main")], [1, 0]),
        ("dark, no lines", [made("dark"), made("main"), made("unruled")], [0, 0, 0]),
    ],
)
def test_features(name: str, hypotheses: list[Hypothesis], expected: list[float]) -> None:
    assert columns(hypotheses)[:, FEATURES.index(name)] == pytest.approx(expected)


UNSURE = 0.4  # the largest probability of a digit by a ranker in doubt
SIX = (17.0, 12.0, 47.0, 52.0)  # the box in the sample picture, which has 64x64 pixels


def test_combination_of_independent_observers() -> None:
    ranking = Ranking(np.full(10, 0.1), np.array([0.6, 0.2]), 0.0, 0.2)
    answers = np.eye(10, dtype=np.float32)[[3, 5]]
    combined = ranking.combine(answers, Evidence(0.5 * np.eye(10)[5], 0.4, 0.1))
    assert combined.several == pytest.approx(0.4)
    three, five = 0.6 * 0.1, 0.2 * (0.5 + 0.1) + 0.2 * 0.5
    share = 0.6 / (three + five + 0.2 * 0.1)
    assert combined.none == pytest.approx(0.2 * 0.1 * share)
    spread = (0.4 + combined.none) / 10
    expected = [three * share + spread, five * share + spread]
    assert combined.probabilities[[3, 5]] == pytest.approx(expected)
    # The second hypothesis shows what the detector sees.
    assert combined.hypothesis_probabilities == pytest.approx([three * share, five * share])


@pytest.fixture
def doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the ranker unsure of every picture."""

    def doubting(*arguments: Any) -> Ranking:
        sure = rank(*arguments)
        share = UNSURE * sure.hypothesis_probabilities / sure.hypothesis_probabilities.sum()
        probabilities = UNSURE * sure.probabilities / sure.probabilities.sum() + (1 - UNSURE) / 10
        return Ranking(probabilities, share, 0.0, 1 - UNSURE)

    monkeypatch.setattr("digits.vision.candidates.rank", doubting)


@pytest.mark.usefixtures("doubt")
def test_agreement_rescues_an_unsure_digit_and_disagreement_rejects(
    monkeypatch: pytest.MonkeyPatch, pictures: list[Path]
) -> None:
    show(monkeypatch, [], (64, 64))
    alone = Classifier().predict(pictures[6])
    assert (alone.digit, alone.top1, alone.status) == (None, 6, "none")
    show(monkeypatch, [Drawn("6", SIX, 9.0)], (64, 64))
    prediction = Classifier().predict(pictures[6])
    assert (prediction.digit, prediction.status, prediction.box) == (6, "sure", alone.box)
    assert prediction.confidence == max(prediction.probabilities) > alone.confidence + 0.3
    assert sum(prediction.probabilities) == pytest.approx(1)
    show(monkeypatch, [Drawn("0", SIX, 0.4)], (64, 64))
    rejected = Classifier().predict(pictures[6])
    assert (rejected.digit, rejected.status, rejected.note) == (None, "unsure", "")


@pytest.mark.parametrize(
    ("chances", "threshold", "status"),
    [
        ((0.51, 0.0, 0.9), 0.1, "several"),
        ((0.51, 0.0, 0.9), 0.0, "sure"),
        ((0.50, 0.0, 0.9), 0.9, "sure"),
        ((0.26, 0.1, 0.5), 0.6, "several"),  # more than half of the doubt
        ((0.25, 0.2, 0.5), 0.6, "unsure"),
        ((0.10, 0.51, 0.2), 0.6, "none"),
        ((0.10, 0.50, 0.2), 0.6, "unsure"),
    ],
)
def test_status(
    pictures: list[Path], chances: tuple[float, float, float], threshold: float, status: str
) -> None:
    several, none, confidence = chances
    [seen] = examine_by_classifier(Classifier().model, [picture.load(pictures[6])])
    digits = np.where(np.arange(10) == 3, confidence, (1 - confidence) / 9)
    ranking = Ranking(digits, seen.ranking.hypothesis_probabilities, several, none)
    prediction = seen._replace(ranking=ranking).prediction(threshold)
    assert (prediction.status, prediction.digit) == (status, 3 if status == "sure" else None)
    assert ("digits read" in prediction.note) == (status == "several")
