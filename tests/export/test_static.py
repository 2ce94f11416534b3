from collections import Counter, OrderedDict

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, numpy_helper
from torch import nn

from digits.data.mnist import Split
from digits.errors import ModelError
from digits.models.metadata import Kernels
from digits.models.model import open_session
from digits_export import graph, verify
from digits_export.builder import LARGEST
from digits_export.quantize import quantize
from digits_train.models import LeNet5, Network, Normalize


@pytest.fixture(scope="module")
def quantized(network: Network, train_slice: Split) -> onnx.ModelProto:
    return quantize(graph.build(network), train_slice.images[:, None])


def test_the_weights_are_really_int8(quantized: onnx.ModelProto) -> None:
    verify.check_graph(quantized)
    elements: Counter[int] = Counter()
    for tensor in quantized.graph.initializer:
        if tensor.name.endswith(".int"):
            elements[tensor.data_type] += int(np.prod(tensor.dims))
    assert elements == {TensorProto.INT8: 44_988, TensorProto.INT32: 255}
    assert len(quantized.SerializeToString()) < 60_000


def test_every_output_channel_has_its_own_scale(quantized: onnx.ModelProto) -> None:
    tensors = {t.name: numpy_helper.to_array(t) for t in quantized.graph.initializer}
    for layer, channels in (("conv1", 24), ("conv2", 16), ("fc1", 120), ("fc2", 84), ("fc3", 11)):
        assert tensors[f"{layer}.weight.scale"].shape == (channels,)
        largest = np.abs(tensors[f"{layer}.weight.int"].astype(int)).reshape(channels, -1).max(1)
        none = layer == "fc3"  # whose last logit depends on no weight
        assert (largest[: channels - none] == LARGEST).all()


def test_weights_are_rounded_to_the_nearest_step(
    network: Network, quantized: onnx.ModelProto
) -> None:
    tensors = {t.name: numpy_helper.to_array(t) for t in quantized.graph.initializer}
    exact = network.get_submodule("fc2").weight.detach().numpy()
    scale = tensors["fc2.weight.scale"][:, None]
    error = np.abs(tensors["fc2.weight.int"] * scale - exact)
    assert (error <= scale / 2 * 1.001).all()


def test_pixels_enter_without_a_quantize_step(quantized: onnx.ModelProto) -> None:
    first = next(node for node in quantized.graph.node if "images" in node.input)
    assert first.op_type == "DequantizeLinear"
    operators = Counter(node.op_type for node in quantized.graph.node)
    assert operators["QuantizeLinear"] == 9  # four ReLUs, two pools, two reshapes, one flatten
    assert "Cast" not in operators


@pytest.mark.parametrize("kernels", ["float", "integer"])
def test_it_answers_like_the_float_model(
    network: Network, quantized: onnx.ModelProto, test_slice: Split, kernels: Kernels
) -> None:
    exact = verify.predict(
        open_session(graph.build(network).SerializeToString(), "float"), test_slice
    )
    session = open_session(quantized.SerializeToString(), kernels)
    rounded = verify.predict(session, test_slice)
    assert (exact.argmax(1) != rounded.argmax(1)).sum() <= 5
    assert np.abs(exact - rounded).mean() < 0.005


@pytest.mark.parametrize("kernels", ["float", "integer"])
def test_a_pool_in_front_of_its_relu(
    network: Network, train_slice: Split, test_slice: Split, kernels: Kernels
) -> None:
    layers = dict(network.named_children())
    order = [name for name in layers if "relu" not in name]
    for pool, relu in (("pool1", "relu1"), ("pool2", "relu2"), ("fc1", "relu3"), ("fc2", "relu4")):
        order.insert(order.index(pool) + 1, relu)
    swapped = LeNet5().eval()
    for name in layers:
        del swapped._modules[name]
    for name in order:
        swapped.add_module(name, layers[name])
    quantized = quantize(graph.build(swapped), train_slice.images[:, None])
    exact = verify.predict(
        open_session(graph.build(swapped).SerializeToString(), "float"), test_slice
    )
    rounded = verify.predict(open_session(quantized.SerializeToString(), kernels), test_slice)
    assert (exact.argmax(1) != rounded.argmax(1)).sum() <= 5
    assert np.abs(exact - rounded).mean() < 0.005


def test_a_channel_of_zeros_keeps_its_bias(train_slice: Split, test_slice: Split) -> None:
    torch.manual_seed(0)
    network = LeNet5().eval()
    with torch.no_grad():
        network.get_submodule("fc1").weight[3] = 0
        network.get_submodule("fc1").bias[3] = 7.5
    model = graph.build(network)
    tensors = {
        t.name: numpy_helper.to_array(t)
        for t in quantize(model, train_slice.images[:50, None]).graph.initializer
    }
    restored = tensors["fc1.bias.int"][3] * tensors["fc1.bias.scale"][3]
    assert restored == pytest.approx(7.5, rel=1e-3)


def test_no_pair_of_products_saturates_without_vnni(quantized: onnx.ModelProto) -> None:
    """vpmaddubsw adds two products of uint8 and int8 in int16."""
    for tensor in quantized.graph.initializer:
        if tensor.data_type == TensorProto.INT8:
            largest = np.abs(numpy_helper.to_array(tensor).astype(int)).max()
            assert 2 * 255 * largest <= np.iinfo(np.int16).max


def test_another_operator_is_an_error(network: Network, train_slice: Split) -> None:
    model = graph.build(network)
    model.graph.node[-2].op_type = "LogSoftmax"
    with pytest.raises(ModelError, match="can't quantize the operator LogSoftmax"):
        quantize(model, train_slice.images[:5, None])


@pytest.mark.parametrize("kernels", ["float", "integer"])
def test_a_network_without_a_relu(train_slice: Split, test_slice: Split, kernels: Kernels) -> None:
    """Softmax regression, with which textbooks begin."""
    torch.manual_seed(0)
    layers = OrderedDict(normal=Normalize(), flat=nn.Flatten(), end=nn.Linear(784, 10))
    model = graph.build(Network(layers).eval())
    quantized = quantize(model, train_slice.images[:50, None])
    exact, rounded = (
        verify.predict(open_session(one.SerializeToString(), kernels), test_slice)
        for one in (model, quantized)
    )
    assert np.abs(exact - rounded).max() < 0.05
