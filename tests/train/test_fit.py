from typing import Any

import pytest
import torch

from digits.errors import DigitsError
from digits.mnist import Split
from digits_train import fit as module
from digits_train.fit import Training, fit, measure, predict
from digits_train.recipe import Augmentation, Recipe
from digits_train.session import Plan, start

RECIPE = Recipe("test", epochs=3, batch_size=64, augmentation=Augmentation(), schedule="cosine")


def parts(split: Split) -> tuple[Split, Split]:
    return (
        Split(split.images[:800], split.labels[:800]),
        Split(split.images[800:], split.labels[800:]),
    )


def begin(recipe: Recipe = RECIPE, device: str = "cpu") -> Training:
    torch.manual_seed(0)
    return start(Plan("lenet5", recipe, 0), torch.device(device))


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_it_learns(train_slice: Split, test_slice: Split) -> None:
    training = begin()
    recipe = Recipe("test", epochs=12, batch_size=32, learning_rate=2e-3)
    epochs = list(fit(training, recipe, *parts(train_slice)))
    assert [epoch.number for epoch in epochs] == list(range(1, 13))
    assert epochs[-1].train_loss < 0.2 * epochs[0].train_loss
    assert epochs[-1].train_accuracy > 0.95
    assert epochs[-1].validation_accuracy > 0.8
    assert measure(predict(training.model, test_slice), test_slice)[1] > 0.8


def test_the_same_seed_gives_the_same_weights_bit_for_bit(train_slice: Split) -> None:
    results = []
    for _ in range(2):
        training = begin()
        list(fit(training, RECIPE, *parts(train_slice)))
        results.append(training.model.state_dict())
    assert_same(*results)


def test_a_restored_training_goes_on_bit_for_bit(train_slice: Split) -> None:
    whole = begin()
    list(fit(whole, RECIPE, *parts(train_slice)))

    first = begin()
    next(fit(first, RECIPE, *parts(train_slice)))
    state = first.state()
    torch.manual_seed(999)
    second = start(Plan("lenet5", RECIPE, 0), torch.device("cpu"))
    second.restore(state)
    assert [epoch.number for epoch in fit(second, RECIPE, *parts(train_slice))] == [2, 3]
    assert_same(whole.model.state_dict(), second.model.state_dict())


def test_the_last_incomplete_batch_trains_too(train_slice: Split) -> None:
    seen: list[int] = []
    train = Split(train_slice.images[:100], train_slice.labels[:100])
    recipe = Recipe("test", epochs=1, batch_size=64)
    list(fit(begin(recipe), recipe, train, train, lambda done, *_: seen.append(done)))
    assert seen == [64, 100]


def test_a_diverging_loss_stops_with_an_error(train_slice: Split) -> None:
    recipe = Recipe("test", epochs=3, batch_size=64, learning_rate=1e30)
    with pytest.raises(DigitsError, match="diverged"):
        list(fit(begin(recipe), recipe, *parts(train_slice)))


@pytest.mark.parametrize(("schedule", "end"), [("constant", 1.0), ("cosine", 0.0)])
def test_schedules(schedule: Any, end: float) -> None:
    recipe = Recipe("test", epochs=1, learning_rate=0.5, schedule=schedule)
    rates = [module.learning_rate(recipe, step / 10) for step in range(11)]
    assert rates[0] == 0.5
    assert rates[-1] == pytest.approx(0.5 * end)
    assert rates == sorted(rates, reverse=True)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_it_learns_on_the_gpu(train_slice: Split) -> None:
    training = begin(device="cuda")
    epochs = list(fit(training, Recipe("test", epochs=12, batch_size=32), *parts(train_slice)))
    assert epochs[-1].validation_accuracy > 0.8
