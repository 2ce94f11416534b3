from collections import Counter

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, numpy_helper

from digits.errors import ModelError
from digits.mnist import Split
from digits.model import open_session
from digits_export import graph, verify
from digits_export.quantize import calibrate, quantize
from digits_train.models import LeNet5, Network


@pytest.fixture(scope="module")
def quantized(network: Network, train_slice: Split) -> onnx.ModelProto:
    return quantize(graph.build(network), train_slice.images[:, None])


def test_the_weights_are_really_int8(quantized: onnx.ModelProto) -> None:
    verify.check_graph(quantized)
    elements: Counter[int] = Counter()
    for tensor in quantized.graph.initializer:
        if tensor.name.endswith(".int"):
            elements[tensor.data_type] += int(np.prod(tensor.dims))
    assert elements == {TensorProto.INT8: 44_190, TensorProto.INT32: 236}
    assert len(quantized.SerializeToString()) < 60_000


def test_every_output_channel_has_its_own_scale(quantized: onnx.ModelProto) -> None:
    tensors = {t.name: numpy_helper.to_array(t) for t in quantized.graph.initializer}
    for layer, channels in (("conv1", 6), ("conv2", 16), ("fc1", 120), ("fc2", 84), ("fc3", 10)):
        assert tensors[f"{layer}.weight.scale"].shape == (channels,)
        largest = np.abs(tensors[f"{layer}.weight.int"].astype(int)).reshape(channels, -1).max(1)
        assert (largest == 127).all()


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
    assert operators["QuantizeLinear"] == 7  # four ReLUs, two pools, one flatten
    assert "Cast" not in operators


@pytest.mark.parametrize("kernels", ["float", "integer"])
def test_it_answers_like_the_float_model(
    network: Network, quantized: onnx.ModelProto, test_slice: Split, kernels: str
) -> None:
    exact = verify.predict(
        open_session(graph.build(network).SerializeToString(), "float"), test_slice
    )
    session = open_session(quantized.SerializeToString(), kernels)  # type: ignore[arg-type]
    rounded = verify.predict(session, test_slice)
    assert (exact.argmax(1) != rounded.argmax(1)).sum() <= 5
    assert np.abs(exact - rounded).mean() < 0.005


def test_scales_cover_the_calibration_images(network: Network, train_slice: Split) -> None:
    images = train_slice.images[:50, None]
    scales = calibrate(graph.build(network), images)
    assert set(scales) == {"relu1", "relu2", "relu3", "relu4"}
    with torch.inference_mode():
        ink = network.get_submodule("normalize")(torch.tensor(images))
        seen = network.get_submodule("conv1")(ink).max().item()
    assert scales["relu1"] * 255 == pytest.approx(seen, rel=1e-4)


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


def test_a_dead_network_can_t_be_calibrated(train_slice: Split) -> None:
    network = LeNet5().eval()
    with torch.no_grad():
        network.get_submodule("conv1").weight.fill_(0)
        network.get_submodule("conv1").bias.fill_(-1)
    with pytest.raises(ModelError, match="relu1 is never above zero"):
        quantize(graph.build(network), train_slice.images[:5, None])


def test_another_operator_is_an_error(network: Network, train_slice: Split) -> None:
    model = graph.build(network)
    model.graph.node[-1].op_type = "LogSoftmax"
    with pytest.raises(ModelError, match="can't quantize the operator LogSoftmax"):
        quantize(model, train_slice.images[:5, None])


@pytest.mark.parametrize("kernels", ["float", "integer"])
def test_vgg16_is_quantized_on_the_same_road(
    vgg16: Network, test_slice: Split, kernels: str
) -> None:
    exact = graph.build(vgg16)
    rounded = quantize(exact, test_slice.images[:150, None])
    verify.check_graph(rounded)
    files = exact.SerializeToString(), rounded.SerializeToString()
    assert len(files[1]) < 0.26 * len(files[0])
    few = Split(test_slice.images[:20], test_slice.labels[:20])
    one, other = (
        verify.predict(open_session(file, k), few)
        for file, k in zip(files, ("float", kernels), strict=True)
    )  # type: ignore[arg-type]
    assert np.abs(one - other).max() < 0.01
