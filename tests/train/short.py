"""Short trainings on the subset of MNIST, and a way to interrupt them."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from digits.data.mnist import Split
from digits_train import plots, run, trainer
from digits_train.config import Augmentation, Recipe, TrainConfig
from digits_train.distributed import CPU, DistributedContext
from digits_train.fit import fit
from digits_train.metrics import Metrics
from digits_train.run import RunDir
from digits_train.tasks.classification import Classification
from digits_train.training import Training

SMALL = Augmentation(rotation=5, scale=0.05, shear=0.05, shift=0.5, elastic=0.2)
RECIPE = Recipe("test", 2, batch_size=20, learning_rate=5e-3, ema_decay=0.9, augmentation=SMALL)
CONFIG = TrainConfig("lenet5", RECIPE)
FILES = run.FILES


def replace_figures(patch: pytest.MonkeyPatch) -> None:
    """Write empty files as plots."""
    for name in ("curves", "confusion", "mistakes", "crops"):
        patch.setattr(plots, name, lambda path, *_, **__: path.touch())


def train(config: TrainConfig, **rest: Any) -> tuple[RunDir, dict[str, Any]]:
    result = trainer.train(config, **{"device": "cpu", **rest})
    assert result is not None
    return result.run, result.summary


def resume(folder: Path, data: Path | None = None) -> tuple[RunDir, dict[str, Any]]:
    result = trainer.resume(RunDir(folder), "cpu", data)
    assert result is not None
    return result.run, result.summary


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
