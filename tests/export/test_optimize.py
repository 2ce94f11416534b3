"""Exported graphs: they compute what PyTorch does, in few nodes and in integers; or no export."""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import get_args

import numpy as np
import onnx_ir as ir
import pytest
import torch
from onnx import parser
from torch import Tensor, nn

from digits.data.split import Split
from digits.errors import ModelError
from digits.inference.interface import DETECTOR
from digits.inference.metadata import Kernels
from digits.inference.session import open_session
from digits_export import verify
from digits_export.detector_calibration import CalibratedDetector
from digits_export.detector_export import parity_inputs
from digits_export.quantize import quantize
from digits_export.temperature import TemperatureScaling
from digits_train.models import Detector, LeNet5, Network, Normalize
from digits_train.models.network import probabilities
from tests.export.conftest import MAP_SCALING, SCALING, Graphs, classifier_graph, outputs, stored
from tests.export.detector_pages import PAGES

NOISE = np.random.default_rng(0).integers(0, 256, (20, 1, 28, 28), np.uint8)


def check(model: ir.Model, network: nn.Module, scaling: TemperatureScaling) -> None:
    """Compare the graph of a classifier with PyTorch."""
    verify.checked(model)
    with torch.inference_mode():
        logits = network(torch.tensor(NOISE[:7])) / scaling.temperature
        expected = probabilities(logits, scaling.none_logit)
    np.testing.assert_allclose(outputs(model, NOISE[:7])[0], expected, atol=1e-5)


def operators(model: ir.Model) -> str:
    return " ".join(node.op_type for node in model.graph)


class Residual(nn.Module):
    """What a chain of layers can't do, without a calibrated `Linear` at its end."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.head = nn.Conv2d(8, 10, 1)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.norm(self.stem(images.float() / 255)).relu()
        maps = (maps + self.depthwise(maps)).relu()
        logits: Tensor = self.head(maps).mean((2, 3))
        return logits


class Namesakes(nn.Module):
    """Its weights are called as others are in exported files."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 6, 5, bias=False))))
        self.scale = nn.Parameter(torch.full((1, 6, 1, 1), 2.0))
        self.heads = nn.Linear(6, 10)
        self.calibration = nn.Linear(10, 10)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.stem(Normalize()(images)).relu() * self.scale
        logits: Tensor = self.calibration(self.heads(maps.mean((2, 3))).relu())
        return logits


def chain(*layers: nn.Module) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(10))


def convolution(height: int, width: int, pool: int = 2, padding: int = 0) -> list[nn.Module]:
    return [nn.Conv2d(1, 4, (height, width), padding=padding), nn.ReLU(), nn.MaxPool2d(pool)]


class Levels(nn.Module):
    """A normalization after which zero is a pixel's value."""

    def forward(self, images: Tensor) -> Tensor:
        return (images.float() - 64) / 128


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "oblong kernel": chain(Normalize(), *convolution(3, 5)),
    "padded pixels": chain(nn.ZeroPad2d(2), Normalize(), *convolution(5, 5)),
    "reflected pixels": chain(nn.ReflectionPad2d(2), Normalize(), *convolution(5, 5)),
    "padded later": chain(Normalize(), *convolution(3, 3, padding=1)),
    "zeros padded to pixels": chain(Levels(), *convolution(3, 3, padding=1)),
    "two layers": chain(Normalize(), nn.Flatten(), nn.Linear(784, 8)),
    "residual": Residual,
    "namesakes": Namesakes,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_any_network(name: str) -> None:
    torch.manual_seed(0)
    network = NETWORKS[name]()
    network(torch.tensor(NOISE))  # which completes its lazy layer
    model = classifier_graph(network, TemperatureScaling())
    check(model, network, TemperatureScaling())
    small, images = quantize(model, [NOISE]), np.full((3, 1, 28, 28), 99, np.uint8)
    for kernels in get_args(Kernels):
        [rounded], [exact] = outputs(small, images, kernels), outputs(model, images)
        assert np.abs(rounded - exact).max() < 0.02


@pytest.mark.parametrize("name", ["padded pixels", "zeros padded to pixels", "two layers"])
def test_pixels_are_read_as_they_are(name: str) -> None:
    torch.manual_seed(0)
    network = NETWORKS[name]()
    network(torch.tensor(NOISE))
    model = classifier_graph(network)
    assert "DequantizeLinear" in operators(model) and "Div" not in operators(model)
    weight = next(iter(network.state_dict().values())).numpy()
    assert any(np.array_equal(weight, values) for values in stored(model).values())


def test_lenet5(network: Network, graphs: Graphs) -> None:
    check(graphs["float"], network, SCALING)


