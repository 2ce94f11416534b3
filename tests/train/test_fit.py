import copy
from collections import OrderedDict
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
from digits_train.fit import TrainContext
from digits_train.metrics import loss_and_accuracy, predict, to_tensors
from digits_train.models import Network, Normalize
from digits_train.optim import make_optimizer
from digits_train.prepare import create_state
from tests.train.short import fit_digits

CPU = TrainContext(DistributedContext(torch.device("cpu")))
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


def parts(split: Split) -> tuple[Split, Split]:
    return (
        Split(split.images[:800], split.labels[:800]),
        Split(split.images[800:], split.labels[800:]),
    )


def begin(recipe: Recipe = RECIPE, device: str = "cpu", architecture: str = "lenet5") -> TrainState:
    return create_state(TrainConfig(architecture, recipe), torch.device(device))


@pytest.fixture
def slim_vgg16(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give VGG-16 few channels: the same layers with a hundredth of the work."""
    groups = ((8, 8), (16, 16), (16, 16, 16), (32, 32, 32), (32, 32, 512))
    monkeypatch.setattr(models.VGG16, "_GROUPS", groups)


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.slow
def test_fit_learns(train_slice: Split, test_slice: Split) -> None:
    recipe = Recipe("test", epochs=12, batch_size=32, learning_rate=2e-3)
    state = begin(recipe)
    epochs = list(fit_digits(state, recipe, *parts(train_slice), CPU))
    assert [epoch.number for epoch in epochs] == list(range(1, 13))
    assert epochs[-1].train_loss < 0.2 * epochs[0].train_loss
    assert epochs[-1].train_accuracy > 0.95
    assert epochs[-1].validation_accuracy is not None
    assert epochs[-1].validation_accuracy > 0.8
    assert loss_and_accuracy(predict(state.eval_model, test_slice), test_slice)[1] > 0.8


@pytest.mark.slow
def test_fit_learns_with_full_recipe(train_slice: Split, test_slice: Split) -> None:
    recipe = replace(RECIPE, epochs=15, batch_size=32)
    state = begin(recipe)
    list(fit_digits(state, recipe, *parts(train_slice), CPU))
    assert state.eval_model is state.ema_model
    assert loss_and_accuracy(predict(state.eval_model, test_slice), test_slice)[1] > 0.85


@pytest.mark.slow
@pytest.mark.skipif(
    not distributed.has_bfloat16(CPU.distributed.device),
    reason="this processor would emulate bfloat16, which takes long",
)
@pytest.mark.usefixtures("slim_vgg16")
def test_vgg16_learns_in_bfloat16(train_slice: Split) -> None:
    few = Split(train_slice.images[:200], train_slice.labels[:200])
    recipe = Recipe("test", epochs=4, batch_size=20)
    state = begin(recipe, architecture="vgg16")
    epochs = list(fit_digits(state, recipe, few, None, replace(CPU, bfloat16=True)))
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
    few = Split(train_slice.images[:64], train_slice.labels[:64])
    assert len(list(fit_digits(state, recipe, few, None, CPU))) == 3
    assert augmented == [0, 1]


@pytest.mark.parametrize("ema_decay", [None, 0.999])
def test_batch_norm_statistics_after_a_few_steps(
    train_slice: Split, ema_decay: float | None
) -> None:
    """They are those of the trained network, not of the random initial one."""
    torch.manual_seed(0)
    model = Network(
        OrderedDict(
            normalize=Normalize(),
            conv=nn.Conv2d(1, 8, 5),
            norm=nn.BatchNorm2d(8),
            relu=nn.ReLU(),
            pool=nn.MaxPool2d(4),
            flatten=nn.Flatten(),
            fc=nn.Linear(8 * 36, 10),
        )
    )
    recipe = Recipe("test", epochs=5, batch_size=128, learning_rate=0.01, ema_decay=ema_decay)
    few = Split(train_slice.images[:140], train_slice.labels[:140])
    state = TrainState(model, make_optimizer(model, recipe), 0, copy.deepcopy(model))
    if ema_decay is None:
        state.ema_model = None
    list(fit_digits(state, recipe, few, None, CPU))
    images, _ = to_tensors(few, torch.device("cpu"))
    network = state.eval_model
    assert isinstance(network, Network)
    with torch.inference_mode():
        before = network[:2](images)
    means = state.eval_model.get_buffer("norm.running_mean")
    torch.testing.assert_close(means, before.mean((0, 2, 3)), rtol=1e-3, atol=1e-4)


def test_same_seed_gives_identical_weights(train_slice: Split) -> None:
    results = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        state = begin()
        list(fit_digits(state, RECIPE, *parts(train_slice), CPU))
        results.append(state.eval_model.state_dict())
    assert_same(*results)


@pytest.mark.usefixtures("slim_vgg16")
@pytest.mark.parametrize("architecture", ["lenet5", "vgg16"])
def test_restored_state_continues_identically(train_slice: Split, architecture: str) -> None:
    few = Split(train_slice.images[:40], train_slice.labels[:40])
    recipe = replace(RECIPE, batch_size=20)
    whole = begin(recipe, architecture=architecture)
    list(fit_digits(whole, recipe, few, few, CPU))

    first = begin(recipe, architecture=architecture)
    next(fit_digits(first, recipe, few, few, CPU))
    saved = first.state_dict()
    torch.manual_seed(999)
    second = begin(recipe, architecture=architecture)
    second.load_state_dict(saved)
    assert [epoch.number for epoch in fit_digits(second, recipe, few, few, CPU)] == [2, 3]
    assert_same(whole.model.state_dict(), second.model.state_dict())
    assert_same(whole.eval_model.state_dict(), second.eval_model.state_dict())


def test_batches_are_nearly_equal(train_slice: Split) -> None:
    seen: list[int] = []
    train = Split(train_slice.images[:100], train_slice.labels[:100])
    recipe = Recipe("test", epochs=1, batch_size=33)
    list(fit_digits(begin(recipe), recipe, train, train, CPU, lambda done, *_: seen.append(done)))
    assert seen == [25, 50, 75, 100]


def test_no_validation_metrics_without_split(train_slice: Split) -> None:
    recipe = Recipe("test", epochs=1)
    [epoch] = fit_digits(begin(recipe), recipe, train_slice, None, CPU)
    assert (epoch.validation_loss, epoch.validation_accuracy) == (None, None)


@pytest.mark.parametrize("learning_rate", [10.0, 1e30])
def test_diverging_loss_is_an_error(train_slice: Split, learning_rate: float) -> None:
    recipe = Recipe("test", epochs=3, batch_size=64, optimizer="sgd", learning_rate=learning_rate)
    with pytest.raises(DigitsError, match="diverged"):
        list(fit_digits(begin(recipe), recipe, *parts(train_slice), CPU))


def test_divergence_in_last_step_is_an_error(train_slice: Split) -> None:
    """In an epoch of one step the loss is computed before the step."""
    recipe = Recipe("test", epochs=1, batch_size=1000, learning_rate=1e30)
    with pytest.raises(DigitsError, match="training diverged in epoch 1: NaN or infinite logits"):
        list(fit_digits(begin(recipe), recipe, train_slice, None, CPU))


def test_model_is_compiled(train_slice: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[nn.Module] = []

    def compile_model(model: nn.Module) -> nn.Module:
        compiled.append(model)
        return model

    monkeypatch.setattr(torch, "compile", compile_model)
    recipe = Recipe("test", epochs=1)
    state = begin(recipe)
    list(fit_digits(state, recipe, train_slice, None, replace(CPU, compiled=True)))
    assert compiled == [state.model]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("architecture", ["lenet5", "vgg16"])
def test_fit_learns_on_gpu(train_slice: Split, architecture: str) -> None:
    device = torch.device("cuda")
    ctx = TrainContext(DistributedContext(device), bfloat16=distributed.has_bfloat16(device))
    recipe = replace(RECIPE, epochs=15, batch_size=32)
    state = begin(recipe, "cuda", architecture)
    epochs = list(fit_digits(state, recipe, *parts(train_slice), ctx))
    assert epochs[-1].validation_accuracy is not None
    assert epochs[-1].validation_accuracy > 0.8
