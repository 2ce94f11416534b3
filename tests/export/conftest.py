"""A small trained network, shared by the tests of the exporter."""

import pytest

from digits.data.mnist import Split
from digits_train.config import Recipe, TrainConfig
from digits_train.distributed import CPU
from digits_train.models import Network
from digits_train.training import begin
from tests.train.short import fit_digits


@pytest.fixture(scope="session")
def network(train_slice: Split) -> Network:
    """A LeNet-5 that has learnt the 800 training digits of `slice_as_mnist`."""
    recipe = Recipe("test", epochs=10, batch_size=32, learning_rate=2e-3)
    training = begin(TrainConfig("lenet5", recipe), CPU.device)
    list(fit_digits(training, recipe, Split(train_slice.images[:800], train_slice.labels[:800])))
    assert isinstance(training.model, Network)
    return training.model.eval()
