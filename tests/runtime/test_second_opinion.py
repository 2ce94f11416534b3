"""The reader's look at pictures of one digit that the judge doubts. No network here is trained."""

import dataclasses
import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import digits
from digits.classifier import NOTE_MULTIPLE
from digits.data.mnist import Split
from digits.errors import ModelError
from digits.inference import metadata
from digits.inference.interface import SYMBOLS
from digits.inference.model_file import BUNDLED, BUNDLED_READER
from digits.inference.reader_model import ReaderModel
from digits.reader.detections import Detections
from digits.reader.page import find_symbols
from digits.second_opinion import Opinion, combine, weigh
from digits.vision.judge import Judgement, judge
from tests.runtime.reader.drawn import Drawn, Network, row_of
from tests.synthetic import Sheet, chosen

Show = Callable[..., Network]
UNSURE = 0.4  # the largest probability of a digit by a judge in doubt
SHAPE = 64, 64  # of the sample picture of a 6


def found(*drawn: Drawn) -> Detections:
    """What a reader found: boxes, log odds, and symbols that it is nearly sure of."""
    symbols = np.full((len(drawn), len(SYMBOLS)), np.log(0.01 / 11))
    for row, one in zip(symbols, drawn, strict=True):
        row[SYMBOLS.index(one.symbol)] = np.log(0.99)
    boxes = np.array([one.box for one in drawn], np.float64).reshape(-1, 4)
    return Detections(np.array([one.score for one in drawn], np.float64), symbols, boxes)


def at(symbol: str, left: float, score: float, height: float = 40) -> Drawn:
    return Drawn(symbol, (left, 0, left + 0.6 * height, height), score)


def test_nothing_found_is_no_digit() -> None:
    for nothing in (found(), found(at("-", 0, 9)), found(at(".", 0, 9))):
        opinion = weigh(nothing)
        assert opinion.none == 1 and opinion.several == 0
        assert opinion.probabilities.tolist() == [0] * 10


@pytest.mark.parametrize("score", [-2.0, 0.0, 1.0, 5.0, 500.0])
def test_lone_digit_is_as_probable_as_its_log_odds_say(score: float) -> None:
    opinion = weigh(found(at("7", 0, score)))
    present = 1 / (1 + np.exp(-score))
    assert opinion.probabilities[7] == pytest.approx(0.99 * present)
    assert opinion.probabilities.sum() + opinion.none == pytest.approx(1)
    assert opinion.several == 0


def test_second_digit_is_as_probable_as_its_log_odds_say() -> None:
    for score in (-2.0, 0.0, 3.0):
        opinion = weigh(found(at("1", 0, 20), at("2", 40, score)))
        assert opinion.several == pytest.approx(1 / (1 + np.exp(-score)))
        assert opinion.probabilities.argmax() == 1


@pytest.mark.parametrize(
    "other",
    [
        at("4", 6, 6),  # the same place
        at("2", 40, 6, height=15),  # dirt, or a number in a corner
        at("2", 40, 6, height=90),  # the edge of a sheet
        at(".", 40, 6),
        at("-", 40, 6),
    ],
)
def test_what_is_no_second_digit(other: Drawn) -> None:
    opinion = weigh(found(at("9", 0, 7), other))
    assert opinion.several == 0
    assert opinion.probabilities[9] > 0.98


def test_opinion_of_drawn_numbers() -> None:
    shape = 200, 300
    page = np.full(shape, 255, np.uint8)
    seven = weigh(find_symbols(page, Network(row_of("7", 120, 50, 80), shape)))
    assert seven.probabilities[7] > 0.95
    for text in ("12", "10", "11", "111"):
        opinion = weigh(find_symbols(page, Network(row_of(text, 60, 50, 80), shape)))
        assert opinion.several > 0.95
        total = opinion.probabilities.sum() + opinion.several + opinion.none
        assert total == pytest.approx(1)


def opinion_of(digit: int, probability: float, several: float = 0.0) -> Opinion:
    return Opinion(probability * np.eye(10)[digit], several, 1 - probability - several)


def assert_valid(judgement: Judgement) -> None:
    assert judgement.probabilities.sum() == pytest.approx(1)
    whole = judgement.hypotheses.sum() + judgement.several + judgement.none
    assert whole == pytest.approx(1)
    assert min(judgement.probabilities.min(), judgement.several, judgement.none) >= 0


