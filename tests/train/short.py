"""Short trainings on the subset of MNIST, and a way to interrupt them."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from digits.data.mnist import Split
from digits_train import run, trainer
from digits_train.config import Augmentation, Recipe, TrainConfig
from digits_train.distributed import DistributedContext
from digits_train.fit import fit
from digits_train.metrics import EpochMetrics
from digits_train.models import Network
from digits_train.run import RunDir
from digits_train.tasks.classification import Classification
from digits_train.training import Training

CONFIG = TrainConfig(
    "lenet5", Recipe("test", epochs=2, batch_size=100, ema_decay=0.9, augmentation=Augmentation())
)
CPU = DistributedContext(torch.device("cpu"))
FILES = run.FILES


class Chain(Network, nn.Sequential):
    """A network of layers, each after the other."""


def few(split: Split, count: int) -> Split:
    """The first digits of a split."""
    return Split(split.images[:count], split.labels[:count])


def train(config: TrainConfig, **rest: Any) -> tuple[RunDir, dict[str, Any]]:
    result = trainer.train(config, **{"device": "cpu", **rest})
    assert result is not None
    return result.run, result.summary


def resume(folder: Path, data: Path | None = None) -> tuple[RunDir, dict[str, Any]]:
    result = trainer.resume(RunDir(folder), "cpu", data)
    assert result is not None
    return result.run, result.summary


def fit_digits(
    training: Training, recipe: Recipe, train: Split, validation: Split | None = None, **rest: Any
) -> Iterator[EpochMetrics]:
    """Train on digits. rest: arguments of `fit`, and further fields of `Classification`."""
    arguments = {"dist": CPU} | {
        name: rest.pop(name) for name in ("dist", "bfloat16", "on_step") if name in rest
    }
    task = Classification(recipe, train, validation or train, **rest)
    for epoch in fit(training, task, **arguments):
        assert isinstance(epoch, EpochMetrics)
        yield epoch


def interrupt_after(epochs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise KeyboardInterrupt after this many epochs."""
    real: Callable[..., Iterator[EpochMetrics]] = vars(trainer)["fit"]

    def fit(*arguments: Any) -> Iterator[EpochMetrics]:
        yield from islice(real(*arguments), epochs)
        raise KeyboardInterrupt

    monkeypatch.setattr(trainer, "fit", fit)
