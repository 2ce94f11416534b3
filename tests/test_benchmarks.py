"""The computations behind the figures of the benchmarks."""

import importlib
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from benchmarks import (
    handwritten,
    held_back,
    nondigits,
    reader,
    reader_pictures,
    seeds,
    strokes,
    whole_numbers,
)
from PIL import Image, ImageDraw

from digits.classifier import Classifier
from digits.constraints.automaton import accepts_text
from digits.data.mnist import Split
from digits_train.camera import fonts
from tests import synthetic

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(file.stem for file in ROOT.glob("benchmarks/*.py")))
def test_benchmark_can_be_started(name: str) -> None:
    try:
        importlib.import_module(f"benchmarks.{name}")
    except ModuleNotFoundError as error:  # those of the dependency group `bench`
        assert error.name and error.name.split(".")[0] not in ("benchmarks", "digits", "tests")


@pytest.mark.parametrize(
    ("digits", "others", "expected"),
    [([0.9, 0.8], [0.1, 0.2, 0.3], 1.0), ([0.1], [0.5, 0.9], 0.0)]
    + [([0.5], [0.5, 0.5], 0.5), ([0.9, 0.2], [0.1, 0.3], 0.75)],
)
def test_auroc(digits: list[float], others: list[float], expected: float) -> None:
    assert nondigits.auroc(np.array(digits), np.array(others)) == expected


@pytest.mark.slow
@pytest.mark.usefixtures("slice_as_mnist")
def test_seeds_go_on_where_they_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["seeds", "--recipe", "classic", "--epochs", "2", "--device", "cpu"]
    command += ["--count", "2", "--out", str(tmp_path)]
    monkeypatch.setattr("sys.argv", command)
    assert seeds.main() == 0
    first = capsys.readouterr().out
    assert len(list(tmp_path.glob("lenet5-classic-[01]/lenet5.int8.onnx"))) == 2
    assert "mean of 2" in first and "standard error" in first

    for name in ("lenet5-classic-0", "lenet5-classic-1"):
        (tmp_path / name / "export.json").unlink()
    for path in (tmp_path / "lenet5-classic-1").iterdir():
        path.unlink()
    assert seeds.main() == 0
    again = capsys.readouterr().out
    assert [line.split()[:5] for line in again.splitlines()] == [
        line.split()[:5] for line in first.splitlines()
    ]

    (tmp_path / "lenet5-classic-0" / "run.json").unlink()
    monkeypatch.setattr("sys.argv", [*command, "--epochs", "1", "--count", "1"])
    assert seeds.main() == 1
    assert "has another recipe" in capsys.readouterr().err


def test_seeds_refuse_an_unknown_recipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["seeds", "--recipe", "unknown"])
    with pytest.raises(SystemExit, match="2"):
        seeds.main()
    assert "no recipe called 'unknown'" in capsys.readouterr().err


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


def answer(text: str, shown: str, confidence: float = 0.9, best: str = "") -> reader.Answer:
    """What was read of a picture with this text. best: by default what is shown."""
    symbols = zip(shown, best or shown, strict=True)
    characters = [reader.Character(*symbol, confidence) for symbol in symbols]
    return reader.Answer(text, 0, characters, 0.0)


def test_page_figures_count_digits_alone() -> None:
    some = [answer("12.5", "1-25"), answer("4444", "45?", best="454"), answer("7", "77")]
    expected = {"missed": 1, "wrong": 1, "invented": 1, "errors": 3, "of numbers to review": 1}
    figures = reader.page_figures(some)
    assert {name: figures[name] / 100 * 8 for name in expected} == pytest.approx(expected)
    assert figures["exact pages"] == pytest.approx(100 / 3)
    signs = reader.sign_figures([answer("-12.5", "-125")], [answer("12345", "1234.5")])
    assert list(signs.values()) == [50, pytest.approx(100 / 8)]


def test_figures_are_of_each_group_and_hand() -> None:
    answers = defaultdict(lambda: [answer("-1.2", "-1.2")], {"chalk": [answer("12", "34")]})
    answers[f"{reader_pictures.HANDWRITING}, one"] = [answer("", "7")._replace(letters=10)]
    table = reader.figures(answers)
    assert table["kinds held back: errors"] == pytest.approx(100 / len(held_back.KINDS))
    assert table["    chalk: errors"] == 100 != table["    staves: errors"]
    assert table["handwriting, one: sure digits per 100 letters"] == 10


@pytest.fixture(scope="module")
def by(test_slice: Split) -> handwritten.Writers:
    """Printed fonts stand for the hands, which would have to be downloaded."""
    files = fonts.bundled("held back")
    return handwritten.writers(test_slice, files, files)


@pytest.mark.slow
@pytest.mark.parametrize("kind", held_back.KINDS + held_back.ONCE_HELD_BACK)
def test_held_back_page_shows_its_digits(kind: str, by: handwritten.Writers) -> None:
    page = held_back.page(kind, by, np.random.default_rng(1))
    assert page.image.dtype == np.uint8 and page.image.shape[2] == 3
    assert "".join(page.text.split()).isdigit()


@pytest.mark.slow
def test_reading_process_answers_for_pixels_and_files(test_slice: Split, tmp_path: Path) -> None:
    reading, page = reader.Reading(reader.ROOT, None), synthetic.page(test_slice)
    Image.fromarray(page).save(tmp_path / "page.png")
    content = np.frombuffer((tmp_path / "page.png").read_bytes(), np.uint8)
    pictures = np.full((64, 96, 3), 230, np.uint8), page, content
    blank, pixels, file = (
        reading.read(reader_pictures.Picture("", image, "1 2")) for image in pictures
    )
    reading.close()
    assert blank.text == pixels.text == file.text == "12"
    assert not blank.characters
    assert len(pixels.characters) > 10
    assert pixels.characters == file.characters


@pytest.mark.parametrize("kind", whole_numbers.KINDS)
def test_numbers_satisfy_their_constraints(kind: str) -> None:
    draw, by_constraint = whole_numbers.KINDS[kind]
    for seed in range(5):
        text = draw(np.random.default_rng(seed))
        assert all(
            accepts_text(constraints.automaton, text) for constraints in by_constraint.values()
        )


def test_promises_are_broken_where_probabilities_lie() -> None:
    """One in ten is wrong, whatever the probability; or all of the sure ones are right."""
    random = np.random.default_rng(0)
    given = random.uniform(0.5, 1, 2000)
    lucky = [whole_numbers.Result(p, random.random() < 0.9, 0.0) for p in given]
    honest = [whole_numbers.Result(p, p > 0.6, 0.0) for p in given]
    promised, broken = whole_numbers.broken_promises(honest, 0.05, random)
    assert promised == whole_numbers.SITES and not broken
    promised, broken = whole_numbers.broken_promises(lucky, 0.05, random)
    assert promised < 20 and broken == promised
