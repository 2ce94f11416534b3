"""Short trainings of the slice, and what may happen to them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from digits_train import run, session
from digits_train.fit import Epoch
from digits_train.plan import Options, Plan
from digits_train.recipe import Augmentation, Recipe
from digits_train.run import Run

PLAN = Plan(
    "lenet5", Recipe("test", epochs=2, batch_size=100, average=0.9, augmentation=Augmentation())
)
CPU = Options("cpu")
FILES = run.FILES - {"teacher.safetensors"}


def train(plan: Plan, options: Options = CPU, **rest: Any) -> tuple[Run, dict[str, Any]]:
    outcome = session.train(plan, options, **rest)
    assert outcome is not None
    return outcome.run, outcome.summary


def resume(folder: Path, options: Options = CPU) -> tuple[Run, dict[str, Any]]:
    outcome = session.resume(Run(folder), options)
    assert outcome is not None
    return outcome.run, outcome.summary


def interrupt_after(epochs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C once that many epochs are finished."""
    real = session.fit

    def fit(*arguments: Any) -> Iterator[Any]:
        left = epochs
        for epoch in real(*arguments):
            if left == 0:
                raise KeyboardInterrupt
            left -= 1
            yield epoch

    monkeypatch.setattr(session, "fit", fit)


def accuracies(values: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the epochs have these validation accuracies."""
    real = session.fit

    def fit(*arguments: Any) -> Iterator[Epoch]:
        for epoch in real(*arguments):
            yield replace(epoch, validation_accuracy=values[epoch.number - 1])

    monkeypatch.setattr(session, "fit", fit)
