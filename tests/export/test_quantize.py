from collections import Counter

import numpy as np
import pytest
import torch

from digits.data.mnist import Split
from digits.inference.interface import QMAX
from digits.inference.metadata import Kernels
from digits_export import verify
from digits_export.quantize import quantize
from digits_train.models import LeNet5, Network
from tests.export.conftest import SCALING, Graphs, classifier_graph, outputs, stored
from tests.export.reader_pages import PAGES


def test_weights_are_int8_and_biases_int32(graphs: Graphs) -> None:
    elements: Counter[str] = Counter()
    for name, values in stored(graphs["int8"]).items():
        elements[str(values.dtype)] += values.size * name.endswith(".int")
    assert (elements["int8"], elements["int32"]) == (44_988, 255)
    assert len(verify.serialize(graphs["int8"])) < 55_000
    operators = [node.op_type for node in graphs["int8"].graph.node]
    assert operators.count("QuantizeLinear") == 4  # before each product but the first


def test_each_output_channel_has_a_scale_and_rounds_to_nearest(
    network: Network, graphs: Graphs
) -> None:
    tensors = stored(graphs["int8"])
    for layer, channels in (("conv1", 24), ("conv2", 16), ("fc1", 120), ("fc2", 84), ("fc3", 11)):
        assert tensors[f"{layer}.weight.scale"].shape == (channels,)
        largest = np.abs(tensors[f"{layer}.weight.int"].astype(int)).reshape(channels, -1).max(1)
        none = layer == "fc3"  # its last logit, of no digit, is constant
        assert (largest[: channels - none] == QMAX).all() and (largest <= QMAX).all()
    restored = (tensors["fc3.bias.int"] * tensors["fc3.bias.scale"])[-1]
    assert restored == pytest.approx(SCALING.none_logit, rel=1e-4)  # though its weights are zeros
    exact = network.get_parameter("fc2.weight").detach().numpy()
    scale = tensors["fc2.weight.scale"][:, None]
    error = np.abs(tensors["fc2.weight.int"] * scale - exact)
    assert (error <= scale / 2 * 1.001).all()
    assert 2 * 255 * QMAX < 2**15  # vpmaddubsw adds two products of uint8 and int8 in int16


def test_dead_channel(train_slice: Split) -> None:
    torch.manual_seed(0)
    network, images = LeNet5().eval(), train_slice.images[:50, None]
    with torch.no_grad():
        network.get_parameter("fc1.weight")[3] = 0
        network.get_parameter("fc1.bias")[3] = 7.5
    exact = classifier_graph(network)
    [wanted], [rounded] = (outputs(form, images) for form in (exact, quantize(exact, [images])))
    np.testing.assert_allclose(rounded, wanted, atol=0.02)


def test_all_but_the_first_layer_of_a_reader_is_of_integers(reader_graphs: Graphs) -> None:
    exact, rounded = stored(reader_graphs["float"]), stored(reader_graphs["int8"])
    for name in (name for name in exact if name.endswith(".weight")):
        if name.startswith("stem.0."):
            np.testing.assert_array_equal(rounded[name], exact[name])
        else:
            assert np.abs(rounded[f"{name}.int"].astype(int)).max() == 127
            assert len(rounded[f"{name}.scale"]) == len(rounded[f"{name}.int"])
    nodes = reader_graphs["int8"].graph.node
    rounds = {node.output[0] for node in nodes if node.op_type == "QuantizeLinear"}
    assert [node.input[0] in rounds for node in nodes if node.op_type == "DepthToSpace"] == [True]
    assert len(verify.serialize(reader_graphs["int8"])) < 330_000


@pytest.mark.parametrize("kernels", ["float", "integer"])
def test_quantized_maps_are_close(reader_graphs: Graphs, kernels: Kernels) -> None:
    page = PAGES[5].pixels[None, None]
    exact = outputs(reader_graphs["float"], page)
    for expected, values in zip(exact, outputs(reader_graphs["int8"], page, kernels), strict=True):
        assert 0 < np.abs(expected - values).max() < 0.1 * np.abs(expected - expected.mean()).max()
