from collections import Counter

import numpy as np
import pytest
import torch
from onnx import TensorProto

from digits.data.mnist import Split
from digits.inference.interface import QMAX
from digits.inference.metadata import Kernels
from digits_export import verify
from digits_export.quantize import FLOAT_LAYERS, quantize
from digits_train.models import LeNet5, Network
from tests.export.conftest import SCALING, Graphs, classifier_graph, outputs, stored
from tests.export.reader_pages import PAGES


def test_weights_are_int8_and_biases_int32(graphs: Graphs) -> None:
    quantized = graphs["int8"]
    verify.serialize(quantized)
    elements: Counter[str] = Counter()
    for name, values in stored(quantized).items():
        elements[str(values.dtype)] += values.size * name.endswith(".int")
    assert (elements["int8"], elements["int32"]) == (44_988, 255)
    assert len(quantized.SerializeToString()) < 55_000
    # The pixels are not quantized again.
    [first] = [node for node in quantized.graph.node if "images" in node.input]
    assert first.op_type == "DequantizeLinear"
    operators = Counter(node.op_type for node in quantized.graph.node)
    assert operators["QuantizeLinear"] == 4  # before each product but the first


def test_each_output_channel_has_a_scale_and_rounds_to_nearest(
    network: Network, graphs: Graphs
) -> None:
    tensors = stored(graphs["int8"])
    for layer, channels in (("conv1", 24), ("conv2", 16), ("fc1", 120), ("fc2", 84), ("fc3", 11)):
        assert tensors[f"{layer}.weight.scale"].shape == (channels,)
        largest = np.abs(tensors[f"{layer}.weight.int"].astype(int)).reshape(channels, -1).max(1)
        none = layer == "fc3"  # its last logit, of no digit, is constant
        assert (largest[: channels - none] == QMAX).all()
        assert (largest <= QMAX).all()
    restored = (tensors["fc3.bias.int"] * tensors["fc3.bias.scale"])[-1]
    assert restored == pytest.approx(SCALING.none_logit, rel=1e-4)  # though its weights are zeros
    exact = network.get_parameter("fc2.weight").detach().numpy()
    scale = tensors["fc2.weight.scale"][:, None]
    error = np.abs(tensors["fc2.weight.int"] * scale - exact)
    assert (error <= scale / 2 * 1.001).all()
    most = 2 * 255 * QMAX  # vpmaddubsw adds two products of uint8 and int8 in int16
    assert most <= np.iinfo(np.int16).max


@pytest.mark.parametrize("dead", ["a channel", "a layer"])
def test_zeros(dead: str, train_slice: Split) -> None:
    torch.manual_seed(0)
    network, images = LeNet5().eval(), train_slice.images[:50, None]
    with torch.no_grad():
        if dead == "a channel":
            network.get_parameter("fc1.weight")[3] = 0
            network.get_parameter("fc1.bias")[3] = 7.5
        else:
            network.get_parameter("conv1.weight").fill_(0)
            network.get_parameter("conv1.bias").fill_(-1)
    exact = classifier_graph(network)
    [wanted], [rounded] = (outputs(form, images) for form in (exact, quantize(exact, images)))
    np.testing.assert_allclose(rounded, wanted, atol=0.02)


def test_weights_of_a_reader_are_int8_per_output_channel(reader_graphs: Graphs) -> None:
    small = reader_graphs["int8"]
    verify.serialize(small)
    exact, rounded = stored(reader_graphs["float"]), stored(small)
    for node in reader_graphs["float"].graph.node:
        if node.op_type != "Conv":
            continue
        weight, bias = node.input[1:]
        np.testing.assert_array_equal(rounded[bias], exact[bias])
        if weight.startswith(FLOAT_LAYERS):
            np.testing.assert_array_equal(rounded[weight], exact[weight])
            continue
        integers, scale = rounded[f"{weight}.int"], rounded[f"{weight}.scale"]
        assert (np.abs(integers.astype(int)).reshape(len(scale), -1).max(1) == 127).all()
        shaped = scale.reshape(-1, 1, 1, 1)
        assert (np.abs(integers * shaped - exact[weight]) <= shaped * 0.501).all()
    floats = [t for t in small.graph.initializer if t.data_type == TensorProto.FLOAT]
    assert sum(int(np.prod(tensor.dims)) for tensor in floats) < 25_000
    assert len(small.SerializeToString()) < 360_000


@pytest.mark.parametrize("kernels", ["float", "integer"])
def test_quantized_maps_are_close(reader_graphs: Graphs, kernels: Kernels) -> None:
    page = PAGES[5].pixels[None, None]
    exact = outputs(reader_graphs["float"], page)
    rounded = outputs(reader_graphs["int8"], page, kernels)
    for expected, values in zip(exact, rounded, strict=True):
        assert 0 < np.abs(expected - values).max() < 0.1 * np.abs(expected - expected.mean()).max()
