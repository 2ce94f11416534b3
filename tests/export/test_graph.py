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
from digits.inference.model import open_session
from digits_export import graph, quantize, verify
from digits_export.temperature import UNSCALED, TemperatureScaling
from digits_train.models import LeNet5, Network, Normalize, chain


def test_lenet5_graph_is_minimal(network: Network) -> None:
    model = graph.build(network)
    verify.check_graph(model)
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


def test_interface(network: Network) -> None:
    [images], [probabilities] = (
        graph.build(network).graph.input,
        graph.build(network).graph.output,
    )
    assert (images.name, probabilities.name) == ("images", "probabilities")
    assert images.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert probabilities.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    shapes = [
        [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (images, probabilities)
    ]
    assert shapes == [["batch", 1, 28, 28], ["batch", 10]]


@pytest.mark.parametrize("scaling", [(0.7, 3.0), (1.0, 0.0), (1.9, -4.0)])
def test_agrees_with_pytorch(
    network: Network, test_slice: Split, scaling: tuple[float, float]
) -> None:
    how = TemperatureScaling(*scaling)
    session = open_session(graph.build(network, how).SerializeToString(), "float")
    assert verify.check_parity(session, network, how, test_slice.images) <= 1e-5


def test_untrained_network_agrees_with_pytorch(test_slice: Split) -> None:
    torch.manual_seed(3)
    network = LeNet5().eval()
    session = open_session(graph.build(network).SerializeToString(), "float")
    verify.check_parity(session, network, UNSCALED, test_slice.images)


def test_vgg16_graph_is_minimal(vgg16: Network) -> None:
    model = graph.build(vgg16)
    verify.check_graph(model)
    groups = [["Conv", "Relu"] * count + ["MaxPool"] for count in (2, 2, 3, 3, 3)]
    assert [node.op_type for node in model.graph.node] == [
        "Cast",
        *(operator for group in groups for operator in group),
        *("Flatten", "Gemm", "Relu", "Gemm", "Softmax", "Gemm"),
    ]
    pads = [
        list(attribute.ints)
        for node in model.graph.node
        for attribute in node.attribute
        if attribute.name == "pads"
    ]
    assert pads == [[3] * 4, *[[1] * 4] * 12]
    assert not any(a.name == "ceil_mode" for node in model.graph.node for a in node.attribute)


@pytest.mark.slow
def test_vgg16_agrees_with_pytorch(vgg16: Network, test_slice: Split) -> None:
    how = TemperatureScaling(1.3, 2.0)
    session = open_session(graph.build(vgg16, how).SerializeToString(), "float")
    verify.check_parity(session, vgg16, how, test_slice.images)


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
    layers += [nn.Flatten(), nn.LazyLinear(7), nn.ReLU(), nn.Linear(7, 10)]
    network = Network(OrderedDict((f"layer{n}", layer) for n, layer in enumerate(layers)))
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
    model = graph.build(network)
    verify.check_graph(model)
    session = open_session(model.SerializeToString(), "float")
    verify.check_parity(session, network, UNSCALED, test_slice.images)
    digits = test_slice.images[:50, None]
    try:
        small = quantize.quantize(model, digits)
    except ModelError as error:  # random weights may kill a ReLU
        assert "is never positive" in str(error)
        return
    verify.check_graph(small)
    runtime_graph.read(small.SerializeToString(), "exported")
    session = open_session(small.SerializeToString(), "integer")
    verify.check_interface(session)
    assert np.isfinite(session.run(None, {"images": digits})[0]).all()


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
