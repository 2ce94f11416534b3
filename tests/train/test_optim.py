import copy
from typing import Any

import pytest
import torch
from torch import nn

from digits_train import models, optim
from digits_train.config import ReaderRecipe, Recipe
from tests.rounding import distance


@pytest.mark.parametrize(
    ("schedule", "warmup", "rates"),
    [
        ("constant", 0.0, [0.5, 0.5, 0.5, 0.5, 0.5]),
        ("cosine", 0.0, [0.5, 0.427, 0.25, 0.073, 0.0]),
        ("cosine", 0.5, [0.0, 0.25, 0.5, 0.25, 0.0]),
        ("constant", 0.5, [0.0, 0.25, 0.5, 0.5, 0.5]),
    ],
)
def test_learning_rate_schedules(schedule: Any, warmup: float, rates: list[float]) -> None:
    recipe = Recipe("test", 1, learning_rate=0.5, warmup_fraction=warmup, schedule=schedule)
    computed = [optim.learning_rate(recipe, step / 4) for step in range(5)]
    assert computed == pytest.approx(rates, abs=1e-3)


@pytest.mark.parametrize("name", ["adamw", "sgd"])
@pytest.mark.parametrize("architecture", models.ARCHITECTURES)
def test_weight_decay_of_kernels_and_matrices_only(name: Any, architecture: str) -> None:
    model = models.build(architecture)
    recipe = Recipe("test", epochs=1, optimizer=name, weight_decay=0.1)
    decay = {
        id(parameter): group["weight_decay"]
        for group in optim.make_optimizer(model, recipe).param_groups
        for parameter in group["params"]
    }
    assert {n for n, p in model.named_parameters() if decay[id(p)] == 0.1} == {
        f"{n}.weight"
        for n, layer in model.named_modules()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    }
    assert len(decay) == len(list(model.parameters()))


def test_recipe_decides_second_moment() -> None:
    model = nn.Linear(1, 1)
    [group, _] = optim.make_optimizer(model, ReaderRecipe("test", epochs=1)).param_groups
    assert group["betas"] == (0.9, 0.99)
    [group, _] = optim.make_optimizer(model, Recipe("test", epochs=1)).param_groups
    assert group["betas"] == (0.9, 0.999)


@pytest.mark.parametrize(("length", "clipped"), [(3.0, 2.0), (1.5, 1.5)])
def test_readers_gradients_are_clipped(length: float, clipped: float) -> None:
    model = nn.Linear(2, 1, bias=False)
    model.weight.grad = torch.tensor([[0.6, -0.8]]) * length
    optim.clip_gradients(model, Recipe("test", epochs=1))
    assert model.weight.grad.norm().item() == pytest.approx(length)
    optim.clip_gradients(model, ReaderRecipe("test", epochs=1, max_gradient_norm=2.0))
    assert model.weight.grad.norm().item() == pytest.approx(clipped)


def test_adamw_without_decay_is_adam() -> None:
    results, recipe = [], Recipe("test", epochs=1)
    for make in (optim.make_optimizer, lambda m, r: torch.optim.Adam(m.parameters(), 1e-3)):
        torch.manual_seed(0)
        model = models.LeNet5()
        start = copy.deepcopy(model.state_dict())
        optimizer = make(model, recipe)
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.full((2, 1, 28, 28), 99.0)).square().sum().backward()
            optimizer.step()
        results.append(model.state_dict())
    ours, theirs = results
    assert distance(ours, theirs) < 0.01 * distance(ours, start)


def test_ema_follows_weights() -> None:
    model, average = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    nn.init.zeros_(average.weight)
    model.running_mean.fill_(3.0)  # type: ignore[union-attr]
    model.num_batches_tracked.fill_(7)  # type: ignore[union-attr]
    optim.update_ema(average, model, decay=0.9, step=10**6)
    assert average.weight.tolist() == pytest.approx([0.1, 0.1])
    assert average.running_mean.tolist() == pytest.approx([0.3, 0.3])  # type: ignore[union-attr]
    assert average.num_batches_tracked == 7


def test_ema_forgets_random_start() -> None:
    model, average = nn.Linear(1, 1), nn.Linear(1, 1)
    nn.init.ones_(model.weight)
    nn.init.zeros_(average.weight)
    for step in range(20):
        optim.update_ema(average, model, decay=0.999, step=step)
    assert average.weight.item() > 0.99
