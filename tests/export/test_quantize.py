import math
from collections import Counter, OrderedDict
from typing import get_args

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, numpy_helper
from torch import nn

from digits.data.mnist import Split
from digits.errors import ModelError
from digits.inference import graph as runtime_graph
from digits.inference.metadata import Kernels
from digits.inference.model import open_session
from digits_export import graph, verify
from digits_export.quantize import KERNELS, QMAX, QuantizationMethod, quantize
from digits_train.models import LeNet5, Network, Normalize

METHODS = get_args(QuantizationMethod)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("architecture", ["network", pytest.param("vgg16", marks=pytest.mark.slow)])
def test_small_and_close_to_the_float_model(
    architecture: str, method: QuantizationMethod, request: pytest.FixtureRequest, test_slice: Split
) -> None:
    network: Network = request.getfixturevalue(architecture)
    exact = graph.build(network)
    rounded = quantize(exact, test_slice.images[:150, None], method)
    verify.check_graph(rounded)
    files = exact.SerializeToString(), rounded.SerializeToString()
    assert len(files[1]) < 0.3 * len(files[0])
    few = Split(test_slice.images[:20], test_slice.labels[:20])
    expected = verify.probabilities(open_session(files[0], "float"), few)
    for kernels in ("float", "integer"):
        session = open_session(files[1], kernels)
        verify.check_interface(session)
        # Compared with the spread between digits, which is small with random weights: an answer
        # that ignored the digit would be off by all of it.
        error = np.abs(verify.probabilities(session, few) - expected).mean()
        assert error < 0.5 * np.abs(expected - expected.mean(0)).mean()


@pytest.mark.parametrize("method", [None, *METHODS])
@pytest.mark.parametrize("architecture", ["network", pytest.param("vgg16", marks=pytest.mark.slow)])
def test_runtime_accepts_every_file_and_infers_its_shapes(
    architecture: str,
    method: QuantizationMethod | None,
    request: pytest.FixtureRequest,
    test_slice: Split,
) -> None:
    model = graph.build(request.getfixturevalue(architecture))
    if method:
        model = quantize(model, test_slice.images[:20, None], method)
    found = runtime_graph.read(model.SerializeToString(), "exported")
    assert sum(found.operators.values()) == len(model.graph.node)
    values = 28 * 28 + 10
    for value in onnx.shape_inference.infer_shapes(model).graph.value_info:
        lengths = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        values += math.prod(lengths[1:]) if lengths[:1] == [0] else 0
    assert found.values == values


@pytest.mark.parametrize("method", METHODS)
def test_answers_are_independent_of_the_batch(
    network: Network, method: QuantizationMethod, test_slice: Split
) -> None:
    """Except, a little, with dynamic scales, which cover a batch."""
    model = quantize(graph.build(network), test_slice.images[:150, None], method)
    session = open_session(model.SerializeToString(), KERNELS.get(method, "integer"))
    images = test_slice.images[:7, None]
    together = session.run(None, {"images": images})[0]
    alone = np.concatenate([session.run(None, {"images": image[None]})[0] for image in images])
    np.testing.assert_allclose(together, alone, atol=0.02 if method == "dynamic" else 1e-6)


@pytest.mark.parametrize("method", ["dynamic", "weights"])
def test_only_static_needs_calibration_images(method: QuantizationMethod) -> None:
    none = np.zeros((0, 1, 28, 28), np.uint8)
    quantize(graph.build(LeNet5().eval()), none, method)


@pytest.fixture(scope="module")
def quantized(network: Network, train_slice: Split) -> onnx.ModelProto:
    return quantize(graph.build(network), train_slice.images[:, None])


def test_static_weights_are_int8(quantized: onnx.ModelProto) -> None:
    verify.check_graph(quantized)
    elements: Counter[int] = Counter()
    for tensor in quantized.graph.initializer:
        if tensor.name.endswith(".int"):
            elements[tensor.data_type] += int(np.prod(tensor.dims))
    assert elements == {TensorProto.INT8: 44_988, TensorProto.INT32: 255}
    assert len(quantized.SerializeToString()) < 60_000


def test_one_scale_per_output_channel(quantized: onnx.ModelProto) -> None:
    tensors = {t.name: numpy_helper.to_array(t) for t in quantized.graph.initializer}
    for layer, channels in (("conv1", 24), ("conv2", 16), ("fc1", 120), ("fc2", 84), ("fc3", 11)):
        assert tensors[f"{layer}.weight.scale"].shape == (channels,)
        largest = np.abs(tensors[f"{layer}.weight.int"].astype(int)).reshape(channels, -1).max(1)
        none = layer == "fc3"  # its last logit, of no digit, is constant
        assert (largest[: channels - none] == QMAX).all()