def test_combination_of_independent_observers() -> None:
    answers = np.eye(10, dtype=np.float32)[[3, 5]]
    judgement = Judgement(np.full(10, 0.1), np.array([0.6, 0.2]), 0.0, 0.2)
    combined = combine(judgement, answers, opinion_of(5, 0.9))
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


def test_who_sees_nothing_says_nothing() -> None:
    answers = np.array([[0.0, 0.9, 0.1, *[0] * 7]], np.float32)
    judgement = Judgement(np.full(10, 0.1), np.array([0.7]), 0.2, 0.1)
    nothing, certain = Opinion(np.zeros(10), 0.0, 1.0), Opinion(np.eye(10)[7], 0.0, 0.0)
    combined = combine(judgement, answers, nothing)
    assert combined.probabilities[1] == pytest.approx(0.63 + 0.3 / 10, abs=1e-6)
    assert (combined.several, combined.none) == pytest.approx((0.2, 0.1), abs=1e-6)
    blind = Judgement(np.full(10, 0.1), np.zeros(1), 0.0, 1.0)
    assert combine(blind, answers, certain).probabilities[7] == pytest.approx(1)


def test_contradiction_of_the_certain_is_a_tie() -> None:
    judgement = Judgement(np.full(10, 0.1), np.ones(1), 0.0, 0.0)
    combined = combine(judgement, np.eye(10, dtype=np.float32)[[3]], opinion_of(5, 1.0))
    assert_valid(combined)
    assert combined.probabilities[[3, 5]] == pytest.approx([0.5, 0.5], abs=1e-3)


