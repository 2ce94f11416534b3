import numpy as np
import pytest
import torch

from digits.data.mnist import Split
from digits_train import examples
from digits_train.examples import Examples, Pool
from digits_train.fit import Resources, fit
from digits_train.models.network import NONE
from digits_train.plan import Plan
from digits_train.prepare import start
from digits_train.recipe import Recipe
from digits_train.world import World
from tests.train.slice_digits import COUNTS

CPU = torch.device("cpu")


def pool(label: int, share: float, count: int = 20) -> Pool:
    images = np.full((count, 28, 28), label, np.uint8)
    return Pool(images, np.full(count, label, np.uint8), share)


def few(train_slice: Split, count: int) -> Split:
    return Split(train_slice.images[:count], train_slice.labels[:count])


def test_a_batch_has_its_digits_and_the_share_of_each_pool(train_slice: Split) -> None:
    digits = few(train_slice, 100)
    all_of_them = Examples.of(digits, [pool(3, 0.5), pool(NONE, 0.25)], CPU)
    batch = torch.arange(40)
    chosen = all_of_them.beside(batch, torch.Generator().manual_seed(0))
    assert sorted(chosen[chosen < 100].tolist()) == batch.tolist()
    beside = all_of_them.labels[chosen[chosen >= 100]]
    assert (beside == 3).sum() == 20
    assert (beside == NONE).sum() == 10
    assert not torch.equal(chosen[:40], batch)  # or one of two processes would get no digit
    for index in chosen[chosen >= 100].tolist():
        assert (all_of_them.images[index] == all_of_them.labels[index]).all()


def test_without_pools_a_batch_stays_as_it_is(train_slice: Split) -> None:
    batch = torch.tensor([5, 3, 9])
    alone = Examples.of(few(train_slice, 10), [], CPU)
    assert alone.beside(batch, torch.Generator()).tolist() == [5, 3, 9]


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_a_small_batch_has_one_of_each_pool(train_slice: Split, batch: int) -> None:
    recipe = Recipe("test", epochs=1, batch_size=batch, outliers=0.1)
    training = start(Plan("lenet5", recipe), CPU)
    resources = Resources(World(CPU), pools=[pool(NONE, 0.25)])
    assert len(list(fit(training, recipe, few(train_slice, 12), None, resources))) == 1


def test_the_figures_are_those_of_the_training_digits(train_slice: Split) -> None:
    """What is drawn beside them changes neither their number nor the accuracy."""
    recipe = Recipe("test", epochs=1, batch_size=20, learning_rate=1e-12, outliers=0.1)
    found = []
    for pools in ([], [pool(7, 2.0), pool(NONE, 0.5)]):
        seen = []
        training = start(Plan("lenet5", recipe), CPU)
        resources = Resources(World(CPU), pools=pools)

        def on_step(digits: int, own: int, sums: torch.Tensor, seen: list[int] = seen) -> None:
            seen.append(own)
            assert digits == own

        [epoch] = fit(training, recipe, few(train_slice, 60), None, resources, on_step)
        found.append((epoch.train_accuracy, pytest.approx(epoch.train_loss, rel=1e-4)))
        assert seen == [20, 40, 60]
    assert found[0] == found[1]


def test_a_recipe_gets_the_pools_it_wants(
    train_slice: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in COUNTS:
        monkeypatch.setattr(examples, name, 20)
    assert examples.pools(Recipe("test", epochs=1), train_slice, 0) == []
    recipe = Recipe("test", epochs=1, drawn=0.3, photographed=0.2, outliers=0.1)
    drawn, photographed, others = examples.pools(recipe, train_slice, 0)
    assert (drawn.share, photographed.share) == (0.3, 0.2)
    assert set(drawn.labels) == set(range(10))
    assert set(photographed.labels) <= set(range(10))
    assert set(others.labels) == {NONE}
    assert len(others.images) == 40
