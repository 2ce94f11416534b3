"""The training loop, without run folders."""

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from digits.data.mnist import Split
from digits.errors import DigitsError
from digits_train import distributed, examples, models
from digits_train.augment import augment
from digits_train.checkpoint import TrainState
from digits_train.config import Augmentation, Recipe, TrainConfig
from digits_train.distributed import DistributedContext
from digits_train.metrics import loss_and_accuracy, predict, to_tensors
from digits_train.models import Normalize
from digits_train.optim import make_optimizer
from digits_train.prepare import create_state
from tests.train.short import CPU, Chain, fit_digits

RECIPE = Recipe(
    "test",
    epochs=3,
    batch_size=64,
    optimizer="sgd",
    learning_rate=0.05,
    warmup_fraction=0.2,
    schedule="cosine",
    weight_decay=1e-4,
    ema_decay=0.9,
    augmentation=Augmentation(stroke=0.5, blur=0.5, contrast=0.5, noise=0.1),
)
PLAIN = Recipe("test", epochs=1)


def first(split: Split, count: int) -> Split:
    return Split(split.images[:count], split.labels[:count])


def begin(recipe: Recipe = RECIPE, device: str = "cpu", architecture: str = "lenet5") -> TrainState:
    return create_state(TrainConfig(architecture, recipe), torch.device(device))


@pytest.fixture
def slim_vgg16(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give VGG-16 few channels: the same layers with a hundredth of the work."""
    groups = ((8, 8), (16, 16), (16, 16, 16), (32, 32, 32), (32, 32, 512))
    monkeypatch.setattr(models.VGG16, "GROUPS", groups)


def assert_same(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe",
    [
        Recipe("plain", epochs=12, batch_size=32, learning_rate=2e-3),
        replace(RECIPE, epochs=15, batch_size=32),
    ],
)
def test_fit_learns(train_slice: Split, test_slice: Split, recipe: Recipe) -> None:
    state = begin(recipe)
    epochs = list(fit_digits(state, recipe, first(train_slice, 800), test_slice))
    assert [epoch.number for epoch in epochs] == list(range(1, recipe.epochs + 1))
    assert epochs[-1].train_loss < 0.4 * epochs[0].train_loss
    assert epochs[-1].train_accuracy > 0.85
    assert state.eval_model is (state.model if recipe.ema_decay is None else state.ema_model)
    _, accuracy = loss_and_accuracy(predict(state.eval_model, test_slice), test_slice)
    assert epochs[-1].validation_accuracy == accuracy > 0.8


@pytest.mark.slow
@pytest.mark.skipif(
    not distributed.has_bfloat16(CPU.device),
    reason="this processor would emulate bfloat16, which takes long",
)
@pytest.mark.usefixtures("slim_vgg16")
def test_vgg16_learns_in_bfloat16(train_slice: Split) -> None:
    recipe = Recipe("test", epochs=4, batch_size=20)
    state = begin(recipe, architecture="vgg16")
    epochs = list(fit_digits(state, recipe, first(train_slice, 200), bfloat16=True))
    assert epochs[-1].train_loss < 0.7 * epochs[0].train_loss
    assert all(weight.dtype != torch.bfloat16 for weight in state.model.state_dict().values())


def test_fit_ends_without_augmentation(train_slice: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = replace(RECIPE, no_aug_fraction=0.3)
    state = begin(recipe)
    augmented = []

    def record(images: Tensor, *rest: Any) -> Tensor:
        augmented.append(state.epoch)
        return augment(images, *rest)

    monkeypatch.setattr(examples, "augment", record)
    assert len(list(fit_digits(state, recipe, first(train_slice, 64)))) == 3
    assert augmented == [0, 1]


@pytest.mark.parametrize("ema_decay", [None, 0.999])
def test_batch_norm_statistics_after_a_few_steps(
    train_slice: Split, ema_decay: float | None
) -> None:
    """They are those of the trained network, not of the random initial one."""
    torch.manual_seed(0)
    model = Chain(
        Normalize(),
        *(nn.Conv2d(1, 8, 5), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(4)),
        *(nn.Flatten(), nn.Linear(8 * 36, 10)),
    )
    recipe = Recipe("test", epochs=5, batch_size=128, learning_rate=0.01, ema_decay=ema_decay)
    few = first(train_slice, 140)
    average = None if ema_decay is None else copy.deepcopy(model)
    state = TrainState(model, make_optimizer(model, recipe), 0, average)
    list(fit_digits(state, recipe, few))
    images, _ = to_tensors(few, torch.device("cpu"))
    network = state.eval_model
    assert isinstance(network, Chain)
    with torch.inference_mode():
        before = network[:2](images)
    means = network.get_buffer("2.running_mean")
    torch.testing.assert_close(means, before.mean((0, 2, 3)), rtol=1e-3, atol=1e-4)


@pytest.mark.usefixtures("slim_vgg16")
@pytest.mark.parametrize("architecture", ["lenet5", "vgg16"])
def test_seed_decides_weights_even_if_restored(train_slice: Split, architecture: str) -> None:
    few = first(train_slice, 40)
    recipe = replace(RECIPE, batch_size=20)
    whole = begin(recipe, architecture=architecture)
    list(fit_digits(whole, recipe, few, few))

    torch.manual_seed(999)
    parts = begin(recipe, architecture=architecture)
    next(fit_digits(parts, recipe, few, few))
    restored = begin(recipe, architecture=architecture)
    restored.load_state_dict(parts.state_dict())
    assert [epoch.number for epoch in fit_digits(restored, recipe, few, few)] == [2, 3]
    assert_same(whole.model.state_dict(), restored.model.state_dict())
    assert_same(whole.eval_model.state_dict(), restored.eval_model.state_dict())


def test_batches_are_nearly_equal(train_slice: Split) -> None:
    seen: list[int] = []
    recipe = replace(PLAIN, batch_size=33)
    few = first(train_slice, 100)
    list(fit_digits(begin(recipe), recipe, few, on_step=lambda count, *_: seen.append(count)))
    assert seen == [25, 50, 75, 100]


@pytest.mark.parametrize(
    ("recipe", "complaint"),
    [
        (replace(PLAIN, epochs=3, batch_size=64, learning_rate=10.0), "loss"),
        (replace(PLAIN, epochs=3, batch_size=64, optimizer="sgd", learning_rate=1e30), ""),
        # In an epoch of one step the loss is computed before the step.
        (replace(PLAIN, batch_size=1000, learning_rate=1e30), "NaN or infinite logits; try a sm"),
    ],
)
def test_divergence_is_an_error(train_slice: Split, recipe: Recipe, complaint: str) -> None:
    with pytest.raises(DigitsError, match=f"training diverged in epoch 1: {complaint}"):
        list(fit_digits(begin(recipe), recipe, train_slice))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("architecture", ["lenet5", "vgg16"])
def test_fit_learns_on_gpu(train_slice: Split, test_slice: Split, architecture: str) -> None:
    dist = DistributedContext(torch.device("cuda"))
    recipe = replace(RECIPE, epochs=15, batch_size=32)
    state = begin(recipe, "cuda", architecture)
    bfloat16 = distributed.has_bfloat16(dist.device)
    [*_, last] = fit_digits(state, recipe, train_slice, test_slice, dist=dist, bfloat16=bfloat16)
    assert last.validation_accuracy > 0.8
