"""Short trainings on the subset of MNIST or pages of bars, and a way to interrupt them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from digits.data.mnist import Split
from digits.images.grey import Grey
from digits_train import models, plots, run, trainer
from digits_train.config import Augmentation, DetectorRecipe, Recipe, TrainConfig
from digits_train.detection import Targets, make_targets
from digits_train.detector_data import HeldOut, HeldOutWindows, Windows, stacked
from digits_train.distributed import CPU, DistributedContext
from digits_train.fit import fit
from digits_train.matching import LabelledPage, Truth
from digits_train.metrics import Metrics
from digits_train.run import RunDir
from digits_train.symbols import Symbol, columns
from digits_train.tasks import detection
from digits_train.tasks.classification import Classification
from digits_train.training import Training

SMALL = Augmentation(rotation=5, scale=0.05, shear=0.05, shift=0.5, elastic=0.2)
RECIPE = Recipe("test", 2, batch_size=20, learning_rate=5e-3, ema_decay=0.9, augmentation=SMALL)
CONFIG = TrainConfig("lenet5", RECIPE)
FILES = run.FILES


def replace_figures(patch: pytest.MonkeyPatch) -> None:
    """Write empty files as plots."""
    for name in ("curves", "confusion", "mistakes", "crops", "texts"):
        patch.setattr(plots, name, lambda path, *_, **__: path.touch())


def train(config: TrainConfig, **rest: Any) -> tuple[RunDir, dict[str, Any]]:
    result = trainer.train(config, **{"device": "cpu", **rest})
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


def fit_digits(
    training: Training,
    recipe: Recipe,
    train: Split,
    validation: Split | None = None,
    dist: DistributedContext = CPU,
    **rest: Any,
) -> Iterator[Metrics]:
    task = Classification(recipe, train, validation or train, dist=dist)
    return fit(training, task, **rest)


def interrupt_after(epochs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise KeyboardInterrupt after this many epochs."""

    def interrupted(*arguments: Any) -> Iterator[Metrics]:
        yield from islice(fit(*arguments), epochs)
        raise KeyboardInterrupt

    monkeypatch.setattr(trainer, "fit", interrupted)


BARS = DetectorRecipe(
    "default", 2, batch_size=4, learning_rate=3e-3, weight_decay=0.02, ema_decay=0.9, crops=12
)
SIDE = 64
_SHAPES = {1: (6, 24), 10: (20, 6)}  # width and height of a one and a minus


def bars(random: np.random.Generator) -> tuple[Grey, list[Symbol]]:
    """A page with one in each quarter."""
    page, symbols = np.full((SIDE, SIDE), 220, np.uint8), []
    for quarter, symbol in enumerate(random.choice(list(_SHAPES), 4).tolist()):
        width, height = _SHAPES[symbol]
        left = quarter % 2 * 32 + int(random.integers(1, 31 - width))
        top = quarter // 2 * 32 + int(random.integers(1, 31 - height))
        page[top : top + height, left : left + width] = 30
        symbols.append(Symbol((left, top, left + width, top + height), symbol, 24))
    return page, symbols


class TinyWindows(Windows):
    def __getitem__(self, number: int) -> tuple[Tensor, Targets]:
        random = np.random.default_rng([self.seed, self.epoch, number])
        own = round(self.share * self.batch_size) if self.own else 0
        shown = [self.own.example(random, SIDE) for _ in range(own) if self.own]
        drawn = [bars(random) for _ in range(self.batch_size - own)]
        shown += [(page, make_targets(page.shape, symbols)) for page, symbols in drawn]
        return stacked(shown)


class TinyHeldOut(HeldOutWindows):
    def __getitem__(self, number: int) -> HeldOut:
        random = np.random.default_rng([self.seed, number])
        drawn = [bars(random) for _ in range(self.batch_size)]
        maps = [make_targets(page.shape, symbols) for page, symbols in drawn]
        pages, targets = stacked(zip((page for page, _ in drawn), maps, strict=True))
        truths = [Truth(*columns(symbols)[:2]) for _, symbols in drawn]
        labelled = zip(drawn, truths, targets.weight.numpy(), strict=True)
        return HeldOut(
            pages,
            targets,
            [LabelledPage(page, "", truth, weight) for (page, _), truth, weight in labelled],
        )


def bar_patches() -> list[tuple[Any, str, Any]]:
    """What to set, to train detectors on tiny pages: object, attribute and value."""
    recipes = {
        "default": BARS,
        "quick": replace(BARS, name="quick", epochs=3, crops=100, ema_decay=0.95),
        "finetune": replace(BARS, name="finetune", epochs=2, own=0.5),
    }
    return [
        (detection, "make_materials", lambda *_: object()),
        (detection, "with_hard_negatives", lambda materials, *_: materials),
        (detection, "Windows", TinyWindows),
        (detection, "HeldOutWindows", TinyHeldOut),
        (detection, "EPOCH_BATCHES", 2),
        (detection, "BATCHES", 8),
        (models.Detector, "recipes", recipes),
    ]