def test_detector(detector: Detector, detector_graphs: Graphs) -> None:
    raw = verify.checked(detector_graphs["float"])
    run = verify.session_outputs(open_session(raw, "float"), DETECTOR)
    calibrated = verify.module_outputs(CalibratedDetector(detector, MAP_SCALING))
    batch = np.stack([page.pixels for page in PAGES[:3]])[:, None]
    pages = parity_inputs([PAGES[0].pixels, np.full((64, 40), 255, np.uint8)])
    verify.check_parity(run, calibrated, [*pages, batch], 1e-4)


def test_weights_are_int8(graphs: Graphs) -> None:
    """Each output channel has a scale of its own."""
    tensors = stored(graphs["int8"])
    weights = [values for values in tensors.values() if values.dtype == np.int8 and values.ndim > 1]
    assert len(weights) == 5
    for values in weights:
        largest = np.abs(values.astype(int)).reshape(len(values), -1).max(1)
        assert (largest[:10] == 64).all() and (largest <= 64).all()
    assert len(verify.checked(graphs["int8"])) < 70_000


def test_dead_channel(train_slice: Split) -> None:
    torch.manual_seed(0)
    network, images = LeNet5().eval(), train_slice.images[:50, None]
    with torch.no_grad():
        network.get_parameter("fc1.weight")[3] = 0
        network.get_parameter("fc1.bias")[3] = 7.5
    exact = classifier_graph(network)
    [wanted], [rounded] = (outputs(model, images) for model in (exact, quantize(exact, [images])))
    np.testing.assert_allclose(rounded, wanted, atol=0.02)


def test_all_but_the_first_layer_of_a_detector_is_of_integers(detector_graphs: Graphs) -> None:
    kinds = [
        str(values.dtype) for values in stored(detector_graphs["int8"]).values() if values.ndim > 1
    ]
    convolutions = [node for node in detector_graphs["float"].graph if node.op_type == "Conv"]
    assert (kinds.count("float32"), kinds.count("int8")) == (1, len(convolutions) - 1)


@pytest.mark.parametrize("kernels", ["float", "integer"])
def test_quantized_maps_are_close(detector_graphs: Graphs, kernels: Kernels) -> None:
    page = PAGES[5].pixels[None, None]
    exact, rounded = detector_graphs["float"], outputs(detector_graphs["int8"], page, kernels)
    for expected, values in zip(outputs(exact, page), rounded, strict=True):
        assert 0 < np.abs(expected - values).max() < 0.1 * np.abs(expected - expected.mean()).max()


@pytest.mark.parametrize("wrong", [0.01, np.nan])
def test_parity_is_the_largest_difference_of_all_inputs(wrong: float) -> None:
    inputs = [np.zeros((size, 1, 28, 28), np.uint8) for size in (1, 7, 256)]

    def answers(images: np.ndarray, difference: float = 0) -> list[np.ndarray]:
        probabilities = np.full((len(images), 10), 0.3, np.float32)
        if len(images) == 7:
            probabilities[5, 4] += difference
        return [probabilities]

    def compare(difference: float) -> float:
        exported = partial(answers, difference=difference)
        return verify.check_parity(exported, answers, inputs, 1e-5)

    assert compare(5e-6) == pytest.approx(5e-6, rel=0.01)
    with pytest.raises(ModelError, match=r"disagrees .* of shape \[7, 1, 28, 28\]"):
        compare(wrong)


@pytest.mark.parametrize("source", ["nowhere", "images"])
def test_invalid_graph_is_an_error(source: str) -> None:
    proto = parser.parse_model(
        '<ir_version: 8, opset_import: ["": 18]> g (uint8[n] images) => (float[n] y)'
        f"{{ x = Cast<to = 1>(images) y = Relu({source}) }}"
    )
    with pytest.raises(ModelError, match="not valid ONNX"):
        verify.checked(ir.from_proto(proto))


@pytest.mark.parametrize(("points", "allowed"), [(0, 0), (0.05, 1), (25, 1), (26, 2)])
def test_errors_are_rounded_up_to_whole_digits(points: float, allowed: int) -> None:
    """Or of a few hundred pictures, none might change."""
    verify.check_errors(1 / 4, (1 + allowed) / 4, 4, points, "pages", force=False)
    with pytest.raises(
        ModelError, match=f"raises the error rate on pages from 25.00% to {25 * (2 + allowed)}.00%"
    ):
        verify.check_errors(1 / 4, (2 + allowed) / 4, 4, points, "pages", force=False)
    verify.check_errors(1 / 4, (2 + allowed) / 4, 4, points, "pages", force=True)
