import copy
from collections import OrderedDict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import nn

from digits.data.mnist import Split
from digits.inference.model import open_session
from digits_export import fuse as module
from digits_export import graph
from digits_export.fuse import fuse
from digits_export.temperature import UNSCALED, TemperatureScaling
from digits_train.models import VGG16, LeNet5, Network, Normalize
from digits_train.models.network import probabilities, with_none

KERNELS = hnp.arrays(np.float32, (3, 1, 5, 3), elements=st.floats(-2, 2, width=16))
BIASES = hnp.arrays(np.float32, 3, elements=st.floats(-2, 2, width=16))


def chain(**layers: nn.Module) -> Network:
    return Network(OrderedDict(layers)).eval()


def assert_same_function(
    network: Network, fused: nn.Module, split: Split, scaling: TemperatureScaling = UNSCALED
) -> None:
    images = torch.tensor(split.images[:32, None]).float()
    with torch.inference_mode():
        expected = with_none(network(images) / scaling.temperature, scaling.none_logit)
        torch.testing.assert_close(fused(images), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["network", pytest.param("vgg16", marks=pytest.mark.slow)])
def test_fused_network_is_the_same_function(
    name: str, request: pytest.FixtureRequest, test_slice: Split
) -> None:
    network = request.getfixturevalue(name)
    before = copy.deepcopy(network.state_dict())
    fused = fuse(network, TemperatureScaling(1.7, -2.5))
    assert_same_function(network, fused, test_slice, TemperatureScaling(1.7, -2.5))
    assert not any(
        isinstance(layer, Normalize | nn.BatchNorm2d | nn.Dropout | nn.ZeroPad2d) for layer in fused
    )
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert {parameter.dtype for parameter in fused.parameters()} == {torch.float32}


def test_batch_norm_with_other_statistics(test_slice: Split) -> None:
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
    fused = fuse(network)
    assert [name for name, _ in fused.named_children()] == ["conv", "flatten", "fc"]
    assert fused.get_submodule("conv").padding == (1, 1)
    assert_same_function(network, fused, test_slice)


@given(KERNELS, BIASES)
@settings(max_examples=50)
def test_max_of_four_channels_equals_the_pool(weight: np.ndarray, bias: np.ndarray) -> None:
    image = torch.rand(2, 1, 28, 28)
    plain = nn.functional.conv2d(image, torch.tensor(weight), torch.tensor(bias))
    pooled = nn.functional.max_pool2d(plain, 2)
    phases, phase_biases = map(torch.tensor, module.to_phases(weight, bias))
    four = nn.functional.conv2d(image, phases, phase_biases, stride=2)
    torch.testing.assert_close(four.reshape(2, 3, 4, *four.shape[2:]).amax(2), pooled)


@given(KERNELS, BIASES)
def test_phases_can_be_inverted(weight: np.ndarray, bias: np.ndarray) -> None:
    again = module.from_phases(*module.to_phases(weight, bias))
    np.testing.assert_array_equal(again[0], weight)
    np.testing.assert_array_equal(again[1], bias)


def layers_from(first: nn.Conv2d, pool: int = 2) -> list[nn.Module]:
    return [first, nn.ReLU(), nn.MaxPool2d(pool), nn.Flatten()]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (layers_from(nn.Conv2d(1, 6, 5)), True),
        (layers_from(nn.Conv2d(1, 6, (3, 5))), True),
        (layers_from(nn.Conv2d(1, 6, (5, 7))), True),
        (layers_from(nn.Conv2d(1, 6, 4)), False),  # 25 rows: the pool drops one
        (layers_from(nn.Conv2d(1, 6, (5, 4))), False),
        (layers_from(nn.Conv2d(1, 6, 5, padding=2)), False),
        (layers_from(nn.Conv2d(3, 6, 5)), False),
        (layers_from(nn.Conv2d(1, 6, 5), pool=3), False),
        (layers_from(nn.Conv2d(1, 6, 5))[:2], False),
        ([nn.Flatten()], False),
        ([], False),
    ],
)
def test_which_networks_match_phases(layers: list[nn.Module], expected: bool) -> None:
    assert module.matches_phases(layers) == expected


def test_lenet5_has_phases_and_vgg16_has_not() -> None:
    for network, expected in ((LeNet5(), True), (VGG16(), False)):
        model = graph.build(network.eval())
        assert any(node.op_type == "Reshape" for node in model.graph.node) == expected


def test_another_network_with_phases(test_slice: Split) -> None:
    torch.manual_seed(0)
    layers = OrderedDict(
        normal=Normalize(), begin=nn.Conv2d(1, 4, (5, 3)), bend=nn.ReLU(), halve=nn.MaxPool2d(2),
        flat=nn.Flatten(), end=nn.Linear(4 * 12 * 13, 10),
    )  # fmt: skip
    network = nn.Sequential(layers).eval()
    session = open_session(graph.build(network).SerializeToString(), "float")  # type: ignore[arg-type]
    pixels = test_slice.images[:20, None]
    with torch.inference_mode():
        expected = probabilities(network(torch.tensor(pixels)))
    np.testing.assert_allclose(session.run(None, {"images": pixels})[0], expected, atol=1e-5)
