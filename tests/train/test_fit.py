"""The training loop and its optimizer, without run folders; and the fit of the ranker."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import check_grad
from torch import nn

from digits.data.mnist import Split
from digits.errors import DigitsError
from digits.vision import ranker
from digits_train import fit_ranker, models, optim
from digits_train.config import DetectorRecipe, Recipe, TrainConfig
from digits_train.distributed import CPU, DistributedContext
from digits_train.training import Training, restore
from digits_train.training import begin as begin_training
from tests.train.conftest import small_materials
from tests.train.short import fit_digits

RECIPE = replace(
    models.LeNet5.recipes["quick"], epochs=3, batch_size=64, ema_decay=0.9, no_aug_fraction=0.0
)
PLAIN = Recipe("test", epochs=1)


def begin(recipe: Recipe = RECIPE, architecture: str = "lenet5") -> Training:
    return begin_training(TrainConfig(architecture, recipe), CPU.device)


@pytest.mark.slow
def test_few_steps_of_layers_with_batch_norm_and_dropout(
    train_slice: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Restored, they end with the same weights; statistics are those of the trained network."""
    groups = ((8, 8), (16, 16), (16, 16, 16), (32, 32, 32), (32, 32, 512))
    monkeypatch.setattr(models.VGG16, "GROUPS", groups)
    digits, recipe, sizes = train_slice[:41], replace(RECIPE, batch_size=21), list[int]()
    whole, parts = (begin(recipe, "vgg16") for _ in range(2))
    assert len([*fit_digits(whole, recipe, digits, on_step=sizes.append)]) == 3
    assert sizes == [21, 20] * 3  # nearly equal
    torch.manual_seed(999)
    next(fit_digits(parts, recipe, digits))
    restored = restore(Path("state.pt"), parts.state_dict(), CPU.device)
    assert [epoch["number"] for epoch in fit_digits(restored, recipe, digits)] == [2, 3]
    for first, second in ((whole.model, restored.model), (whole.eval_model, restored.eval_model)):
        torch.testing.assert_close(first.state_dict(), second.state_dict(), rtol=0, atol=0)
    first_layers = nn.Sequential(*[*whole.eval_model.children()][:3])
    with torch.inference_mode():
        means = first_layers(torch.tensor(digits.images[:, None])).mean((0, 2, 3))
    kept = whole.eval_model.get_buffer("norm1_1.running_mean")
    torch.testing.assert_close(kept, means, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("recipe", "complaint"),
    [
        (replace(PLAIN, epochs=3, batch_size=64, learning_rate=10.0), "loss"),
        # In an epoch of one step the loss is computed before the step.
        (replace(PLAIN, batch_size=1000, learning_rate=1e30), "loss 2.*, validation loss nan; try"),
    ],
)
def test_divergence_is_an_error(train_slice: Split, recipe: Recipe, complaint: str) -> None:
    with pytest.raises(DigitsError, match=f"training diverged in epoch 1: {complaint}"):
        list(fit_digits(begin(recipe), recipe, train_slice))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_fit_learns_on_gpu(train_slice: Split, test_slice: Split) -> None:
    recipe, dist = replace(RECIPE, epochs=30), DistributedContext(torch.device("cuda"))
    state = begin_training(TrainConfig("vgg16", recipe, precision="bfloat16"), dist.device)
    [*_, last] = fit_digits(state, recipe, train_slice, test_slice, dist=dist)
    assert last["validation_accuracy"] > 0.8


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
    recipe = Recipe("test", 1, learning_rate=0.5, warmup_fraction=warmup, schedule=schedule)
    computed = [optim.learning_rate(recipe, step / 4) for step in range(5)]
    assert computed == pytest.approx(rates, abs=1e-3)


@pytest.mark.parametrize(("architecture", "optimizer"), [("lenet5", "adamw"), ("detector", "sgd")])
def test_weight_decay_of_kernels_and_matrices_only(architecture: str, optimizer: Any) -> None:
    model = models.get_network(architecture)()
    recipe = Recipe("test", epochs=1, optimizer=optimizer, weight_decay=0.1)
    decayed, others = optim.make_optimizer(model, recipe).param_groups
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.1, 0)
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert {*map(id, decayed["params"])} == {id(layer.weight) for layer in layers}
    assert len(decayed["params"]) + len(others["params"]) == len([*model.parameters()])
    assert optimizer == "adamw" or (decayed["momentum"], decayed["nesterov"]) == (0.9, True)


def test_detectors_second_moments_and_clipped_gradients() -> None:
    model = nn.Linear(2, 1, bias=False)
    for recipe, beta2, length in (
        (Recipe("test", epochs=1), 0.999, 3.0),
        (DetectorRecipe("test", epochs=1, max_gradient_norm=4.0), 0.99, 3.0),
        (DetectorRecipe("test", epochs=1, max_gradient_norm=2.0), 0.99, 2.0),
    ):
        [group, _] = optim.make_optimizer(model, recipe).param_groups
        assert group["betas"] == (0.9, beta2)
        model.weight.grad = torch.tensor([[1.8, -2.4]])
        optim.clip_gradients(model, recipe)
        assert model.weight.grad.norm().item() == pytest.approx(length)


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


@pytest.mark.slow
def test_fit_reduces_the_loss_and_follows_the_gradient(train_slice: Split) -> None:
    drawn = fit_ranker.samples(small_materials(train_slice, 200), range(16))
    point = np.random.default_rng(0).normal(0, 0.1, len(ranker.FEATURES + ranker.SEVERAL_FEATURES))
    error = check_grad(
        lambda weights: fit_ranker.loss_and_gradient(weights, drawn)[0],
        lambda weights: fit_ranker.loss_and_gradient(weights, drawn)[1],
        point,
    )
    _, gradient = fit_ranker.loss_and_gradient(point, drawn)
    assert error < 1e-5 * np.linalg.norm(gradient)
    before, _ = fit_ranker.loss_and_gradient(np.zeros_like(point), drawn)
    after, _ = fit_ranker.loss_and_gradient(fit_ranker.fit_ranker(drawn), drawn)
    assert after < 0.9 * before