def test_weights_round_to_nearest(network: Network, quantized: onnx.ModelProto) -> None:
    tensors = {t.name: numpy_helper.to_array(t) for t in quantized.graph.initializer}
    exact = network.get_parameter("fc2.weight").detach().numpy()
    scale = tensors["fc2.weight.scale"][:, None]
    error = np.abs(tensors["fc2.weight.int"] * scale - exact)
    assert (error <= scale / 2 * 1.001).all()


def test_pixels_are_not_quantized_again(quantized: onnx.ModelProto) -> None:
    first = next(node for node in quantized.graph.node if "images" in node.input)
    assert first.op_type == "DequantizeLinear"
    operators = Counter(node.op_type for node in quantized.graph.node)
    assert operators["QuantizeLinear"] == 9  # four ReLUs, two pools, two reshapes, one flatten
    assert "Cast" not in operators


@pytest.mark.parametrize("kernels", ["float", "integer"])
def test_static_answers_like_the_float_model(
    network: Network, quantized: onnx.ModelProto, test_slice: Split, kernels: Kernels
) -> None:
    exact = verify.probabilities(
        open_session(graph.build(network).SerializeToString(), "float"), test_slice
    )
    session = open_session(quantized.SerializeToString(), kernels)
    rounded = verify.probabilities(session, test_slice)
    assert (exact.argmax(1) != rounded.argmax(1)).sum() <= 5
    assert np.abs(exact - rounded).mean() < 0.005


@pytest.mark.parametrize("kernels", ["float", "integer"])
def test_pool_before_its_relu(
    network: Network, train_slice: Split, test_slice: Split, kernels: Kernels
) -> None:
    layers = dict(network.named_children())
    order = [name for name in layers if "relu" not in name]
    for pool, relu in (("pool1", "relu1"), ("pool2", "relu2"), ("fc1", "relu3"), ("fc2", "relu4")):
        order.insert(order.index(pool) + 1, relu)
    swapped = Network(OrderedDict((name, layers[name]) for name in order)).eval()
    quantized = quantize(graph.build(swapped), train_slice.images[:, None])
    exact = verify.probabilities(
        open_session(graph.build(swapped).SerializeToString(), "float"), test_slice
    )
    rounded = verify.probabilities(open_session(quantized.SerializeToString(), kernels), test_slice)
    assert (exact.argmax(1) != rounded.argmax(1)).sum() <= 5
    assert np.abs(exact - rounded).mean() < 0.005


def test_channel_of_zeros_keeps_its_bias(train_slice: Split, test_slice: Split) -> None:
    torch.manual_seed(0)
    network = LeNet5().eval()
    with torch.no_grad():
        network.get_parameter("fc1.weight")[3] = 0
        network.get_parameter("fc1.bias")[3] = 7.5
    model = graph.build(network)
    tensors = {
        t.name: numpy_helper.to_array(t)
        for t in quantize(model, train_slice.images[:50, None]).graph.initializer
    }
    restored = tensors["fc1.bias.int"][3] * tensors["fc1.bias.scale"][3]
    assert restored == pytest.approx(7.5, rel=1e-3)


def test_pairs_of_products_fit_int16(quantized: onnx.ModelProto) -> None:
    """vpmaddubsw adds two products of uint8 and int8 in int16."""
    for tensor in quantized.graph.initializer:
        if tensor.data_type == TensorProto.INT8:
            largest = np.abs(numpy_helper.to_array(tensor).astype(int)).max()
            assert 2 * 255 * largest <= np.iinfo(np.int16).max


def test_unknown_operator_is_an_error(network: Network, train_slice: Split) -> None:
    model = graph.build(network)
    model.graph.node[-2].op_type = "LogSoftmax"
    with pytest.raises(ModelError, match="can't quantize the operator LogSoftmax"):
        quantize(model, train_slice.images[:5, None])


@pytest.mark.parametrize("kernels", ["float", "integer"])
def test_network_without_relu(train_slice: Split, test_slice: Split, kernels: Kernels) -> None:
    """Softmax regression."""
    torch.manual_seed(0)
    layers = OrderedDict(normal=Normalize(), flat=nn.Flatten(), end=nn.Linear(784, 10))
    model = graph.build(Network(layers).eval())
    quantized = quantize(model, train_slice.images[:50, None])
    exact, rounded = (
        verify.probabilities(open_session(one.SerializeToString(), kernels), test_slice)
        for one in (model, quantized)
    )
    assert np.abs(exact - rounded).max() < 0.05
