"""Graphs of classifiers, fused and quantized or not: they compute what PyTorch does."""

import copy
import math
from collections import OrderedDict

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from torch import nn

from digits.data.mnist import Split
from digits.errors import ModelError
from digits.inference import graph as runtime_graph
from digits.inference.interface import CLASSIFIER
from digits.inference.model import open_session
from digits_export import graph, quantize, verify
from digits_export.fuse import fuse, matches_phases
from digits_export.temperature import UNSCALED, TemperatureScaling
from digits_train.models import LeNet5, Network, Normalize, chain

SLOW_VGG16 = pytest.param("vgg16", marks=pytest.mark.slow)


def assert_parity(
    network: Network, images: np.ndarray, scaling: TemperatureScaling = UNSCALED
) -> onnx.ModelProto:
    """Build and check a graph, and compare it with PyTorch."""
    model = graph.build(network, scaling)
    verify.check_graph(model)
    session = open_session(model.SerializeToString(), "float")
    verify.check_interface(session, CLASSIFIER)

    @torch.inference_mode()
    def probabilities(pixels: np.ndarray) -> list[np.ndarray]:
        return [scaling.probabilities(network(torch.tensor(pixels))).numpy()]

    verify.check_parity(lambda pixels: session.run(None, {"images": pixels}), probabilities, images)
    return model


def test_lenet5_graph_is_minimal(network: Network) -> None:
    model = graph.build(network)
    assert [node.op_type for node in model.graph.node] == [
        *("Cast", "Conv", "Relu", "Reshape", "MaxPool", "Reshape", "Conv", "Relu", "MaxPool"),
        *("Flatten", "Gemm", "Relu", "Gemm", "Relu", "Gemm", "Softmax", "Gemm"),
    ]
    weights = sum(
        int(np.prod(tensor.dims))
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT
    )
    phases = 24 * (6 * 6 + 1) - 6 * (5 * 5 + 1)  # beyond the layer itself
    none = (84 + 1) + (11 * 10 + 10)  # the logit of no digit, and the shares of its probability
    assert weights == 44_426 + phases + none


def test_vgg16_graph_is_minimal(vgg16: Network) -> None:
    model = graph.build(vgg16)
    groups = [["Conv", "Relu"] * count + ["MaxPool"] for count in (2, 2, 3, 3, 3)]
    assert [node.op_type for node in model.graph.node] == [
        "Cast",
        *(operator for group in groups for operator in group),
        *("Flatten", "Gemm", "Relu", "Gemm", "Softmax", "Gemm"),
    ]
    attributes = [attribute for node in model.graph.node for attribute in node.attribute]
    pads = [list(attribute.ints) for attribute in attributes if attribute.name == "pads"]
    assert pads == [[3] * 4, *[[1] * 4] * 12]
    assert not any(attribute.name == "ceil_mode" for attribute in attributes)


@pytest.mark.parametrize(
    ("architecture", "scaling"),
    [
        ("network", TemperatureScaling(0.7, 3.0)),
        ("network", UNSCALED),
        ("network", TemperatureScaling(1.9, -4.0)),
        pytest.param("vgg16", TemperatureScaling(1.3, 2.0), marks=pytest.mark.slow),
    ],
)
def test_agrees_with_pytorch(
    architecture: str,
    scaling: TemperatureScaling,
    request: pytest.FixtureRequest,
    test_slice: Split,
) -> None:
    network: Network = request.getfixturevalue(architecture)
    before = copy.deepcopy(network.state_dict())
    assert_parity(network, test_slice.images, scaling)
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    exported = (nn.Conv2d, nn.ReLU, nn.MaxPool2d, nn.Flatten, nn.Linear)
    assert all(isinstance(layer, exported) for layer in fuse(network))


def chain_of(*layers: nn.Module) -> Network:
    return Network(OrderedDict((f"layer{n}", layer) for n, layer in enumerate(layers))).eval()


