from collections import Counter, OrderedDict

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, numpy_helper
from torch import nn

from digits.data.mnist import Split
from digits.errors import ModelError
from digits.inference.interface import CLASSIFIER, QMAX
from digits.inference.metadata import Kernels
from digits.inference.model import open_session
from digits_export import graph, verify
from digits_export.classifier_export import probabilities
from digits_export.quantize import activation_maxima, quantize
from digits_train.models import LeNet5, Network, Normalize


@pytest.mark.parametrize("architecture", ["network", pytest.param("vgg16", marks=pytest.mark.slow)])
def test_small_and_close_to_the_float_model(
    architecture: str, request: pytest.FixtureRequest, test_slice: Split
) -> None:
    exact = graph.build(request.getfixturevalue(architecture))
    rounded = quantize(exact, test_slice.images[:150, None])
    verify.check_graph(rounded)
    files = exact.SerializeToString(), rounded.SerializeToString()
    assert len(files[1]) < 0.3 * len(files[0])
    few = Split(test_slice.images[:20], test_slice.labels[:20])
    expected = probabilities(open_session(files[0], "float"), few)
    for kernels in ("float", "integer"):
        session = open_session(files[1], kernels)
        verify.check_interface(session, CLASSIFIER)
        # Compared with the spread between digits, which is small with random weights: an answer
        # that ignored the digit would be off by all of it.
        error = np.abs(probabilities(session, few) - expected).mean()
        assert error < 0.5 * np.abs(expected - expected.mean(0)).mean()


@pytest.fixture(scope="module")
def quantized(network: Network, train_slice: Split) -> onnx.ModelProto:
    return quantize(graph.build(network), train_slice.images[:, None])


@pytest.fixture(scope="module")
def tensors(quantized: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in quantized.graph.initializer}


def test_weights_are_int8_and_biases_int32(quantized: onnx.ModelProto) -> None:
    elements: Counter[int] = Counter()
    for tensor in quantized.graph.initializer:
        if tensor.name.endswith(".int"):
            elements[tensor.data_type] += int(np.prod(tensor.dims))
    assert elements == {TensorProto.INT8: 44_988, TensorProto.INT32: 255}
    assert len(quantized.SerializeToString()) < 60_000
    # The pixels are not quantized again.
    first = next(node for node in quantized.graph.node if "images" in node.input)
    assert first.op_type == "DequantizeLinear"
    operators = Counter(node.op_type for node in quantized.graph.node)
    assert operators["QuantizeLinear"] == 9  # four ReLUs, two pools, two reshapes, one flatten
    assert "Cast" not in operators


def test_each_output_channel_has_a_scale_and_rounds_to_nearest(
    network: Network, tensors: dict[str, np.ndarray]
) -> None:
    for layer, channels in (("conv1", 24), ("conv2", 16), ("fc1", 120), ("fc2", 84), ("fc3", 11)):
        assert tensors[f"{layer}.weight.scale"].shape == (channels,)
        largest = np.abs(tensors[f"{layer}.weight.int"].astype(int)).reshape(channels, -1).max(1)
        none = layer == "fc3"  # its last logit, of no digit, is constant
        assert (largest[: channels - none] == QMAX).all()
        assert (largest <= QMAX).all()
    exact = network.get_parameter("fc2.weight").detach().numpy()
    scale = tensors["fc2.weight.scale"][:, None]
    error = np.abs(tensors["fc2.weight.int"] * scale - exact)
    assert (error <= scale / 2 * 1.001).all()
    most = 2 * 255 * QMAX  # vpmaddubsw adds two products of uint8 and int8 in int16
    assert most <= np.iinfo(np.int16).max


ORDERS = {
    "as it is": [*dict(LeNet5().named_children())],
    "pool first": [
        *("normalize", "conv1", "pool1", "relu1", "conv2", "pool2", "relu2", "flatten"),
        *("fc1", "relu3", "fc2", "relu4", "fc3"),
    ],
}


@pytest.mark.parametrize("kernels", ["float", "integer"])
@pytest.mark.parametrize("order", ORDERS)
def test_answers_like_the_float_model(
    network: Network, train_slice: Split, test_slice: Split, kernels: Kernels, order: str
) -> None:
    layers = dict(network.named_children())
    ordered = Network(OrderedDict((name, layers[name]) for name in ORDERS[order])).eval()
    exact, rounded = answers(graph.build(ordered), train_slice, test_slice, kernels)
    assert (exact.argmax(1) != rounded.argmax(1)).sum() <= 5
    assert np.abs(exact - rounded).mean() < 0.005


@pytest.mark.parametrize("kernels", ["float", "integer"])
def test_network_without_relu(train_slice: Split, test_slice: Split, kernels: Kernels) -> None:
    """Softmax regression."""
    torch.manual_seed(0)
    layers = OrderedDict(normal=Normalize(), flat=nn.Flatten(), end=nn.Linear(784, 10))
    model = graph.build(Network(layers).eval())
    exact, rounded = answers(model, train_slice, test_slice, kernels)
    assert np.abs(exact - rounded).max() < 0.05


def answers(
    model: onnx.ModelProto, train: Split, test: Split, kernels: Kernels
) -> tuple[np.ndarray, np.ndarray]:
    """The probabilities of a float model and of the quantized one."""
    forms = model, quantize(model, train.images[:, None])
    exact, rounded = (
        probabilities(open_session(form.SerializeToString(), kernels), test) for form in forms
    )
    return exact, rounded


def test_scales_cover_the_calibration_images(network: Network, train_slice: Split) -> None:
    images = train_slice.images[:250, None]
    maxima = activation_maxima(graph.build(network), images)
    assert set(maxima) == {"relu1", "relu2", "relu3", "relu4"}
    with torch.inference_mode():
        ink = network.get_submodule("normalize")(torch.tensor(images))
        largest = network.get_submodule("conv1")(ink).max().item()
    assert maxima["relu1"] == pytest.approx(largest, rel=1e-4)


def test_channels_and_layers_of_zeros(train_slice: Split) -> None:
    torch.manual_seed(0)
    network, images = LeNet5().eval(), train_slice.images[:50, None]
    with torch.no_grad():
        network.get_parameter("fc1.weight")[3] = 0
        network.get_parameter("fc1.bias")[3] = 7.5
    model = quantize(graph.build(network), images)
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    restored = values["fc1.bias.int"][3] * values["fc1.bias.scale"][3]
    assert restored == pytest.approx(7.5, rel=1e-3)
    with torch.no_grad():
        network.get_parameter("conv1.weight").fill_(0)
        network.get_parameter("conv1.bias").fill_(-1)
    with pytest.raises(ModelError, match="relu1 is never positive"):
        quantize(graph.build(network), images)


def test_unknown_operator_is_an_error(network: Network, train_slice: Split) -> None:
    model = graph.build(network)
    model.graph.node[-2].op_type = "LogSoftmax"
    with pytest.raises(ModelError, match="can't quantize the operator LogSoftmax"):
        quantize(model, train_slice.images[:5, None])
