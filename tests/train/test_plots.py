from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from digits.data.image_folder import Batch
from digits.data.mnist import Split
from digits.evaluation import Evaluation
from digits_train import plots
from digits_train.metrics import EpochMetrics

TRAINED = [EpochMetrics(number, 1 / number, 0.9, 0.5, 0.95, 7.5, 1000.0) for number in (1, 2, 3)]
UNVALIDATED = [EpochMetrics(1, 0.5, 0.9, None, None, 7.5, 1000.0)]


@pytest.fixture
def result(test_slice: Split) -> Evaluation:
    """The evaluation of 100 digits of which every third is read as a 7."""
    split = Split(test_slice.images[:100], test_slice.labels[:100])
    probabilities = np.eye(10, dtype=np.float32)[split.labels]
    probabilities[::3] = np.eye(10, dtype=np.float32)[7]
    result = Evaluation()
    result.add(Batch.from_split(split, "test"), probabilities)
    return result


def assert_drawn(path: Path) -> None:
    assert np.asarray(Image.open(path)).std() > 10


@pytest.mark.parametrize("epochs", [TRAINED, UNVALIDATED])
def test_curves(tmp_path: Path, epochs: list[EpochMetrics]) -> None:
    plots.curves(tmp_path / "curves.png", epochs)
    assert_drawn(tmp_path / "curves.png")


def test_minor_tick_labels_are_plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They show 0.04, not 4x10^-2."""
    figures: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *arguments: Any, **options: Any) -> None:
        figures.append(figure)
        save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    plots.curves(tmp_path / "curves.png", [replace(TRAINED[0], train_loss=0.04), *TRAINED[1:]])
    [figure] = figures
    figure.draw_without_rendering()
    for axes in figure.axes:
        labels = {label.get_text() for label in axes.get_yticklabels(minor=True)} - {""}
        assert labels
        assert {float(label) for label in labels} <= {*axes.get_yticks(minor=True).round(9)}


def test_confusion(tmp_path: Path, result: Evaluation) -> None:
    plots.confusion(tmp_path / "confusion.png", "test digits", result)
    assert_drawn(tmp_path / "confusion.png")


def test_mistakes(tmp_path: Path, result: Evaluation) -> None:
    plots.mistakes(tmp_path / "mistakes.png", "test digits", result)
    assert_drawn(tmp_path / "mistakes.png")
