"""The computations behind the figures of the benchmarks."""

import importlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from benchmarks import held_back, reader
from benchmarks.reader_pictures import Picture

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


def answer(text: str, read: str, accepted: bool = True, doubtful: str = "") -> reader.Answer:
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
        reader.Symbol(accepted, best, 0.9, box)
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
    boxes = page.truth.boxes.astype(int).tolist()
    contrasts = [np.ptp(page.pixels[top:bottom, left:right]) for left, top, right, bottom in boxes]
    assert np.median(contrasts) > 20  # glare may bleach a point
