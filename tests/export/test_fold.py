import copy
from collections import OrderedDict

import pytest
import torch
from torch import nn

from digits.data.mnist import Split
from digits_export.calibration import UNCALIBRATED, Calibration
from digits_export.fold import fold
from digits_train.models import Network, Normalize
from digits_train.models.network import with_none


def chain(**layers: nn.Module) -> Network:
    return Network(OrderedDict(layers)).eval()


def assert_same_function(
    network: Network, folded: nn.Module, split: Split, calibration: Calibration = UNCALIBRATED
) -> None:
    images = torch.tensor(split.images[:32, None]).float()
    with torch.inference_mode():
        expected = with_none(network(images) / calibration.temperature, calibration.none_logit)
        torch.testing.assert_close(folded(images), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["network", pytest.param("vgg16", marks=pytest.mark.slow)])
def test_it_stays_the_same_function(
    name: str, request: pytest.FixtureRequest, test_slice: Split
) -> None:
    network = request.getfixturevalue(name)
    before = copy.deepcopy(network.state_dict())
    folded = fold(network, Calibration(1.7, -2.5))
    assert_same_function(network, folded, test_slice, Calibration(1.7, -2.5))
    assert not any(
        isinstance(layer, Normalize | nn.BatchNorm2d | nn.Dropout | nn.ZeroPad2d)
        for layer in folded
    )
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert {parameter.dtype for parameter in folded.parameters()} == {torch.float32}


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
