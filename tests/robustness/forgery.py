"""Forged model files with a valid checksum.

Graphs are in ONNX's text syntax: https://onnx.ai/onnx/repo-docs/Syntax.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, numpy_helper, parser

from digits.inference import metadata
from digits.inference.model_file import BUNDLED, BUNDLED_READER, load

RAW = Path(BUNDLED).read_bytes()
METADATA = load(BUNDLED, metadata.Metadata).metadata
READER_RAW = Path(BUNDLED_READER).read_bytes()
READER_METADATA = load(BUNDLED_READER, metadata.ReaderMetadata).metadata
_NEED = "most = ReduceMax<keepdims = 0>({})\nseen = Add(pixels, most)"


def sealed(model: ModelProto, **changes: Any) -> bytes:
    """Serialize the model with the bundled model's metadata and a valid checksum."""
    return metadata.add_metadata(model.SerializeToString(), replace(METADATA, **changes))


def as_classifier(model: bytes) -> bytes:
    return metadata.add_metadata(model, METADATA)


def as_reader(model: bytes) -> bytes:
    return metadata.add_metadata(model, READER_METADATA)


def network(*nodes: str, **weights: Any) -> ModelProto:
    """Build a graph with a classifier's input and output. weights: arrays by name."""
    interface = "(uint8[batch, 1, 28, 28] images) => (float[batch, 10] probabilities)"
    return _build(interface, nodes, weights)


def honest(*nodes: str, needed: str = "pixels", **weights: Any) -> ModelProto:
    """Build a classifier that outputs uniform probabilities, with extra nodes after its first.

    needed: a tensor, without which there is no output: onnxruntime drops nodes for others.
    """
    return network(
        "pixels = Cast<to = 1>(images)",
        *nodes,
        *_NEED.format(needed).splitlines(),
        "flat = Flatten<axis = 1>(seen)",
        "logits = Gemm<transB = 1>(flat, weight, bias)",
        "probabilities = Softmax<axis = 1>(logits)",
        **{"weight": zeros(10, 28 * 28), "bias": zeros(10)} | weights,
    )


def reader(*nodes: str, needed: str = "pixels", **weights: Any) -> ModelProto:
    """Build a reader of one convolution for each output, with extra nodes after its first.

    The extra nodes may read `pixels`, float. needed: see `honest`.
    """
    channels = {"centres": 1, "symbols": 12, "boxes": 4}
    outputs = ", ".join(f"float[batch, {n}, rows, columns] {name}" for name, n in channels.items())
    for name, n in channels.items():
        weights.setdefault(f"{name}_w", np.full((n, 1, 4, 4), 1e-4, np.float32))
        weights.setdefault(f"{name}_b", zeros(n))
    four = "kernel_shape = [4, 4], strides = [4, 4]"
    return _build(
        f"(uint8[batch, 1, height, width] page) => ({outputs})",
        [
            "pixels = Cast<to = 1>(page)",
            *nodes,
            *_NEED.format(needed).splitlines(),
            *(f"{name} = Conv<{four}>(seen, {name}_w, {name}_b)" for name in channels),
        ],
        weights,
    )


def _build(interface: str, nodes: Iterable[str], weights: Mapping[str, Any]) -> ModelProto:
    model = parser.parse_model(f'<ir_version: 8, opset_import: ["": 18]> forged {interface} {{}}')
    for node in nodes:
        model.graph.node.append(parser.parse_node(node))
    for name, array in weights.items():
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
    return model


def zeros(*shape: int) -> np.ndarray:
    """Return float32 zeros."""
    return np.zeros(shape, np.float32)


def invalid_outputs() -> dict[str, ModelProto]:
    """Return classifiers that output valid probabilities only for blank images."""
    huge = np.full((10, 28 * 28), 3e38, np.float32)

    def linear(weight: np.ndarray) -> ModelProto:
        return network(
            "pixels = Cast<to = 1>(images)",
            "flat = Flatten<axis = 1>(pixels)",
            "probabilities = Gemm<transB = 1>(flat, weight, bias)",
            weight=weight,
            bias=np.full(10, 0.1, np.float32),
        )

    signs = np.resize(np.array([1, -1], np.float32), (10, 1))
    return {
        "NaN": honest(weight=huge),
        "infinite": linear(huge),
        "negative": linear(1e-3 * signs * np.ones_like(huge)),
        "percent": linear(np.ones_like(huge)),
    }
