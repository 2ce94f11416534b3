"""`digits predict --explain` draws what PyTorch computes."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from digits.data.mnist import Split
from digits.inference.feature_maps import feature_maps
from digits.inference.metadata import Kernels
from digits.inference.model import Model
from digits_export import graph
from digits_export.quantize import quantize
from digits_train.models import Network
from tests.robustness.forgery import sealed

# Layers, and the operators that compute their maps.
STAGES: dict[str, dict[str, tuple[str, ...]]] = {
    "network": {"pool1": ("Relu", "MaxPool"), "pool2": ("Relu", "MaxPool")},
    "vgg16": {"relu1_1": ("Relu",), "pool1": ("Relu", "MaxPool")},
}


@torch.inference_mode()
def maps_of(network: Network, image: np.ndarray, layers: set[str]) -> list[np.ndarray]:
    values, found = torch.tensor(image[None, None]), []
    for name, layer in network.named_children():
        values = layer(values)
        if name in layers:
            found.append(values[0].numpy())
    return found


@pytest.mark.parametrize("kernels", get_args(Kernels))
@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.parametrize("architecture", ["network", pytest.param("vgg16", marks=pytest.mark.slow)])
def test_feature_maps_match_pytorch(
    architecture: str,
    quantized: bool,
    kernels: Kernels,
    request: pytest.FixtureRequest,
    test_slice: Split,
    tmp_path: Path,
) -> None:
    network: Network = request.getfixturevalue(architecture)
    model = graph.build(network)
    if quantized:
        model = quantize(model, test_slice.images[:50, None])
    (tmp_path / "model.onnx").write_bytes(sealed(model))
    stages = STAGES[architecture]
    image = test_slice.images[3]
    found = feature_maps(Model(tmp_path / "model.onnx", kernels=kernels), image, 2)
    assert [maps.operators[1:] for maps in found] == list(stages.values())
    for maps, expected in zip(found, maps_of(network, image, {*stages}), strict=True):
        assert maps.values.shape == expected.shape
        error = np.abs(maps.values - expected).mean()
        assert error <= (0.1 if quantized else 1e-4) * expected.mean()
