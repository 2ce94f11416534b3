"""Short trainings on the subset of MNIST, and ways to interrupt them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from digits.data.mnist import Split
from digits_train import run, trainer
from digits_train.checkpoint import TrainState
from digits_train.config import Augmentation, Recipe, RuntimeOptions, TrainConfig
from digits_train.fit import StepCallback, TrainContext, fit
from digits_train.metrics import EpochMetrics
from digits_train.run import RunDir
from digits_train.tasks.classification import Classification

CONFIG = TrainConfig(
    "lenet5", Recipe("test", epochs=2, batch_size=100, ema_decay=0.9, augmentation=Augmentation())
)
CPU = RuntimeOptions("cpu")
FILES = run.FILES - {"teacher.safetensors"}


def train(
    config: TrainConfig, options: RuntimeOptions = CPU, **rest: Any
) -> tuple[RunDir, dict[str, Any]]:
    result = trainer.train(config, options, **rest)
    assert result is not None
    return result.run, result.summary


def resume(folder: Path, options: RuntimeOptions = CPU) -> tuple[RunDir, dict[str, Any]]:
    result = trainer.resume(RunDir(folder), options)
    assert result is not None
    return result.run, result.summary


def fit_digits(
    state: TrainState,
    recipe: Recipe,
    train: Split,
    validation: Split | None,
    ctx: TrainContext,
    on_step: StepCallback | None = None,
    **rest: Any,
) -> Iterator[EpochMetrics]:
    """Train on digits. rest: further fields of `Classification`."""
    task = Classification(recipe, train, validation, **rest)
    for epoch in fit(state, task, ctx, on_step):
        assert isinstance(epoch, EpochMetrics)
        yield epoch


def interrupt_after(epochs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise KeyboardInterrupt after this many epochs."""
    real: Callable[..., Iterator[EpochMetrics]] = vars(trainer)["fit"]

    def fit(*arguments: Any) -> Iterator[EpochMetrics]:
        left = epochs
        for epoch in real(*arguments):
            if left == 0:
                raise KeyboardInterrupt
            left -= 1
            yield epoch

    monkeypatch.setattr(trainer, "fit", fit)


def accuracies(values: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the validation accuracies of the epochs."""
    real: Callable[..., Iterator[EpochMetrics]] = vars(trainer)["fit"]

    def fit(*arguments: Any) -> Iterator[EpochMetrics]:
        for epoch in real(*arguments):
            yield replace(epoch, validation_accuracy=values[epoch.number - 1])

    monkeypatch.setattr(trainer, "fit", fit)
