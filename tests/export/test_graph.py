import numpy as np
import onnx
import pytest
import torch
from torch import nn

from digits.data.mnist import Split
from digits.errors import ModelError
from digits.models.model import open_session
from digits_export import graph, verify
from digits_train.models import LeNet5, Network


def test_the_graph_is_as_small_as_it_can_be(network: Network) -> None:
    model = graph.build(network)
    verify.check_graph(model)
    assert [node.op_type for node in model.graph.node] == [
        *("Cast", "Conv", "Relu", "Reshape", "MaxPool", "Reshape", "Conv", "Relu", "MaxPool"),
        *("Flatten", "Gemm", "Relu", "Gemm", "Relu", "Gemm", "Softmax"),
    ]
    weights = sum(
        int(np.prod(tensor.dims))
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT
    )
    phases = 24 * (6 * 6 + 1) - 6 * (5 * 5 + 1)  # what they have more than the layer itself
    assert weights == 44_426 + phases


def test_the_interface_is_the_contract(network: Network) -> None:
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


@pytest.mark.parametrize("temperature", [0.7, 1.0, 1.9])
def test_it_agrees_with_pytorch(network: Network, test_slice: Split, temperature: float) -> None:
    model = graph.build(network, temperature).SerializeToString()
    session = open_session(model, "float")
    assert verify.check_parity(session, network, temperature, test_slice.images) <= 1e-5


def test_an_untrained_network_agrees_too(test_slice: Split) -> None:
    torch.manual_seed(3)
    network = LeNet5().eval()
    session = open_session(graph.build(network).SerializeToString(), "float")
    verify.check_parity(session, network, 1.0, test_slice.images)


def test_vgg16_is_convolutions_poolings_and_two_dense_layers(vgg16: Network) -> None:
    model = graph.build(vgg16)
    verify.check_graph(model)
    groups = [["Conv", "Relu"] * count + ["MaxPool"] for count in (2, 2, 3, 3, 3)]
    assert [node.op_type for node in model.graph.node] == [
        "Cast",
        *(operator for group in groups for operator in group),
        *("Flatten", "Gemm", "Relu", "Gemm", "Softmax"),
    ]
    pads = [
        list(attribute.ints)
        for node in model.graph.node
        for attribute in node.attribute
        if attribute.name == "pads"
    ]
    assert pads == [[3] * 4, *[[1] * 4] * 12]
    assert not any(a.name == "ceil_mode" for node in model.graph.node for a in node.attribute)


def test_vgg16_agrees_with_pytorch(vgg16: Network, test_slice: Split) -> None:
    session = open_session(graph.build(vgg16, 1.3).SerializeToString(), "float")
    verify.check_parity(session, vgg16, 1.3, test_slice.images)


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("conv1", nn.Conv2d(1, 6, 5, padding_mode="reflect")),
        ("conv2", nn.Conv2d(6, 16, 5, groups=2)),
        ("pool1", nn.MaxPool2d(2, stride=2, padding=0, dilation=1, ceil_mode=False)),
        ("pool2", nn.MaxPool2d(3, stride=2, padding=1)),
    ],
)
def test_what_a_node_would_not_do_is_an_error(name: str, layer: nn.Module) -> None:
    network = LeNet5()
    setattr(network, name, layer)
    if name == "pool1":  # which is just as it was
        graph.build(network)
        return
    with pytest.raises(ModelError, match=f"can't export {name} with its stride"):
        graph.build(network)


def test_a_layer_it_doesn_t_know_is_an_error(network: Network) -> None:
    strange = LeNet5()
    strange.relu1 = nn.Sigmoid()
    with pytest.raises(ModelError, match=r"can't export the layer relu1 \(Sigmoid\)"):
        graph.build(strange)