@pytest.mark.parametrize("judged", [0.0, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("seen", [0.0, 0.3, 0.9, 1.0])
def test_several_are_there_if_either_sees_them(judged: float, seen: float) -> None:
    answers = np.eye(10, dtype=np.float32)[[4]]
    judgement = Judgement(np.full(10, 0.1), np.array([1 - judged]), judged, 0.0)
    combined = combine(judgement, answers, opinion_of(4, 1 - seen, seen))
    assert_valid(combined)
    assert combined.several == pytest.approx(1 - (1 - judged) * (1 - seen))
    assert combined.probabilities[4] == pytest.approx(1 - 0.9 * combined.several)


def test_combination_where_no_hypothesis_shows_the_readers_digit() -> None:
    answers = np.eye(10, dtype=np.float32)[[3, 5]]
    judgement = Judgement(np.full(10, 0.1), np.array([0.3, 0.1]), 0.2, 0.4)
    for opinion in (opinion_of(8, 0.9), opinion_of(0, 0.0), opinion_of(1, 0.0, 1.0)):
        combined = combine(judgement, answers, opinion)
        assert_valid(combined)
        assert combined.hypotheses[0] == pytest.approx(3 * combined.hypotheses[1])


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch) -> Show:
    """Let every reader see symbols in a picture of this shape."""

    def show(drawn: Sequence[Drawn], shape: tuple[int, int] = SHAPE) -> Network:
        network = Network(list(drawn), shape)
        monkeypatch.setattr(ReaderModel, "maps", lambda self, page: network(page))
        return network

    return show


@pytest.fixture
def doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the judge unsure of every picture."""

    def doubting(*arguments: Any) -> Judgement:
        own = judge(*arguments)
        share = UNSURE * own.hypotheses / own.hypotheses.sum()
        spread = (1 - UNSURE) / 10
        digits = UNSURE * own.probabilities / own.probabilities.sum()
        return Judgement(digits + spread, share, 0.0, 1 - UNSURE)

    monkeypatch.setattr("digits.classifier.judge", doubting)


@pytest.fixture
def six(pictures: list[Path]) -> Path:
    return pictures[6]


def drawn_six(score: float = 9.0, symbol: str = "6") -> list[Drawn]:
    return [Drawn(symbol, (17, 12, 47, 52), score)]


@pytest.mark.usefixtures("doubt")
def test_agreement_rescues_an_unsure_digit(show: Show, six: Path) -> None:
    show([])
    alone = digits.Classifier().predict(six)
    assert alone.digit is None and alone.top1 == 6
    network = show(drawn_six())
    prediction = digits.Classifier().predict(six)
    assert network.shapes
    assert prediction.digit == 6 and not prediction.note
    assert prediction.confidence == max(prediction.probabilities) > alone.confidence + 0.3
    assert sum(prediction.probabilities) == pytest.approx(1)
    assert (prediction.box, prediction.top1) == (alone.box, 6)
    assert prediction.frame is not None and (prediction.frame == alone.frame).all()


@pytest.mark.usefixtures("doubt")
def test_disagreement_rejects(show: Show, six: Path) -> None:
    show(drawn_six(symbol="0", score=0.4))
    prediction = digits.Classifier().predict(six)
    assert prediction.digit is None and not prediction.note
    assert prediction.confidence < 0.6
    show(drawn_six(symbol="0"))  # the judge may have seen nothing, the reader has seen it surely
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
    """However sure the judge is of one of them, and however much the model accepts."""
    sure = Judgement(np.eye(10)[sure_of], np.zeros(0), 0.0, 0.0)
    monkeypatch.setattr(
        "digits.classifier.judge",
        lambda found, *_: sure._replace(hypotheses=np.full(len(found), 1 / len(found))),
    )
    classifier = digits.Classifier()
    classifier.threshold = 0.1
    show(one_and_two(9.0), two.shape)
    prediction = classifier.predict(two)
    assert prediction.digit is None and prediction.note == NOTE_MULTIPLE
    show(one_and_two(-9.0)[:1], two.shape)  # nothing is beside it
    assert classifier.predict(two).digit in (1, sure_of)
    show(one_and_two(9.0), two.shape)
    accepted = digits.Classifier(reject=False).predict(two)
    assert accepted.digit == accepted.top1 and not accepted.note


def test_doubt_about_several_digits_is_noted(show: Show, two: np.ndarray) -> None:
    show(one_and_two(9.0), two.shape)
    [examined] = digits.Classifier().examine([two])
    assert examined.opinion is not None and examined.opinion.several > 0.9
    assert digits.Classifier().prediction(examined).note == NOTE_MULTIPLE


def test_sure_picture_does_not_open_the_reader(
    pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITS_READER", str(tmp_path / "missing.onnx"))
    classifier = digits.Classifier()
    for examined in classifier.examine([*pictures, Image.new("L", (50, 50), 200)]):
        assert examined.opinion is None
    assert classifier._reader is None


@pytest.mark.usefixtures("doubt")
def test_unusable_reader_is_a_model_error(
    tmp_path: Path, six: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "damaged.onnx").write_bytes(b"no model")
    for file in (tmp_path / "damaged.onnx", tmp_path / "missing.onnx"):
        monkeypatch.setenv("DIGITS_READER", str(file))
        with pytest.raises(ModelError, match=file.name):
            digits.Classifier().predict(six)
    with pytest.raises(ModelError, match="SHA-256"):
        digits.Classifier(reader=BUNDLED_READER, reader_sha256="0" * 64).predict(six)


@pytest.mark.usefixtures("doubt")
def test_threads_share_one_reader(show: Show, six: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    class Counted(ReaderModel):
        def __init__(self, *arguments: Any) -> None:
            opened.append(arguments)
            super().__init__(*arguments)

    show(drawn_six())
    monkeypatch.setattr("digits.inference.reader_model.ReaderModel", Counted)
    classifier = digits.Classifier()
    expected = digits.Classifier().predict(six)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(classifier.predict, [six] * 16)) == [expected] * 16
    assert len(opened) == 2  # one for each classifier


@pytest.mark.usefixtures("doubt")
def test_batch_and_copy_give_the_same(show: Show, six: Path, pictures: list[Path]) -> None:
    show(drawn_six())
    classifier = digits.Classifier()
    alone = classifier.predict(six)
    batch = classifier.predict_batch([pictures[1], six, Image.new("L", (50, 50), 200)])
    assert batch[1].digit == alone.digit == 6
    assert batch[1].probabilities == pytest.approx(alone.probabilities, abs=1e-5)
    assert batch[2].note == "no ink found"
    assert pickle.loads(pickle.dumps(classifier)).predict(six) == alone


def test_rejection_off_asks_for_the_same_pictures(show: Show, six: Path, tmp_path: Path) -> None:
    """What is doubtful depends on the model alone."""
    raw = Path(BUNDLED).read_bytes()
    strict = dataclasses.replace(metadata.read(raw, ""), rejection_threshold=1.0)
    (tmp_path / "strict.onnx").write_bytes(metadata.add_metadata(raw, strict))
    show(drawn_six())
    [examined] = digits.Classifier(tmp_path / "strict.onnx", reject=False).examine([six])
    assert examined.opinion is not None
