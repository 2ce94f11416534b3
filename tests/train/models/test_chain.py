from collections import OrderedDict

import pytest
import torch
from torch import nn

from digits.errors import ModelError
from digits_train import models
from digits_train.models import LeNet5, Network, Normalize, chain


def network(**layers: nn.Module) -> Network:
    return Network(OrderedDict(layers))


def lenet5(**changes: nn.Module) -> Network:
    """A LeNet-5 with some layers replaced."""
    layers = dict(LeNet5().named_children())
    assert changes.keys() <= layers.keys()
    return network(**(layers | changes))


@pytest.mark.parametrize("architecture", ["lenet5", "vgg16"])
def test_own_networks_can_be_exported(architecture: str) -> None:
    model = models.build(architecture).train()
    assert isinstance(model, Network)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    chain.check(model)
    assert model.training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("pool1", nn.MaxPool2d(2, stride=2, padding=0, dilation=1, ceil_mode=False)),
        ("relu1", nn.ReLU(inplace=True)),
        ("conv2", nn.Conv2d(6, 16, 5, bias=False)),
        ("conv2", nn.Conv2d(6, 16, (5, 7), padding=(0, 1))),
        ("relu3", nn.Dropout(0.1)),
    ],
)
def test_valid_layers(name: str, layer: nn.Module) -> None:
    chain.check(lenet5(**{name: layer}))


class Twice(nn.ReLU):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


POOL = "pool2 is .*one number for window and stride"


@pytest.mark.parametrize(
    ("name", "layer", "complaint"),
    [
        ("relu1", nn.Sigmoid(), "is a Sigmoid; only these can be exported: Normalize, .*ReLU"),
        ("relu1", Twice(), "relu1 is a Twice; only these"),
        ("relu1", nn.BatchNorm1d(6), "relu1 is a BatchNorm1d"),
        ("relu1", nn.AvgPool2d(2), "relu1 is a AvgPool2d"),
        ("pool1", nn.Sequential(nn.MaxPool2d(2)), "pool1 is a Sequential"),
        ("conv2", nn.Conv2d(6, 16, 5, padding_mode="reflect"), "conv2 is .*; to be .* a stride,"),
        ("conv2", nn.Conv2d(6, 16, 5, groups=2), "groups of 1"),
        ("conv2", nn.Conv2d(6, 16, 3, dilation=2), "a dilation"),
        ("conv2", nn.Conv2d(6, 16, 5, stride=2), "a stride"),
        ("conv2", nn.Conv2d(6, 16, 5, padding="same"), "zeros of padding"),
        ("conv2", nn.Conv2d(6, 16, 5, padding=6), "as the kernel is long"),
        ("pool2", nn.MaxPool2d(3, stride=2, padding=1), POOL),
        ("pool2", nn.MaxPool2d(2, ceil_mode=True), POOL),
        ("pool2", nn.MaxPool2d(2, dilation=2), POOL),
        ("pool2", nn.MaxPool2d((2, 1)), POOL),
        ("pool2", nn.MaxPool2d(2, return_indices=True), POOL),
        ("relu2", nn.BatchNorm2d(16, track_running_stats=False), "needs running statistics"),
        ("flatten", nn.Flatten(2), "all dimensions but the batch's"),
        ("flatten", nn.Flatten(1, 2), "all dimensions but the batch's"),
    ],
)
def test_unsupported_layers(name: str, layer: nn.Module, complaint: str) -> None:
    with pytest.raises(ModelError, match=complaint):
        chain.check(lenet5(**{name: layer}))


HEAD = "it must begin with Normalize and Conv2d; ZeroPad2d"
DENSE = {"flatten": nn.Flatten(), "fc": nn.Linear(28 * 28, 10)}
CONV = nn.Conv2d(1, 1, 3)


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (network(), HEAD),
        (network(**DENSE), HEAD),
        (network(conv=CONV, **DENSE), HEAD),
        (network(normalize=Normalize(), pad=nn.ZeroPad2d(1), conv=CONV, **DENSE), HEAD),
        (
            network(pad=nn.ZeroPad2d(4), normalize=Normalize(), conv=CONV, **DENSE),
            "pad pads by more than the kernel of conv is long",
        ),
        (network(one=Normalize(), two=Normalize(), **DENSE), HEAD),
        (network(normalize=Normalize(), relu=nn.ReLU(), **DENSE), HEAD),
        (network(pad=nn.ZeroPad2d(1), normalize=Normalize(), **DENSE), HEAD),
        (network(normalize=Normalize(), norm=nn.BatchNorm2d(1), **DENSE), HEAD),
        (lenet5(conv1=nn.Conv2d(1, 6, 5, padding=2)), "conv1 pads with 0, which after Normalize"),
        (
            network(pad=nn.ZeroPad2d((1, 1, 2, 2)), normalize=Normalize(), conv=CONV, **DENSE),
            "pad is .* needs the same padding on all sides",
        ),
        (
            network(pad=nn.ZeroPad2d(-1), normalize=Normalize(), conv=CONV, **DENSE),
            "pad is .* needs the same padding on all sides",
        ),
        (lenet5(pool1=nn.ZeroPad2d(2)), "pool1 is allowed only at the beginning"),
        (lenet5(relu2=Normalize()), "relu2 is allowed only at the beginning"),
        (lenet5(pool1=nn.BatchNorm2d(6)), "pool1 must follow a Conv2d"),
        (lenet5(relu2=nn.BatchNorm2d(7)), r"it can't process 28x28 pixels \("),
        (lenet5(flatten=nn.ReLU()), "fc1 needs a Flatten before it"),
        (lenet5(fc3=nn.ReLU()), "it must end with a Linear, not with fc3"),
        (lenet5(fc2=nn.Linear(120, 85)), r"it can't process 28x28 pixels \(mat1"),
        (lenet5(pool2=nn.MaxPool2d(9)), r"it can't process 28x28 pixels \("),
        (lenet5(fc3=nn.Linear(84, 11)), r"float32 \[10\] logits per picture, not float32 \[11\]"),
        (network(**{**LeNet5()._modules, "softmax": nn.Linear(10, 10)}), "softmax is reserved"),
        (lenet5().double(), "it can't process 28x28 pixels"),
    ],
)
def test_unsupported_chains(model: Network, complaint: str) -> None:
    with pytest.raises(ModelError, match=complaint):
        chain.check(model)


def test_lenet5_overridden_or_with_a_repeated_layer() -> None:
    class Custom(LeNet5):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.flatten(1)[:, :10]

    with pytest.raises(ModelError, match=r"it overrides forward\(\)"):
        chain.check(Custom())
    relu = nn.ReLU()  # PyTorch lists it once, so the exporter would omit the repetition
    with pytest.raises(ModelError, match="relu2 is already in the chain"):
        chain.check(lenet5(relu1=relu, relu2=relu))
