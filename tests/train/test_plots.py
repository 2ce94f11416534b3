from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image, ImageColor

from digits.data.image_folder import Batch
from digits.data.mnist import Split
from digits.evaluation.digits import Evaluation
from digits.evaluation.numbers import NumberEvaluation
from digits.evaluation.pages import PageEvaluation
from digits.prediction import Number, Symbol
from digits_train import plots
from digits_train.matching import DOUBTFUL, INVENTED, DetectionErrors, Found, JudgedCrop, Match
from digits_train.metrics import DetectionMetrics, EpochMetrics, Metrics
from tests.synthetic import reading

TRAINED = [EpochMetrics(number, 1 / number, 0.9, 0.5, 0.95, 7.5, 1000.0) for number in (1, 2, 3)]
READER = [DetectionMetrics(1, 2.5, 2.25, 0.75, 0.5, 0.125, 0.25, 0.125, 7.5, 50.0)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "plot.png"


@pytest.fixture
def result(test_slice: Split) -> Evaluation:
    """The evaluation of 100 digits of which every third is read as a 7."""
    split = Split(test_slice.images[:100], test_slice.labels[:100])
    probabilities = np.eye(10, dtype=np.float32)[split.labels]
    probabilities[::3] = np.eye(10, dtype=np.float32)[7]
    result = Evaluation()
    result.add(Batch.from_split(split, "test"), probabilities)
    return result


def drawn(path: Path, color: str) -> bool:
    """Whether a colour is in the picture."""
    pixels = np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3)
    away = np.abs(pixels - np.array(ImageColor.getrgb(color))).max(1)
    return bool((away < 30).sum() > 50)


@pytest.mark.parametrize("epochs", [TRAINED, READER])
def test_curves(path: Path, epochs: list[Metrics]) -> None:
    plots.curves(path, epochs)
    assert np.asarray(Image.open(path)).std() > 10


def test_minor_tick_labels_are_plain(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They show 0.04, not 4x10^-2."""
    figures: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *arguments: Any, **options: Any) -> None:
        figures.append(figure)
        save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    plots.curves(path, [replace(TRAINED[0], train_loss=0.04), *TRAINED[1:]])
    [figure] = figures
    figure.draw_without_rendering()
    for axes in figure.axes:
        labels = {label.get_text() for label in axes.get_yticklabels(minor=True)} - {""}
        assert labels
        assert {float(label) for label in labels} <= {*axes.get_yticks(minor=True).round(9)}


@pytest.mark.parametrize("plot", [plots.confusion, plots.mistakes])
def test_digits(path: Path, result: Evaluation, plot: Any) -> None:
    plot(path, "test digits", result)
    assert np.asarray(Image.open(path)).std() > 10


def judged(symbols: list[int]) -> JudgedCrop:
    """A crop on which of a 4, a 1 and a minus the last is missed, and a point is invented."""
    boxes = [(10, 10, 30, 40), (40, 10, 46, 40), (60, 24, 80, 28)]
    truth = Found(np.array(boxes, np.float32), np.array([4, 1, 10]))
    others = [*boxes[:2], (70, 70, 74, 74), (10, 70, 14, 74)]
    detections = Found(np.array(others, np.float32), np.array([*symbols, 11, 11]))
    match = Match(detections, truth, np.array([0, 1, INVENTED, DOUBTFUL]))
    errors = DetectionErrors()
    errors.add(match)
    return JudgedCrop(np.full((96, 96), 200, np.uint8), match, errors)


def test_symbols(path: Path) -> None:
    plots.symbol_confusion(path, "crops", judged([4, 7]).errors)
    assert np.asarray(Image.open(path)).std() > 10
    plots.crops(path, "crops", [judged([9, 7]), judged([4, 1])])
    assert drawn(path, plots.RIGHT) and drawn(path, plots.MISSED) and drawn(path, plots.FALSE)


@pytest.mark.parametrize("count", [0, 1, 3])
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


@pytest.mark.parametrize("count", [0, 1, 100])
def test_numbers(path: Path, count: int) -> None:
    result = NumberEvaluation(written=1)
    for index in range(count):
        number = Number("7", 1 - index / 100, "review", "", "7", ())
        result.add("$_{7.png", ["7" if index % 9 else "1"], [number])
    plots.numbers(path, "$_{numbers.csv", result)
    assert drawn(path, "#0072B2") == bool(count)
