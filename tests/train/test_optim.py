"""The optimizer, its learning rate, and the moving average of the weights."""

from typing import Any

import pytest
from msgspec.structs import replace
from torch import nn

from digits_train import models, optim
from digits_train.recipes import ClassifierRecipe

PLAIN = ClassifierRecipe(name="test", epochs=1)


@pytest.mark.parametrize(
    ("schedule", "warmup", "rates"),
    [
        ("cosine", 0.0, [0.5, 0.427, 0.25, 0.073, 0.0]),
        ("cosine", 0.5, [0.0, 0.25, 0.5, 0.25, 0.0]),
        ("constant", 0.5, [0.0, 0.25, 0.5, 0.5, 0.5]),
        ("wsd", 0.25, [0.0, 0.5, 0.5, 0.5, 0.0]),
    ],
)
def test_learning_rate_schedules(schedule: Any, warmup: float, rates: list[float]) -> None:
    recipe = replace(PLAIN, learning_rate=0.5, warmup_fraction=warmup, schedule=schedule)
    computed = [optim.learning_rate(recipe, step / 4) for step in range(5)]
    assert computed == pytest.approx(rates, abs=1e-3)


@pytest.mark.parametrize(("architecture", "optimizer"), [("lenet5", "adamw"), ("detector", "sgd")])
def test_weight_decay_of_kernels_and_matrices_only(architecture: str, optimizer: Any) -> None:
    model = models.get_network(architecture)()
    recipe = replace(PLAIN, optimizer=optimizer, weight_decay=0.1, beta2=0.99)
    decayed, others = optim.make_optimizer(model, recipe).param_groups
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.1, 0)
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert {*map(id, decayed["params"])} == {id(layer.weight) for layer in layers}
    assert len(decayed["params"]) + len(others["params"]) == len([*model.parameters()])
    if optimizer == "sgd":
        assert (decayed["momentum"], decayed["nesterov"]) == (0.9, True)
    else:
        assert decayed["betas"] == (0.9, 0.99)


def test_ema_follows_weights_and_forgets_random_start() -> None:
    model, average = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    nn.init.zeros_(average.weight)
    model.running_mean.fill_(3.0)  # type: ignore[union-attr]
    model.num_batches_tracked.fill_(7)  # type: ignore[union-attr]
    optim.update_ema(average, model, decay=0.9, step=10**6)
    assert average.weight.tolist() == pytest.approx([0.1, 0.1])
    assert average.running_mean.tolist() == pytest.approx([0.3, 0.3])  # type: ignore[union-attr]
    assert average.num_batches_tracked == 7
    for step in range(20):
        optim.update_ema(average, model, decay=0.999, step=step)
    assert average.weight.min() > 0.99
