"""A small trained network, shared by the tests of the exporter."""

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from digits.data.mnist import Split
from digits_export import evaluate
from digits_train import models
from digits_train.config import Recipe, TrainConfig
from digits_train.models import Network
from digits_train.training import begin
from tests.train.short import CPU, fit_digits


@pytest.fixture(autouse=True, scope="session")
def untimed() -> Iterator[None]:
    """Skip the latency measurement, which takes longer than the rest of an export."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "microseconds", lambda call: 1.0)
        yield


@pytest.fixture(scope="session")
def network(train_slice: Split) -> Network:
    """A LeNet-5 that has learnt the 800 training digits of `slice_as_mnist`."""
    recipe = Recipe("test", epochs=10, batch_size=32, learning_rate=2e-3)
    training = begin(TrainConfig("lenet5", recipe), CPU.device)
    list(fit_digits(training, recipe, Split(train_slice.images[:800], train_slice.labels[:800])))
    assert isinstance(training.model, Network)
    return training.model.eval()


@pytest.fixture(scope="session")
def vgg16(train_slice: Split) -> Network:
    """A VGG-16 with random weights, and the statistics of real digits in its batch norms."""
    torch.manual_seed(0)
    network = models.VGG16().train()
    for layer in network:
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None  # the mean over all batches, not one that moves towards it
    with torch.inference_mode():
        for images in torch.split(torch.tensor(train_slice.images[:96, None]), 32):
            network(images)
        answers = network.eval()(images).softmax(1)
    assert answers.std(0).max() > 0.01  # or no test would notice whether the digit matters
    return network
