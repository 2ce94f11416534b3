"""The ensemble of ranker and reader, where the ranker doubts. No network here is trained."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digits import Classifier
from digits.images import picture
from digits.vision.candidates import examine_alone
from digits.vision.ranker import Evidence, Ranking, rank
from tests.runtime.reader.drawn import Drawn, show

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
    # The second hypothesis shows what the reader sees.
    assert combined.hypotheses == pytest.approx([three * share, five * share])


@pytest.fixture
def doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the ranker unsure of every picture."""

    def doubting(*arguments: Any) -> Ranking:
        sure = rank(*arguments)
        share = UNSURE * sure.hypotheses / sure.hypotheses.sum()
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
    [seen] = examine_alone(Classifier().model, [picture.load(pictures[6])])
    digits = np.where(np.arange(10) == 3, confidence, (1 - confidence) / 9)
    ranking = Ranking(digits, seen.ranking.hypotheses, several, none)
    prediction = seen._replace(ranking=ranking).prediction(threshold)
    assert (prediction.status, prediction.digit) == (status, 3 if status == "sure" else None)
    assert ("digits read" in prediction.note) == (status == "several")
