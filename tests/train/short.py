"""Short trainings on the subset of MNIST or pictures of bars, and a way to interrupt them."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from torch import Tensor

from digits.data.split import Split
from digits.images.grey import Grey
from digits.inference.interface import CROP_HEIGHT
from digits_train import models, plots, run, trainer
from digits_train.camera.crops import Crop
from digits_train.camera.ink import Glyph
from digits_train.camera.materials import Materials
from digits_train.camera.ranges import RANGES
from digits_train.classifier import Data, train_epochs
from digits_train.data import held_out
from digits_train.data.datasets import Dataset
from digits_train.data.detector_batches import DetectorBatches
from digits_train.data.recognizer_batches import RecognizerBatches, TextBatch, to_batch
from digits_train.distributed import CPU, DistributedContext
from digits_train.experiment import Experiment
from digits_train.recipes import Augmentation, ClassifierRecipe, DetectorRecipe
from digits_train.run import RunDir
from digits_train.state import Metrics, TrainState
from digits_train.symbols import LabelledPage, Symbol, label_window
from digits_train.tasks import Classification, detection, recognition, stream
from digits_train.tasks.stream import StreamTask

SMALL = Augmentation(rotation=5, scale=0.05, shear=0.05, shift=0.5, elastic=0.2)
RECIPE = ClassifierRecipe(
    name="test", epochs=2, batch_size=20, learning_rate=5e-3, ema_decay=0.9, augmentation=SMALL
)
EXPERIMENT = Experiment(network="lenet5", recipe=RECIPE)
FILES = run.FILES


def replace_figures(patch: pytest.MonkeyPatch) -> None:
    """Write empty files as plots."""
    for name in ("curves", "confusion", "mistakes", "crops", "texts"):
        patch.setattr(plots, name, lambda path, *_, **__: path.touch())


def train(experiment: Experiment, **rest: Any) -> tuple[RunDir, dict[str, Any]]:
    result = trainer.train(experiment, **{"device": "cpu", **rest})
    assert result is not None
    return result.run, result.summary


def resume(folder: Path, data: Path | None = None) -> tuple[RunDir, dict[str, Any]]:
    result = trainer.resume(RunDir(folder), "cpu", data)
    assert result is not None
    return result.run, result.summary


@torch.no_grad()
def distance(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> float:
    """Between the weights of two networks: the norm of their difference."""
    parts = [(weight.double() - second[name]).norm() for name, weight in first.items()]
    return float(torch.stack(parts).norm())


def dataset(train: Split, validation: Split | None = None) -> Dataset:
    digits = validation or train
    return Dataset({"train": train, "validation": digits, "test": digits}, {})


def fit_digits(
    training: TrainState,
    train: Split,
    validation: Split | None = None,
    dist: DistributedContext = CPU,
) -> Iterator[Metrics]:
    data = Data(train, validation or train, validation or train)
    return train_epochs(training, data, dist=dist)


def interrupt_after(validations: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise KeyboardInterrupt after so many."""

    def interrupting(train: Any) -> Any:
        def interrupted(*arguments: Any) -> Iterator[Metrics]:
            yield from islice(train(*arguments), validations)
            raise KeyboardInterrupt

        return interrupted

    for task in (Classification, StreamTask):
        monkeypatch.setattr(task, "train", interrupting(task.train))


DETECTOR = DetectorRecipe(
    name="default",
    steps=4,
    interval=2,
    batch_size=4,
    learning_rate=3e-3,
    weight_decay=0.02,
    ema_decay=0.9,
    hands=20,
    texts=10,
    window=96,
    validation=8,
    final_validation=32,
)
RECOGNIZER = replace(
    models.Recognizer.recipes["default"],
    steps=4,
    interval=2,
    batch_size=8,
    ema_decay=0.9,
    passes=1,
    validation=100,
)
_SIZES = {1: (6, 24), 10: (20, 6)}  # width and height of a one and a minus


def page_of_bars(random: np.random.Generator, side: int) -> LabelledPage:
    """With one in each quarter."""
    page, symbols = np.full((side, side), 220, np.uint8), []
    for quarter, symbol in enumerate(random.choice(list(_SIZES), 4).tolist()):
        width, height = _SIZES[symbol]
        left = quarter % 2 * side // 2 + int(random.integers(1, side // 2 - width))
        top = quarter // 2 * side // 2 + int(random.integers(1, side // 2 - height))
        page[top : top + height, left : left + width] = 30
        symbols.append(Symbol((left, top, left + width, top + height), symbol, 24))
    return label_window(page, symbols)


class BarDetectorBatches(DetectorBatches):
    def __getitem__(self, number: int) -> list[LabelledPage]:
        random, side = np.random.default_rng([self.seed, number]), self.recipe.window
        return [page_of_bars(random, side) for _ in range(self.size)]


def crop_of_bars(random: np.random.Generator) -> Crop:
    """Some tall bars, ones, and sometimes a wide one, a minus, before them."""
    text = "-" * int(random.integers(0, 2)) + "1" * int(random.integers(0, 3))
    text = text if text != "-" else ""
    pixels: Grey = np.full((CROP_HEIGHT, 80 + 16 * int(random.integers(0, 3))), 220, np.uint8)
    for number, symbol in enumerate(text):
        left = 8 + 20 * number
        rows = slice(10, 40) if symbol == "1" else slice(22, 26)
        pixels[rows, left : left + (4 if symbol == "1" else 14)] = 30
    return Crop(pixels, text)


def crops_of_bars(_: Materials, random: np.random.Generator, photographs: int) -> Iterator[Crop]:
    while True:
        yield crop_of_bars(random)


class BarRecognizerBatches(RecognizerBatches):
    def __getitem__(self, number: int) -> list[TextBatch]:
        crops = crops_of_bars(self.materials, np.random.default_rng([self.seed, number]), 1)
        batches = self.passes * -(-256 // self.batch_size)  # as many as of a real one
        return [to_batch([*islice(crops, self.batch_size)]) for _ in range(batches)]

    def first(self, crops: int) -> list[TextBatch]:
        return self[0][: -(-crops // self.batch_size)]


def bar_patches() -> list[tuple[Any, str, Any]]:
    """What to set, to train on pictures of bars: object, attribute and value."""
    texts = [Glyph(np.full((40, width), 200, np.uint8)) for width in (20, 50, 90)]
    materials = Materials((), (), [texts], (), RANGES)
    return [
        *((module, "make_materials", lambda *_, **__: materials) for module in (held_out, stream)),
        (detection, "DetectorBatches", BarDetectorBatches),
        (recognition, "RecognizerBatches", BarRecognizerBatches),
        (models.DetectorNetwork, "recipes", {"default": DETECTOR}),
        (models.RecognizerNetwork, "recipes", {"default": RECOGNIZER}),
    ]
