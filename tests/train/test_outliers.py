import numpy as np
import pytest
import torch

from digits.data.mnist import Split
from digits_train import outliers
from digits_train.examples import Pool
from digits_train.fit import Resources, fit, predict
from digits_train.models.network import NONE, probabilities
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
    return float(probabilities(predict(network, split)).amax(1).mean())


@pytest.mark.slow
def test_a_network_learns_to_be_unsure(train_slice: Split) -> None:
    """Of pictures that it hasn't seen, while it is sure of digits."""
    unseen = outliers.make(train_slice, 200, seed=1)
    sure = {}
    for weight in (0.0, 0.5):
        recipe = Recipe("test", epochs=10, batch_size=40, learning_rate=2e-3, outliers=weight)
        training = start(Plan("lenet5", recipe), torch.device("cpu"))
        others = outliers.make(train_slice, 400, seed=0)
        pool = Pool(others, np.full(400, NONE, np.uint8), 0.25)
        resources = Resources(World(torch.device("cpu")), pools=[pool] if weight else [])
        epochs = list(fit(training, recipe, train_slice, None, resources))
        assert epochs[-1].train_accuracy > 0.93
        sure[weight] = confidence(training.result, unseen)
    assert sure[0.5] < sure[0.0] - 0.2
    assert confidence(training.result, train_slice.images) > 0.75
