import numpy as np
import pytest
import torch

from digits.data.mnist import Split
from digits_train import outliers
from digits_train.fit import Resources, fit, predict
from digits_train.models import choose
from digits_train.plan import Plan
from digits_train.prepare import start
from digits_train.recipe import Recipe
from digits_train.world import World


@pytest.mark.parametrize("draw", dict.fromkeys(outliers.KINDS))
def test_every_kind_is_framed_and_varied(train_slice: Split, draw: outliers.Draw) -> None:
    random = np.random.default_rng(0)
    frames = [outliers._framed(draw, random, train_slice) for _ in range(20)]
    assert all((frame.shape, frame.dtype) == ((28, 28), np.uint8) for frame in frames)
    assert all(frame.max() == 255 for frame in frames)
    assert len({frame.tobytes() for frame in frames}) == 20


def test_the_same_seed_draws_the_same(train_slice: Split) -> None:
    one, same, other = (outliers.make(train_slice, 30, seed) for seed in (0, 0, 1))
    assert one.shape == (30, 28, 28)
    assert (one == same).all()
    assert (one != other).any()


def confidence(network: torch.nn.Module, images: np.ndarray) -> float:
    """Its mean for these pictures."""
    split = Split(images, np.zeros(len(images), np.uint8))
    return float(predict(network, split).softmax(1).amax(1).mean())


@pytest.mark.slow
def test_a_network_learns_to_be_unsure(train_slice: Split) -> None:
    """Of pictures that it hasn't seen, while it is sure of digits."""
    unseen = outliers.make(train_slice, 200, seed=1)
    sure = {}
    for weight in (0.0, 0.5):
        recipe = Recipe("test", epochs=10, batch_size=40, learning_rate=2e-3, outliers=weight)
        training = start(Plan("lenet5", recipe), torch.device("cpu"))
        others = torch.tensor(outliers.make(train_slice, 400, seed=0)[:, None])
        resources = Resources(World(torch.device("cpu")), outliers=others if weight else None)
        epochs = list(fit(training, recipe, train_slice, None, resources))
        assert epochs[-1].train_accuracy > 0.93
        sure[weight] = confidence(training.result, unseen)
    assert sure[0.5] < sure[0.0] - 0.2
    assert confidence(training.result, train_slice.images) > 0.75


@pytest.mark.parametrize("batch", [1, 3, 5])
def test_small_batches_have_an_outlier_too(train_slice: Split, batch: int) -> None:
    """Fewer than four digits once left none to augment."""
    recipe = choose("lenet5", "default", epochs=1, batch_size=batch)
    training = start(Plan("lenet5", recipe), torch.device("cpu"))
    others = torch.tensor(outliers.make(train_slice, 10, seed=0)[:, None])
    few = Split(train_slice.images[:12], train_slice.labels[:12])
    resources = Resources(World(torch.device("cpu")), outliers=others)
    assert len(list(fit(training, recipe, few, None, resources))) == 1


def test_a_process_without_outliers_throws_the_same_dice(train_slice: Split) -> None:
    recipe = choose("lenet5", "default")
    others = torch.tensor(outliers.make(train_slice, 10, seed=0)[:, None])
    seen, states = [], []
    for rank in range(2):
        world = World(torch.device("cpu"), rank=rank, size=2)
        generator = torch.Generator().manual_seed(0)
        drawn, count = outliers.beside(others, recipe.augmentation, 4, generator, world)
        seen.append(len(drawn))
        states.append(generator.get_state())
        assert count == 1
    assert sorted(seen) == [0, 1]
    assert torch.equal(*states)
