import copy
from collections import OrderedDict

import pytest
import torch
from torch import nn

from digits.data.mnist import Split
from digits.errors import ModelError
from digits_export.fold import fold
from digits_train.models import LeNet5, Network, Normalize


def chain(**layers: nn.Module) -> Network:
    return Network(OrderedDict(layers)).eval()


def assert_same_function(
    network: Network, folded: nn.Module, split: Split, temperature: float = 1.0
) -> None:
    images = torch.tensor(split.images[:32, None]).float()
    with torch.inference_mode():
        torch.testing.assert_close(
            folded(images), network(images) / temperature, rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("name", ["network", "vgg16"])
def test_it_stays_the_same_function(
    name: str, request: pytest.FixtureRequest, test_slice: Split
) -> None:
    network = request.getfixturevalue(name)
    before = copy.deepcopy(network.state_dict())
    folded = fold(network, 1.7)
    assert_same_function(network, folded, test_slice, 1.7)
    assert not any(
        isinstance(layer, Normalize | nn.BatchNorm2d | nn.Dropout | nn.ZeroPad2d)
        for layer in folded
    )
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert {parameter.dtype for parameter in folded.parameters()} == {torch.float32}


def test_a_network_that_doesn_t_normalize(test_slice: Split) -> None:
    network = LeNet5().eval()
    del network.normalize
    assert_same_function(network, fold(network), test_slice)


def test_batch_norm_with_statistics_of_its_own(test_slice: Split) -> None:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(4)
    for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
        nn.init.uniform_(tensor, 0.5, 2.0)  # type: ignore[arg-type]
    network = chain(
        pad=nn.ZeroPad2d(1),
        normalize=Normalize(),
        conv=nn.Conv2d(1, 4, 3),
        norm=norm,
        flatten=nn.Flatten(),
        fc=nn.Linear(4 * 28 * 28, 10),
    )
    folded = fold(network)
    assert [name for name, _ in folded.named_children()] == ["conv", "flatten", "fc"]
    assert folded.get_submodule("conv").padding == (1, 1)
    assert_same_function(network, folded, test_slice)


DENSE = {"flatten": nn.Flatten(), "fc": nn.Linear(28 * 28, 10)}


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            chain(normalize=Normalize(), conv=nn.Conv2d(1, 1, 3, padding=1), **DENSE),
            "conv pads, so the normalisation can't be folded",
        ),
        (
            chain(pad=nn.ZeroPad2d(1), conv=nn.Conv2d(1, 1, 5, padding=1), **DENSE),
            "conv can't pad the digit",
        ),
        (
            chain(normalize=Normalize(), pad=nn.ZeroPad2d(1), conv=nn.Conv2d(1, 1, 3), **DENSE),
            "pad can only be folded as the first layer",
        ),
        (
            chain(pad=nn.ZeroPad2d((1, 1, 2, 2)), conv=nn.Conv2d(1, 1, (5, 3)), **DENSE),
            "pad can only be folded as the first layer",
        ),
        (chain(norm=nn.BatchNorm2d(1), **DENSE), "norm follows no convolution"),
        (chain(one=Normalize(), two=Normalize(), **DENSE), "two can only be folded as the first"),
        (chain(one=Normalize(), relu=nn.ReLU(), **DENSE), "relu stands between"),
        (chain(pad=nn.ZeroPad2d(1), pool=nn.MaxPool2d(30)), "pool stands between"),
        (chain(**DENSE, relu=nn.ReLU()), "the last layer is not dense"),
    ],
)
def test_what_can_t_be_folded_exactly_is_an_error(network: Network, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        fold(network)
