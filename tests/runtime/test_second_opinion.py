"""The reader's look at pictures of one digit that the judge doubts. No network here is trained."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from digits.second_opinion import Opinion, combine, weigh
from PIL import Image

import digits
from digits.data.mnist import Split
from digits.errors import ModelError
from digits.inference import metadata
from digits.inference.interface import SYMBOLS
from digits.inference.model_file import BUNDLED, BUNDLED_READER
from digits.inference.reader_model import ReaderModel
from digits.reader.detections import Detections
from digits.reader.page import find_symbols
from digits.vision.ranker import Judgement, judge
from tests.runtime.reader.drawn import Drawn, Network, row_of
from tests.synthetic import Sheet, chosen, lamp, shadow

Show = Callable[..., Network]
UNSURE = 0.4  # the largest probability of a digit by a judge in doubt
ANSWERS = np.eye(10, dtype=np.float32)


def detections(*drawn: Drawn) -> Detections:
    """What a reader found: boxes, log odds, and symbols that it is nearly sure of."""
    symbols = np.full((len(drawn), len(SYMBOLS)), np.log(0.01 / 11))
    for row, symbol in enumerate(drawn):
        symbols[row, SYMBOLS.index(symbol.symbol)] = np.log(0.99)
    boxes = np.array([symbol.box for symbol in drawn], np.float64).reshape(-1, 4)
    return Detections(np.array([symbol.score for symbol in drawn], np.float64), symbols, boxes)


def at(symbol: str, left: float, score: float, height: float = 40) -> Drawn:
    return Drawn(symbol, (left, 0, left + 0.6 * height, height), score)


@pytest.mark.parametrize("drawn", [[], [at("-", 0, 9)], [at(".", 0, 9)]])
def test_without_digits_it_sees_none(drawn: list[Drawn]) -> None:
    opinion = weigh(detections(*drawn))
    assert (opinion.none, opinion.several) == (1, 0)
    assert not opinion.probabilities.any()


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
    opinion = weigh(detections(at("9", 0, 7), beside))
    assert opinion.several == 0
    assert opinion.probabilities[9] > 0.98


def test_opinion_of_drawn_numbers() -> None:
    page = np.full((200, 300), 255, np.uint8)
    for text in ("7", "12", "10", "11", "111"):
        opinion = weigh(find_symbols(page, Network(row_of(text, 60, 50, 80), (200, 300))))
        likeliest = opinion.several if len(text) > 1 else opinion.probabilities[int(text)]
        assert likeliest > 0.95
        assert opinion.probabilities.sum() + opinion.several + opinion.none == pytest.approx(1)


def judgement_of(*hypotheses: float, several: float = 0.0) -> Judgement:
    none = 1 - sum(hypotheses) - several
    return Judgement(np.full(10, 0.1), np.array(hypotheses), several, none)


def opinion_of(digit: int, probability: float, several: float = 0.0) -> Opinion:
    return Opinion(probability * np.eye(10)[digit], several, 1 - probability - several)


def assert_valid(judgement: Judgement) -> None:
    assert judgement.probabilities.sum() == pytest.approx(1)
    whole = judgement.hypotheses.sum() + judgement.several + judgement.none
    assert whole == pytest.approx(1)
    assert min(judgement.probabilities.min(), judgement.several, judgement.none) >= 0


def test_combination_of_independent_observers() -> None:
    combined = combine(judgement_of(0.6, 0.2), ANSWERS[[3, 5]], opinion_of(5, 0.9))
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
    combined = combine(judgement_of(0.7, several=0.2), answers, opinion_of(0, 0.0))
    assert combined.probabilities[1] == pytest.approx(0.63 + 0.3 / 10, abs=1e-6)
    assert (combined.several, combined.none) == pytest.approx((0.2, 0.1), abs=1e-6)
    blind = combine(judgement_of(0.0), answers, opinion_of(7, 1.0))
    assert blind.probabilities[7] == pytest.approx(1)


def test_contradiction_of_the_certain_is_a_tie() -> None:
    combined = combine(judgement_of(1.0), ANSWERS[[3]], opinion_of(5, 1.0))
    assert_valid(combined)
    assert combined.probabilities[[3, 5]] == pytest.approx([0.5, 0.5], abs=1e-3)


@pytest.mark.parametrize("judged", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("seen", [0.0, 0.3, 1.0])
def test_several_are_there_if_either_sees_them(judged: float, seen: float) -> None:
    judgement = judgement_of(1 - judged, several=judged)
    combined = combine(judgement, ANSWERS[[4]], opinion_of(4, 1 - seen, seen))
    assert_valid(combined)
    assert combined.several == pytest.approx(1 - (1 - judged) * (1 - seen))
    assert combined.probabilities[4] == pytest.approx(1 - 0.9 * combined.several)


def test_combination_where_no_hypothesis_shows_the_readers_digit() -> None:
    judgement = judgement_of(0.3, 0.1, several=0.2)
    for opinion in (opinion_of(8, 0.9), opinion_of(0, 0.0), opinion_of(1, 0.0, 1.0)):
        combined = combine(judgement, ANSWERS[[3, 5]], opinion)
        assert_valid(combined)
        assert combined.hypotheses[0] == pytest.approx(3 * combined.hypotheses[1])


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
    """Make the judge unsure of every picture."""

    def doubting(*arguments: Any) -> Judgement:
        sure = judge(*arguments)
        share = UNSURE * sure.hypotheses / sure.hypotheses.sum()
        probabilities = UNSURE * sure.probabilities / sure.probabilities.sum() + (1 - UNSURE) / 10
        return Judgement(probabilities, share, 0.0, 1 - UNSURE)

    monkeypatch.setattr("digits.examination.judge", doubting)


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
    """However sure the judge is of one of them, and however low the threshold."""
    sure = Judgement(np.eye(10)[sure_of], np.zeros(0), 0.0, 0.0)
    monkeypatch.setattr(
        "digits.examination.judge",
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


def page_of_numbers(split: Split, random: np.random.Generator) -> np.ndarray:
    """A photo of one to three lines of digits of any size, on plain, ruled or squared paper."""
    height, width = map(int, random.integers(200, 900, 2))
    size = int(random.integers(20, min(height // 4, width // 5)))
    sheet = Sheet(height, width)
    if random.random() < 0.5:
        sheet.rule(size * 3 // 2, bool(random.random() < 0.5), 170)
    lines = int(random.integers(1, min(3, height * 2 // (3 * size) - 1) + 1))
    for line in range(lines):
        count = int(random.integers(2, min(9, width // size - 2) + 1))
        text = "".join(map(str, random.integers(0, 10, count)))
        sheet.write(
            chosen(split, text, start=int(random.integers(100))),
            size,
            size + line * size * 3 // 2,
            size,
            max(2, size // 8),
        )
    light = (None, lamp(height, width), shadow(height, width))[int(random.integers(3))]
    return sheet.photograph(random.uniform(-4, 4), light, noise=random.uniform(0, 6))


def test_page_of_numbers_is_never_a_sure_digit(
    classifier: digits.Classifier, test_slice: Split
) -> None:
    random = np.random.default_rng(44)
    pages = [page_of_numbers(test_slice, random) for _ in range(40)]
    assert "sure" not in {answer.status for answer in classifier.predict_batch(pages)}


def test_digit_without_anything_else_does_not_open_the_reader(
    test_slice: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITS_READER", str(tmp_path / "missing.onnx"))
    [seven] = chosen(test_slice, "7")
    ink = Image.fromarray(seven).resize((280, 280), Image.Resampling.BICUBIC)
    drawing = Image.new("L", ink.size, 255)
    drawing.paste(0, mask=ink.point(lambda value: 255 * (value > 127)))
    answers = digits.Classifier().predict_batch([seven, drawing, Image.new("L", (50, 50), 200)])
    assert [answer.digit for answer in answers] == [7, 7, None]


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
def test_batch_gives_the_same(show: Show, six: Path, pictures: list[Path]) -> None:
    show(drawn_six())
    classifier = digits.Classifier()
    alone = classifier.predict(six)
    batch = classifier.predict_batch([pictures[1], six, Image.new("L", (50, 50), 200)])
    assert batch[1].digit == alone.digit == 6
    assert batch[1].probabilities == pytest.approx(alone.probabilities, abs=1e-5)
    assert batch[2].status == "blank"


def test_doubt_depends_on_the_model_alone(show: Show, six: Path, tmp_path: Path) -> None:
    """A threshold of one's own doesn't change which pictures the reader is asked about."""
    raw = Path(BUNDLED).read_bytes()
    strict = dataclasses.replace(metadata.read(raw, "", metadata.Metadata), rejection_threshold=1.0)
    (tmp_path / "strict.onnx").write_bytes(metadata.add_metadata(raw, strict))
    network = show(drawn_six())
    digits.Classifier(tmp_path / "strict.onnx", threshold=0).predict(six)
    assert network.shapes
