from collections import OrderedDict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import nn

from digits.data.mnist import Split
from digits.models.model import open_session
from digits_export import graph, phases
from digits_train.models import VGG16, LeNet5, Normalize
from digits_train.models.network import probabilities

KERNELS = hnp.arrays(np.float32, (3, 1, 5, 3), elements=st.floats(-2, 2, width=16))
BIASES = hnp.arrays(np.float32, 3, elements=st.floats(-2, 2, width=16))


@given(KERNELS, BIASES)
@settings(max_examples=50)
def test_the_largest_of_four_channels_is_the_pool_s(weight: np.ndarray, bias: np.ndarray) -> None:
    image = torch.rand(2, 1, 28, 28)
    plain = nn.functional.conv2d(image, torch.tensor(weight), torch.tensor(bias))
    pooled = nn.functional.max_pool2d(plain, 2)
    four = nn.functional.conv2d(image, *map(torch.tensor, phases.weights(weight, bias)), stride=2)
    torch.testing.assert_close(four.unflatten(1, (3, 4)).amax(2), pooled)


@given(KERNELS, BIASES)
def test_the_original_can_be_had_back(weight: np.ndarray, bias: np.ndarray) -> None:
    again = phases.original(*phases.weights(weight, bias))
    np.testing.assert_array_equal(again[0], weight)
    np.testing.assert_array_equal(again[1], bias)


def chain(first: nn.Conv2d, pool: int = 2) -> list[nn.Module]:
    return [first, nn.ReLU(), nn.MaxPool2d(pool), nn.Flatten()]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (chain(nn.Conv2d(1, 6, 5)), True),
        (chain(nn.Conv2d(1, 6, (3, 5))), True),
        (chain(nn.Conv2d(1, 6, 4)), False),  # 25 rows: the pool leaves one out
        (chain(nn.Conv2d(1, 6, 5, padding=2)), False),
        (chain(nn.Conv2d(3, 6, 5)), False),
        (chain(nn.Conv2d(1, 6, 5), pool=3), False),
        (chain(nn.Conv2d(1, 6, 5))[:2], False),
        ([nn.Flatten()], False),
        ([], False),
    ],
)
def test_where_they_apply(layers: list[nn.Module], expected: bool) -> None:
    assert phases.applies(layers) == expected


def test_lenet5_has_them_and_vgg16_has_not() -> None:
    for network, expected in ((LeNet5(), True), (VGG16(), False)):
        model = graph.build(network.eval())
        assert any(node.op_type == "Reshape" for node in model.graph.node) == expected


def test_another_network_may_begin_so(test_slice: Split) -> None:
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
