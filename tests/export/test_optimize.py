"""Exported graphs: they compute what PyTorch does, in as few nodes as can be."""

from collections import Counter
from collections.abc import Callable
from typing import get_args

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from digits.data.mnist import Split
from digits.inference.interface import READER
from digits.inference.metadata import Kernels
from digits.inference.session import open_session
from digits_export import verify
from digits_export.quantize import quantize
from digits_export.reader_calibrate import CalibratedReader, MapScaling
from digits_export.reader_export import parity_inputs
from digits_export.temperature import TemperatureScaling
from digits_train.models import VGG16, Normalize
from digits_train.models.network import probabilities
from tests.export.graphs import classifier_graph, outputs, reader_graph, stored
from tests.export.reader_pages import drawn_page, random_reader

UNSCALED = TemperatureScaling()


def exported(network: nn.Module, scaling: TemperatureScaling = UNSCALED) -> onnx.ModelProto:
    """The optimized graph of a classifier, compared with PyTorch."""
    model = classifier_graph(network, scaling)
    verify.serialize(model)
    noise = np.random.default_rng(0).integers(0, 256, (7, 1, 28, 28), np.uint8)
    with torch.inference_mode():
        logits = network(torch.tensor(noise)) / scaling.temperature
        expected = probabilities(logits, scaling.none_logit)
    np.testing.assert_allclose(outputs(model, noise)[0], expected, atol=1e-5)
    return model


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


class Inverted(nn.Module):
    """What looks like a normalization, and like a dense layer, and is neither."""

    def __init__(self) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.randn(784, 10) / 28)
        self.bias = nn.Parameter(torch.randn(10))

    def forward(self, images: Tensor) -> Tensor:
        return torch.addmm(self.bias, (255 - images.float()).div(255).flatten(1), self.matrix)


def chain(*layers: nn.Module) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(10))


def convolution(height: int, width: int, pool: int = 2, padding: int = 0) -> list[nn.Module]:
    return [nn.Conv2d(1, 4, (height, width), padding=padding), nn.ReLU(), nn.MaxPool2d(pool)]


PHASES = "DequantizeLinear Conv Relu Reshape MaxPool Reshape Reshape Gemm Softmax MatMul"
PLAIN = "DequantizeLinear Conv Relu MaxPool Reshape Gemm Softmax MatMul"
RAW = "Cast Div Sub Div"
NETWORKS = {
    "phases": (chain(Normalize(), *convolution(5, 5)), PHASES),
    "phases of an oblong kernel": (chain(Normalize(), *convolution(3, 5)), PHASES),
    "odd maps": (chain(Normalize(), *convolution(4, 4)), PLAIN),
    "large pool": (chain(Normalize(), *convolution(5, 5, pool=3)), PLAIN),
    "padded pixels": (chain(nn.ZeroPad2d(2), Normalize(), *convolution(5, 5)), PLAIN),
    "padded later": (
        chain(Normalize(), *convolution(3, 3, padding=1)),
        f"{RAW} Conv Relu MaxPool Reshape Gemm Softmax MatMul",
    ),
    "softmax regression": (chain(Normalize()), "DequantizeLinear Reshape Gemm Softmax MatMul"),
    "two layers": (
        chain(Normalize(), nn.Flatten(), nn.Linear(784, 8)),
        "DequantizeLinear Reshape Gemm Gemm Softmax MatMul",
    ),
    "inverted pixels": (Inverted, "Cast Sub Div Reshape Gemm Gemm Softmax MatMul"),
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
    network(torch.randint(0, 256, (4, 1, 28, 28), dtype=torch.uint8))
    model = exported(network)
    assert operators(model) == expected
    small = quantize(model, np.random.default_rng(0).integers(0, 256, (20, 1, 28, 28), np.uint8))
    verify.serialize(small)
    images = np.full((3, 1, 28, 28), 99, np.uint8)
    [exact] = outputs(model, images)
    for kernels in get_args(Kernels):
        assert np.abs(outputs(small, images, kernels)[0] - exact).max() < 0.02


@pytest.mark.parametrize("scaling", [UNSCALED, TemperatureScaling(0.7, 3.0)])
def test_lenet5(network: nn.Module, scaling: TemperatureScaling) -> None:
    model = exported(network, scaling)
    assert operators(model) == (
        "DequantizeLinear Conv Relu Reshape MaxPool Reshape Conv Relu MaxPool Reshape"
        " Gemm Relu Gemm Relu Gemm Softmax MatMul"
    )
    assert stored(model).keys() >= set(network.state_dict())
    assert b"/" not in model.SerializeToString().replace(b"conv1.weight", b"")[:500]
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)
    assert len(model.SerializeToString()) < 184_000


@pytest.mark.slow
def test_vgg16(train_slice: Split) -> None:
    torch.manual_seed(0)
    network = VGG16().train()
    for layer in network:
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None  # the mean over all batches, not one that moves towards it
    with torch.inference_mode():
        network(torch.tensor(train_slice.images[:64, None]))  # or the digit hardly matters
    model = exported(network, TemperatureScaling(1.3, 2.0))
    groups = ["Conv Relu " * count + "MaxPool" for count in (2, 2, 3, 3, 3)]
    last = "Reshape Gemm Relu Gemm Softmax MatMul"
    assert operators(model) == " ".join(["DequantizeLinear", *groups, last])


def test_reader(test_slice: Split) -> None:
    scaling, network = MapScaling(0.7, 1.9, -2.5), random_reader()
    model = reader_graph(network, scaling)
    assert Counter(node.op_type for node in model.graph.node) == {
        **{"Cast": 1, "AveragePool": 4, "Resize": 2, "Sub": 1, "Mul": 1, "Sqrt": 1, "Div": 1 + 2},
        **{"Clip": 1, "DepthToSpace": 1, "Conv": 12 + 1 + 3, "Relu": 12 + 1},
        "Add": 1 + 9 + 1 + 1,  # deviation, residual connections, merged maps, calibration
    }
    session = open_session(verify.serialize(model), "float")
    pages = [drawn_page(0).pixels, np.full((64, 40), 255, np.uint8)]
    run = verify.session_outputs(session, READER)
    calibrated = verify.module_outputs(CalibratedReader(network, scaling))
    verify.check_parity(run, calibrated, parity_inputs(pages), 1e-4)
    batch = np.stack([drawn_page(number).pixels for number in range(3)])[:, None]
    assert [len(maps) for maps in run(batch)] == [3, 3, 3]
