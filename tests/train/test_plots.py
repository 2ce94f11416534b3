from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageColor

from digits.evaluation.numbers import NumberEvaluation
from digits.evaluation.pages import PageEvaluation
from digits.prediction import Number, Symbol
from digits_train import plots
from digits_train.matching import LabelledPage, Match, Truth, confusion
from tests.synthetic import reading


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "plot.png"


def drawn(path: Path, color: str) -> bool:
    """Whether a colour is in the picture."""
    pixels = np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3)
    away = np.abs(pixels - np.array(ImageColor.getrgb(color))).max(1)
    return bool((away < 30).sum() > 50)


@pytest.mark.parametrize("in_training", [{"train_accuracy": 0.9}, {"validation_errors": 1.5}])
def test_curves(path: Path, in_training: dict[str, float]) -> None:
    epoch = {"number": 1, "train_loss": 2.5, "validation_loss": 0.5, "validation_accuracy": 0.95}
    plots.curves(path, [epoch | in_training])
    assert drawn(path, "#E69F00") and drawn(path, "#0072B2")


def judged(*symbols: int) -> Match:
    """A crop on which of a 4, a 1 and a minus the last is missed, and a point is invented."""
    boxes = np.array([(10, 10, 30, 40), (40, 10, 46, 40), (60, 24, 80, 28)])
    truth, weight = Truth(boxes, np.array([4, 1, 10])), np.ones((24, 24), np.float32)
    weight[:, :4] = 0  # where the second point may be one
    page = LabelledPage(np.full((96, 96), 200, np.uint8), "", truth, weight)
    points = [(70, 70, 74, 74), (10, 70, 14, 74)]
    return page.match(np.array([*boxes[:2], *points]), np.array([*symbols, 11, 11]))


def test_symbols(path: Path) -> None:
    matches = [judged(9, 7), judged(4, 1)]
    plots.confusion(path, "crops", confusion(matches))
    assert np.asarray(Image.open(path)).std() > 10
    plots.crops(path, "crops", matches)
    assert drawn(path, plots.RIGHT) and drawn(path, plots.MISSED) and drawn(path, plots.FALSE)


@pytest.mark.parametrize("count", [0, 3])
def test_pages(path: Path, count: int) -> None:
    """So many pages "47", read as "41"."""
    result = PageEvaluation(signs=False)
    values = [tuple(0.9 * (index == digit) for index in range(12)) for digit in (4, 1)]
    four = Symbol("4", 0.9, values[0], (20, 30, 60, 100))
    wrong = Symbol("1", 0.9, values[1], (80, 30, 90, 100))
    for number in range(count):
        page = reading([[four, wrong]])
        result.add(f"$_{number}.png", "47", page, np.full((150, 200), 200, np.uint8))
    plots.pages(path, "pages.csv", result)
    assert drawn(path, plots.RIGHT) == drawn(path, plots.FALSE) == bool(count)


@pytest.mark.parametrize("count", [0, 100])
def test_numbers(path: Path, count: int) -> None:
    result = NumberEvaluation(written=1)
    for index in range(count):
        number = Number("7", 1 - index / 100, "review", "", "7", ())
        result.add("$_{7.png", ["7" if index % 9 else "1"], [number])
    plots.numbers(path, "$_{numbers.csv", result)
    assert drawn(path, "#0072B2") == bool(count)
