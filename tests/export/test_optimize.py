"""Exported graphs: they compute what PyTorch does, in as few nodes as can be."""

from collections.abc import Callable
from typing import get_args

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from digits.inference.interface import READER
from digits.inference.metadata import Kernels
from digits.inference.session import open_session
from digits_export import verify
from digits_export.quantize import quantize
from digits_export.reader_calibrate import CalibratedReader
from digits_export.reader_export import parity_inputs
from digits_export.temperature import TemperatureScaling
from digits_train.models import Network, Normalize, Reader
from digits_train.models.network import probabilities
from tests.export.conftest import MAP_SCALING, SCALING, Graphs, classifier_graph, outputs, stored
from tests.export.reader_pages import PAGES

NOISE = np.random.default_rng(0).integers(0, 256, (20, 1, 28, 28), np.uint8)


def check(model: onnx.ModelProto, network: nn.Module, scaling: TemperatureScaling) -> None:
    """Compare the graph of a classifier with PyTorch."""
    verify.serialize(model)
    with torch.inference_mode():
        logits = network(torch.tensor(NOISE[:7])) / scaling.temperature
        expected = probabilities(logits, scaling.none_logit)
    np.testing.assert_allclose(outputs(model, NOISE[:7])[0], expected, atol=1e-5)


def operators(model: onnx.ModelProto) -> str:
    return " ".join(node.op_type for node in model.graph.node)


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


def chain(*layers: nn.Module) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(10))


def convolution(height: int, width: int, pool: int = 2, padding: int = 0) -> list[nn.Module]:
    return [nn.Conv2d(1, 4, (height, width), padding=padding), nn.ReLU(), nn.MaxPool2d(pool)]


PHASES = "DequantizeLinear Conv Relu Reshape MaxPool Reshape Reshape Gemm Softmax MatMul"
PLAIN = "DequantizeLinear Conv Relu MaxPool Reshape Gemm Softmax MatMul"
RAW = "Cast Div Sub Div"
NETWORKS = {
    "phases of an oblong kernel": (chain(Normalize(), *convolution(3, 5)), PHASES),
    "odd maps": (chain(Normalize(), *convolution(4, 4)), PLAIN),
    "large pool": (chain(Normalize(), *convolution(5, 5, pool=3)), PLAIN),
    "padded pixels": (chain(nn.ZeroPad2d(2), Normalize(), *convolution(5, 5)), PLAIN),
    "reflected pixels": (
        chain(nn.ReflectionPad2d(2), Normalize(), *convolution(5, 5)),
        f"Pad {RAW} Conv Relu MaxPool Reshape Gemm Softmax MatMul",
    ),
    "padded later": (
        chain(Normalize(), *convolution(3, 3, padding=1)),
        f"{RAW} Conv Relu MaxPool Reshape Gemm Softmax MatMul",
    ),
    "two layers": (
        chain(Normalize(), nn.Flatten(), nn.Linear(784, 8)),
        "DequantizeLinear Reshape Gemm Gemm Softmax MatMul",
    ),
    "residual": (
        Residual,
        "DequantizeLinear Conv Relu Conv Add Relu Conv ReduceMean Gemm Softmax MatMul",
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_any_network(name: str) -> None:
    torch.manual_seed(0)
    make, expected = NETWORKS[name]
    network = make()
    network(torch.tensor(NOISE))  # which completes its lazy layer
    model = classifier_graph(network, TemperatureScaling())
    check(model, network, TemperatureScaling())
    assert operators(model) == expected
    small, images = quantize(model, [NOISE]), np.full((3, 1, 28, 28), 99, np.uint8)
    for kernels in get_args(Kernels):
        [rounded], [exact] = outputs(small, images, kernels), outputs(model, images)
        assert np.abs(rounded - exact).max() < 0.02


def test_lenet5(network: Network, graphs: Graphs) -> None:
    model = graphs["float"]
    check(model, network, SCALING)
    assert operators(model) == (
        "DequantizeLinear Conv Relu Reshape MaxPool Reshape Conv Relu MaxPool Reshape"
        " Gemm Relu Gemm Relu Gemm Softmax MatMul"
    )
    assert stored(model).keys() >= set(network.state_dict())
    assert len(model.SerializeToString()) < 184_000


def test_reader(reader: Reader, reader_graphs: Graphs) -> None:
    raw = verify.serialize(reader_graphs["float"])
    assert "BatchNormalization" not in operators(reader_graphs["float"])
    run = verify.session_outputs(open_session(raw, "float"), READER)
    calibrated = verify.module_outputs(CalibratedReader(reader, MAP_SCALING))
    batch = np.stack([page.pixels for page in PAGES[:3]])[:, None]
    pages = parity_inputs([PAGES[0].pixels, np.full((64, 40), 255, np.uint8)])
    verify.check_parity(run, calibrated, [*pages, batch], 1e-4)
