import threading
import time

import numpy as np
import pytest
import torch

from digits.data.mnist import Split
from digits_train import examples
from digits_train.config import Recipe, TrainConfig
from digits_train.distributed import DistributedContext
from digits_train.examples import Examples, Pool, prefetch
from digits_train.fit import TrainContext
from digits_train.models.network import NONE
from digits_train.prepare import create_state
from tests.train.short import fit_digits
from tests.train.subset_digits import COUNTS

CPU = torch.device("cpu")


def pool(label: int, share: float, count: int = 20) -> Pool:
    images = np.full((count, 28, 28), label, np.uint8)
    return Pool(images, np.full(count, label, np.uint8), share)


def few(train_slice: Split, count: int) -> Split:
    return Split(train_slice.images[:count], train_slice.labels[:count])


def test_batch_has_digits_and_pool_shares(train_slice: Split) -> None:
    digits = few(train_slice, 100)
    all_of_them = Examples.of(digits, [pool(3, 0.5), pool(NONE, 0.25)], CPU)
    batch = torch.arange(40)
    chosen = all_of_them.add_pool_samples(batch, torch.Generator().manual_seed(0))
    assert sorted(chosen[chosen < 100].tolist()) == batch.tolist()
    added = all_of_them.labels[chosen[chosen >= 100]]
    assert (added == 3).sum() == 20
    assert (added == NONE).sum() == 10
    assert not torch.equal(chosen[:40], batch)  # or one of two processes would get no digit
    for index in chosen[chosen >= 100].tolist():
        assert (all_of_them.images[index] == all_of_them.labels[index]).all()


def test_batch_without_pools(train_slice: Split) -> None:
    batch = torch.tensor([5, 3, 9])
    alone = Examples.of(few(train_slice, 10), [], CPU)
    assert alone.add_pool_samples(batch, torch.Generator()).tolist() == [5, 3, 9]


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_small_batch_has_one_of_each_pool(train_slice: Split, batch: int) -> None:
    recipe = Recipe("test", epochs=1, batch_size=batch, outlier_weight=0.1)
    state = create_state(TrainConfig("lenet5", recipe), CPU)
    ctx, pools = TrainContext(DistributedContext(CPU)), [pool(NONE, 0.25)]
    digits = few(train_slice, 12)
    assert len(list(fit_digits(state, recipe, digits, None, ctx, pools=pools))) == 1


def test_metrics_count_training_digits_only(train_slice: Split) -> None:
    """Pictures from pools change neither the count nor the accuracy."""
    recipe = Recipe("test", epochs=1, batch_size=20, learning_rate=1e-12, outlier_weight=0.1)
    found = []
    for pools in ([], [pool(7, 2.0), pool(NONE, 0.5)]):
        seen: list[int] = []
        state = create_state(TrainConfig("lenet5", recipe), CPU)
        ctx = TrainContext(DistributedContext(CPU))

        def on_step(digits: int, own: int, sums: torch.Tensor, seen: list[int] = seen) -> None:
            seen.append(own)
            assert digits == own

        digits = few(train_slice, 60)
        [epoch] = fit_digits(state, recipe, digits, None, ctx, on_step, pools=pools)
        found.append((epoch.train_accuracy, pytest.approx(epoch.train_loss, rel=1e-4)))
        assert seen == [20, 40, 60]
    assert found[0] == found[1]


def test_generate_pools(train_slice: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in COUNTS:
        monkeypatch.setattr(examples, name, 20)
    assert examples.generate_pools(Recipe("test", epochs=1), train_slice, 0) == []
    recipe = Recipe("test", epochs=1, drawn=0.3, photographed=0.2, outlier_weight=0.1)
    drawn, photographed, others = examples.generate_pools(recipe, train_slice, 0)
    assert (drawn.share, photographed.share) == (0.3, 0.2)
    assert set(drawn.labels) == set(range(10))
    assert set(photographed.labels) <= set(range(10))
    assert set(others.labels) == {NONE}
    assert len(others.images) == 40


def test_prefetch_is_like_map() -> None:
    assert list(prefetch(lambda n: n * n, range(20))) == [n * n for n in range(20)]
    assert list(prefetch(lambda n: n, [])) == []


def test_prefetch_is_bounded_and_uses_one_thread() -> None:
    made: list[int] = []
    threads = set()

    def make(number: int) -> int:
        made.append(number)
        threads.add(threading.get_ident())
        return number

    results = prefetch(make, range(100))
    assert next(results) == 0
    deadline = time.monotonic() + 20
    while len(made) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert made == [0, 1, 2]
    assert list(results) == list(range(1, 100))
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_prefetch_propagates_errors() -> None:
    def make(number: int) -> int:
        if number == 2:
            raise ValueError("two")
        return number

    results = prefetch(make, range(5))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(results)


def test_prefetch_keeps_number_of_torch_threads() -> None:
    [threads] = prefetch(lambda _: torch.get_num_threads(), [None])
    assert threads == torch.get_num_threads()
