"""The ensemble of ranker and reader, where the ranker doubts. No network here is trained."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import digits
from digits.data.mnist import Split
from digits.inference.reader_model import ReaderModel
from digits.vision.ensemble import Evidence, combine
from digits.vision.ranker import Ranking, rank
from tests.runtime.reader.drawn import Drawn, Network
from tests.synthetic import Sheet, chosen

Show = Callable[..., Network]
UNSURE = 0.4  # the largest probability of a digit by a ranker in doubt
ANSWERS = np.eye(10, dtype=np.float32)


def ranking_of(*hypotheses: float, several: float = 0.0) -> Ranking:
    none = 1 - sum(hypotheses) - several
    return Ranking(np.full(10, 0.1), np.array(hypotheses), several, none)


def evidence_of(digit: int, probability: float, several: float = 0.0) -> Evidence:
    return Evidence(probability * np.eye(10)[digit], several, 1 - probability - several)


def assert_valid(ranking: Ranking) -> None:
    assert ranking.probabilities.sum() == pytest.approx(1)
    whole = ranking.hypotheses.sum() + ranking.several + ranking.none
    assert whole == pytest.approx(1)
    assert min(ranking.probabilities.min(), ranking.several, ranking.none) >= 0


def test_combination_of_independent_observers() -> None:
    combined = combine(ranking_of(0.6, 0.2), ANSWERS[[3, 5]], evidence_of(5, 0.9))
    assert_valid(combined)
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
def show(monkeypatch: pytest.MonkeyPatch) -> Show:
    """Let every reader see symbols in a picture of this shape, by default that of `six`."""

    def show(drawn: Sequence[Drawn], shape: tuple[int, int] = (64, 64)) -> Network:
        network = Network(list(drawn), shape)
        monkeypatch.setattr(ReaderModel, "maps", lambda self, page: network(page))
        return network

    return show


@pytest.fixture
def doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the ranker unsure of every picture."""

    def doubting(*arguments: Any) -> Ranking:
        sure = rank(*arguments)
        share = UNSURE * sure.hypotheses / sure.hypotheses.sum()
        probabilities = UNSURE * sure.probabilities / sure.probabilities.sum() + (1 - UNSURE) / 10
        return Ranking(probabilities, share, 0.0, 1 - UNSURE)

    monkeypatch.setattr("digits.vision.candidates.rank", doubting)


@pytest.fixture
def six(pictures: list[Path]) -> Path:
    return pictures[6]


def drawn_six(score: float = 9.0, symbol: str = "6") -> list[Drawn]:
    return [Drawn(symbol, (17, 12, 47, 52), score)]


@pytest.mark.usefixtures("doubt")
def test_agreement_rescues_an_unsure_digit(show: Show, six: Path) -> None:
    show([])
    alone = digits.Classifier().predict(six)
    assert (alone.digit, alone.top1, alone.status) == (None, 6, "none")
    network = show(drawn_six())
    prediction = digits.Classifier().predict(six)
    assert network.shapes
    assert (prediction.digit, prediction.top1, prediction.status) == (6, 6, "sure")
    assert prediction.confidence == max(prediction.probabilities) > alone.confidence + 0.3
    assert sum(prediction.probabilities) == pytest.approx(1)
    assert prediction.box == alone.box
    assert prediction.frame is not None and (prediction.frame == alone.frame).all()


@pytest.mark.usefixtures("doubt")
def test_disagreement_rejects(show: Show, six: Path) -> None:
    show(drawn_six(symbol="0", score=0.4))
    prediction = digits.Classifier().predict(six)
    assert (prediction.digit, prediction.status, prediction.note) == (None, "unsure", "")
    assert prediction.confidence < 0.6
    show(drawn_six(symbol="0"))  # the ranker may have seen nothing, the reader has seen it surely
    assert digits.Classifier().predict(six).digit == 0


@pytest.fixture
def two(test_slice: Split) -> np.ndarray:
    """A photo of "12", 200 pixels high and 400 wide."""
    sheet = Sheet(200, 400)
    sheet.write(chosen(test_slice, "12"), 80, 40, size=110, gap=60)
    return sheet.photograph()


def one_and_two(score: float) -> list[Drawn]:
    return [Drawn("1", (80, 40, 110, 150), 9.0), Drawn("2", (170, 40, 240, 150), score)]


@pytest.mark.parametrize("sure_of", [2, 1])
def test_several_digits_are_never_a_sure_one(
    show: Show, two: np.ndarray, monkeypatch: pytest.MonkeyPatch, sure_of: int
) -> None:
    """However sure the ranker is of one of them, and however low the threshold."""
    sure = Ranking(np.eye(10)[sure_of], np.zeros(0), 0.0, 0.0)
    monkeypatch.setattr(
        "digits.vision.candidates.rank",
        lambda hypotheses, *_: sure._replace(
            hypotheses=np.full(len(hypotheses), 1 / len(hypotheses))
        ),
    )
    classifier = digits.Classifier(threshold=0.1)
    show(one_and_two(9.0), two.shape)
    prediction = classifier.predict(two)
    assert (prediction.digit, prediction.status) == (None, "several")
    assert "digits read" in prediction.note
    accepted = digits.Classifier(threshold=0).predict(two)
    assert (accepted.digit, accepted.status) == (accepted.top1, "sure")
    show(one_and_two(-9.0)[:1], two.shape)  # nothing is beside it
    assert classifier.predict(two).digit in (1, sure_of)


def test_photo_of_a_number_is_no_digit(classifier: digits.Classifier, two: np.ndarray) -> None:
    assert classifier.predict(two).digit is None