def convolution(
    kernel: int | tuple[int, int], pool: int = 2, padding: int = 0, channels: int = 1
) -> list[nn.Module]:
    return [nn.Conv2d(channels, 4, kernel, padding=padding), nn.ReLU(), nn.MaxPool2d(pool)]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (convolution(5), True),
        (convolution((3, 5)), True),
        (convolution((5, 7)), True),
        (convolution(4), False),  # 25 rows: the pool drops one
        (convolution((5, 4)), False),
        (convolution(5, pool=3), False),
        (convolution(5, padding=2), False),
        (convolution(5, channels=3), False),
        (convolution(5)[:2], False),
        ([nn.Flatten()], False),
        ([], False),
    ],
)
def test_which_networks_are_computed_in_phases(
    layers: list[nn.Module], expected: bool, test_slice: Split
) -> None:
    assert matches_phases(layers) == expected
    if expected:
        network = chain_of(Normalize(), *layers, nn.Flatten(), nn.LazyLinear(10))
        network(torch.zeros(1, 1, 28, 28))
        model = assert_parity(network, test_slice.images)
        assert any(node.op_type == "Reshape" for node in model.graph.node)


@st.composite
def chains(draw: st.DrawFn) -> Network:
    """Any network that `chain.check` accepts, with batch statistics."""
    pad = draw(st.integers(0, 3))
    layers: list[nn.Module] = [nn.ZeroPad2d(pad)] * draw(st.integers(0, 1))
    layers.append(Normalize())
    if len(layers) > 1 or draw(st.booleans()):
        channels = 1
        for number in range(draw(st.integers(1, 3))):
            kernel = draw(st.tuples(st.integers(1, 3), st.integers(1, 5)))
            rings = st.integers(0, min(2, max(kernel)))
            padding = draw(st.tuples(rings, rings)) if number else 0
            if isinstance(layers[0], nn.ZeroPad2d) and number == 0 and pad > max(kernel):
                reject()
            filters, bias = draw(st.integers(1, 6)), draw(st.booleans())
            layers.append(nn.Conv2d(channels, filters, kernel, padding=padding, bias=bias))
            channels = filters
            after = (nn.BatchNorm2d(channels), nn.ReLU(), nn.MaxPool2d(draw(st.integers(1, 3))))
            layers += [layer for layer in after if draw(st.booleans())]
            layers += [nn.Dropout()] * (draw(st.booleans()) and number == 0)
    last = nn.Linear(7, 10, bias=draw(st.booleans()))
    network = chain_of(*layers, nn.Flatten(), nn.LazyLinear(7), nn.ReLU(), last)
    try:
        network.train()(torch.rand(8, 1, 28, 28) * 255)
    except RuntimeError:  # the map is smaller than the next kernel
        reject()
    return network.eval()


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_trainable_networks_can_be_exported(test_slice: Split, data: st.DataObject) -> None:
    torch.manual_seed(0)
    network = data.draw(chains())
    chain.check(network)
    model = assert_parity(network, test_slice.images)
    digits = test_slice.images[:50, None]
    try:
        small = quantize.quantize(model, digits)
    except ModelError as error:  # random weights may kill a ReLU
        assert "is never positive" in str(error)
        return
    verify.check_graph(small)
    runtime_graph.read(small.SerializeToString(), "exported")
    session = open_session(small.SerializeToString(), "integer")
    verify.check_interface(session, CLASSIFIER)
    assert np.isfinite(session.run(None, {"images": digits})[0]).all()


@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.parametrize("architecture", ["network", SLOW_VGG16])
def test_runtime_accepts_every_file_and_infers_its_shapes(
    architecture: str, quantized: bool, request: pytest.FixtureRequest, test_slice: Split
) -> None:
    model = graph.build(request.getfixturevalue(architecture))
    if quantized:
        model = quantize.quantize(model, test_slice.images[:20, None])
    checked = runtime_graph.read(model.SerializeToString(), "exported")
    assert sum(checked.operators.values()) == len(model.graph.node)
    values = 28 * 28 + 10
    for value in onnx.shape_inference.infer_shapes(model).graph.value_info:
        lengths = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        values += math.prod(lengths[1:]) if lengths[:1] == [0] else 0
    assert checked.values == values


def test_layer_with_a_reserved_name_is_an_error(network: Network) -> None:
    model = graph.build(network).graph
    tensors = {name for node in model.node for name in (*node.input, *node.output)}
    names = {name.split(".")[0] for name in tensors} - {
        name for name, _ in network.named_children()
    }
    for name in names:
        renamed = Network(
            OrderedDict((name if n == "fc3" else n, layer) for n, layer in network.named_children())
        )
        with pytest.raises(ModelError, match=f"{name}.* is reserved"):
            graph.build(renamed)
    assert names


def test_unsupported_layer_is_an_error() -> None:
    strange = LeNet5()
    strange.relu1 = nn.Sigmoid()
    with pytest.raises(ModelError, match="relu1 is a Sigmoid"):
        graph.build(strange)
