"""The computations behind the figures of the benchmarks."""

import importlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from benchmarks import held_back, nondigits, reader, seeds, strokes, whole_numbers
from benchmarks.reader_pictures import Picture
from PIL import Image, ImageDraw

from digits.classifier import Classifier
from digits.constraints.automaton import accepts_text
from digits.data.mnist import Split
from digits_train.camera import fonts
from digits_train.camera.glyphs import font_writers
from digits_train.matching import LabelledPage, Truth
from tests.train import small_materials

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(file.stem for file in ROOT.glob("benchmarks/*.py")))
def test_benchmark_can_be_started(name: str) -> None:
    try:
        importlib.import_module(f"benchmarks.{name}")
    except ModuleNotFoundError as error:  # those of the dependency group `bench`
        assert error.name and error.name.split(".")[0] not in ("benchmarks", "digits", "tests")


@pytest.mark.slow
@pytest.mark.usefixtures("slice_as_mnist")
def test_seeds_go_on_where_they_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["seeds", "--recipe", "classic", "--epochs", "2", "--device", "cpu"]
    monkeypatch.setattr("sys.argv", [*command, "--count", "2", "--out", str(tmp_path)])
    assert seeds.main() == 0
    first = capsys.readouterr().out
    assert "mean of 2" in first and "standard error" in first
    (tmp_path / "lenet5-classic-2-0" / "export.json").unlink()
    for path in (tmp_path / "lenet5-classic-2-1").iterdir():
        path.unlink()
    assert seeds.main() == 0
    again = capsys.readouterr().out
    assert [line.split()[:5] for line in again.splitlines()] == [
        line.split()[:5] for line in first.splitlines()
    ]


@pytest.mark.slow
def test_most_nondigits_are_rejected(classifier: Classifier) -> None:
    """`python -m benchmarks.nondigits` measures the exact rate; this is a lower bound."""
    random = np.random.default_rng(0)
    drawn = [nondigits.drawing(random) for _ in range(100)]
    rejected = sum(prediction.digit is None for prediction in classifier.predict_batch(drawn))
    assert rejected >= 90


def test_traced_digits_are_recognized(test_slice: Split) -> None:
    read = 0
    for truth, drawing in strokes.digits(test_slice, 40, np.random.default_rng(0)):
        paper = Image.new("L", (280, 280), 255)
        for stroke in drawing:
            points = [(280 * x, 280 * y) for x, y in stroke]
            ImageDraw.Draw(paper).line(points, fill=0, width=10, joint="curve")
        read += str(Classifier().predict(paper).digit) == truth
    assert read > 32


def answer(
    text: str, read: str, accepted: bool = True, confidence: float = 0.9, doubtful: str = ""
) -> reader.Answer:
    """What was read of a row of symbols, each in a cell of its own. doubtful: cells, "1" if so."""
    cells = [(20.0 * cell, 0.0, 20.0 * cell + 16, 20.0) for cell in range(8)]
    boxes = [box for box, written in zip(cells, text, strict=False) if written.isdecimal()]
    truth = np.array([int(written) for written in text if written.isdecimal()], np.int64)
    weight = np.ones((5, 40), np.float32)
    for cell, is_doubtful in enumerate(doubtful):
        weight[:, 5 * cell : 5 * cell + 5] = is_doubtful != "1"
    pixels = np.zeros((20, 160), np.uint8)
    digits = Truth(np.array(boxes, np.float32).reshape(-1, 4), truth)
    symbols = [
        reader.Symbol(accepted, best, confidence, box)
        for best, box in zip(read, cells, strict=False)
        if best != " "
    ]
    picture = Picture("", pixels, text.replace(" ", ""), LabelledPage(pixels, text, digits, weight))
    return reader.Answer(picture, symbols, 0.0)


def test_page_figures_count_digits_by_their_places() -> None:
    some = [answer("12 5", "1 55"), answer("4444", "454 ", accepted=False)]
    some += [answer("7", "77", doubtful="01")]
    figures = reader.page_figures(some)
    expected = {"missed": 2, "wrong": 1, "invented": 1, "errors": 4, "of numbers to review": 3}
    assert {name: figures[name] / 100 * 8 for name in expected} == pytest.approx(expected)
    assert figures["exact pages"] == pytest.approx(100 / 3)
    signs = reader.sign_figures([answer("-12.5", "-1255")], [answer("12345", "123 5-")])
    assert list(signs.values()) == [50, pytest.approx(100 / 5)]


def test_figures_are_of_each_group() -> None:
    answers = defaultdict(lambda: [answer("-1.2", "-1.2")], {"chalk": [answer("12", "34")]})
    answers["print"] = [answer("", "7"), answer("", "7", doubtful="1"), answer("", "")]
    table = reader.figures(answers)
    assert table["axes held back: errors"] == pytest.approx(100 / len(held_back.KINDS))
    assert table["    chalk: errors"] == 100 != table["    staves: errors"]
    assert table["print: pictures with a sure digit"] == pytest.approx(100 / 3)


@pytest.fixture(scope="module")
def few_unseen(test_slice: Split) -> Iterator[None]:
    """Printed fonts stand for the hands, which would have to be downloaded."""
    writers = font_writers(fonts.bundled("held back")[:1], np.random.default_rng(0))
    materials = small_materials.make(test_slice)._replace(fonts=writers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(held_back, "unseen", lambda: materials)
        yield


@pytest.mark.slow
@pytest.mark.usefixtures("few_unseen")
@pytest.mark.parametrize("kind", held_back.KINDS)
def test_held_back_page_shows_its_digits(kind: str) -> None:
    page = held_back.page(kind, np.random.default_rng(1))
    height, width = page.pixels.shape
    assert page.pixels.dtype == np.uint8 and len(page.truth.symbols)
    assert (page.truth.boxes >= 0).all() and (page.truth.boxes[:, 2:] <= (width, height)).all()
    assert (held_back.page(kind, np.random.default_rng(1)).pixels == page.pixels).all()
    boxes = page.truth.boxes.astype(int).tolist()
    contrasts = [np.ptp(page.pixels[top:bottom, left:right]) for left, top, right, bottom in boxes]
    assert np.median(contrasts) > 20  # glare may bleach a point


@pytest.mark.parametrize("kind", whole_numbers.KINDS)
def test_numbers_satisfy_their_constraints(kind: str) -> None:
    draw, by_constraint = whole_numbers.KINDS[kind]
    for seed in range(5):
        text = draw(np.random.default_rng(seed))
        assert all(
            accepts_text(constraints.automaton, text) for constraints in by_constraint.values()
        )
