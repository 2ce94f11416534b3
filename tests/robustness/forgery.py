"""Forged model files with a valid checksum.

Graphs are in ONNX's text syntax: https://onnx.ai/onnx/repo-docs/Syntax.html
"""

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
    model = parser.parse_model(f'<ir_version: 8, opset_import: ["": 18]> forged {interface} {{}}')
    for node in nodes:
        model.graph.node.append(parser.parse_node(node))
    for name, array in weights.items():
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
    return model


def honest(*nodes: str, needed: str = "pixels", **weights: Any) -> ModelProto:
    """Build a classifier that outputs uniform probabilities, with extra nodes after its first.

    needed: a tensor, without which there is no output: onnxruntime drops nodes for others.
    """
    return network(
        "pixels = Cast<to = 1>(images)",
        *nodes,
        f"most = ReduceMax<keepdims = 0>({needed})",
        "seen = Add(pixels, most)",
        "flat = Flatten<axis = 1>(seen)",
        "logits = Gemm<transB = 1>(flat, weight, bias)",
        "probabilities = Softmax<axis = 1>(logits)",
        **{"weight": zeros(10, 28 * 28), "bias": zeros(10)} | weights,
    )


def zeros(*shape: int) -> np.ndarray:
    """Return float32 zeros."""
    return np.zeros(shape, np.float32)
