"""The ensemble of ranker and reader, where the ranker doubts. No network here is trained."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digits import Classifier
from digits.data.mnist import Split
from digits.vision.ranker import Evidence, Ranking, rank
from tests.runtime.reader.drawn import Drawn, show
from tests.synthetic import Sheet, chosen

UNSURE = 0.4  # the largest probability of a digit by a ranker in doubt
SIX = (17.0, 12.0, 47.0, 52.0)  # the box in the sample picture, which has 64x64 pixels


def test_combination_of_independent_observers() -> None:
    ranking = Ranking(np.full(10, 0.1), np.array([0.6, 0.2]), 0.0, 0.2)
    answers = np.eye(10, dtype=np.float32)[[3, 5]]
    combined = ranking.combine(answers, Evidence(0.9 * np.eye(10)[5], 0.0, 0.1))
    assert combined.several == 0
    three, five = 0.6 * 0.1, 0.2 * (0.9 + 0.1) + 0.2 * 0.9
    total = three + five + 0.2 * 0.1
    assert combined.none == pytest.approx(0.2 * 0.1 / total)
    spread = combined.none / 10
    assert combined.probabilities[5] == pytest.approx(five / total + spread)
    assert combined.probabilities[3] == pytest.approx(three / total + spread)
    # The second hypothesis shows what the reader sees.
    assert combined.hypotheses == pytest.approx([three / total, five / total])


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
    assert prediction.frame is not None and (prediction.frame == alone.frame).all()
    show(monkeypatch, [Drawn("0", SIX, 0.4)], (64, 64))
    rejected = Classifier().predict(pictures[6])
    assert (rejected.digit, rejected.status, rejected.note) == (None, "unsure", "")
    # The ranker may have seen nothing, the reader has seen it surely.
    show(monkeypatch, [Drawn("0", SIX, 9.0)], (64, 64))
    assert Classifier().predict(pictures[6]).digit == 0


@pytest.mark.parametrize("sure_of", [2, 1])
def test_several_digits_are_never_a_sure_one(
    test_slice: Split, monkeypatch: pytest.MonkeyPatch, sure_of: int
) -> None:
    """However sure the ranker is of one of them, and however low the threshold."""
    sheet = Sheet(200, 400)
    sheet.write(chosen(test_slice, "12"), 80, 40, size=110, gap=60)
    photo, classifier = sheet.photograph(), Classifier(threshold=0.1)
    assert classifier.predict(photo).digit is None

    def sure(hypotheses: list[Any], *_: object) -> Ranking:
        shares = np.full(len(hypotheses), 1 / len(hypotheses))
        return Ranking(np.eye(10)[sure_of], shares, 0.0, 0.0)

    monkeypatch.setattr("digits.vision.candidates.rank", sure)
    left, right = Drawn("1", (80, 40, 110, 150), 9.0), Drawn("2", (170, 40, 240, 150), 9.0)
    show(monkeypatch, [left, right], photo.shape)
    prediction = classifier.predict(photo)
    assert (prediction.digit, prediction.status) == (None, "several")
    assert "digits read" in prediction.note
    accepted = Classifier(threshold=0).predict(photo)
    assert (accepted.digit, accepted.status) == (accepted.top1, "sure")
    show(monkeypatch, [left], photo.shape)  # nothing is beside it
    assert classifier.predict(photo).digit in (1, sure_of)
