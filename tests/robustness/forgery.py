"""Forged model files with a valid checksum, and such that must be refused, with the reasons.

Graphs are in ONNX's text syntax: https://onnx.ai/onnx/repo-docs/Syntax.html
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, numpy_helper, parser

from digits.inference import metadata
from digits.inference.model_file import BUNDLED, BUNDLED_DETECTOR, BUNDLED_RECOGNIZER, load

RAW = Path(BUNDLED).read_bytes()
METADATA = load(BUNDLED, metadata.Metadata).metadata
DETECTOR_RAW = Path(BUNDLED_DETECTOR).read_bytes()
DETECTOR_METADATA = load(BUNDLED_DETECTOR, metadata.DetectorMetadata).metadata
RECOGNIZER_METADATA = load(BUNDLED_RECOGNIZER, metadata.RecognizerMetadata).metadata


def sealed(model: ModelProto, **changes: Any) -> bytes:
    """Serialize the model with the bundled model's metadata and a valid checksum."""
    return metadata.add_metadata(model.SerializeToString(), replace(METADATA, **changes))


def as_classifier(model: bytes) -> bytes:
    return metadata.add_metadata(model, METADATA)


def as_detector(model: bytes) -> bytes:
    return metadata.add_metadata(model, DETECTOR_METADATA)


def recognizer(last: str = "LogSoftmax<axis = 2>") -> bytes:
    """Build the file of a recognizer of one convolution.

    last: the operator that makes log probabilities of logits.
    """
    interface = "(uint8[batch, 1, 48, width] images) => (float[batch, steps, 13] log_probabilities)"
    model = _parse(
        interface,
        "pixels = Cast<to = 1>(images)",
        "columns = Conv<strides = [48, 4]>(pixels, kernel)",
        "turned = Transpose<perm = [0, 3, 1, 2]>(columns)",
        "logits = Squeeze(turned, axis)",
        f"log_probabilities = {last}(logits)",
        kernel=np.random.default_rng(0).normal(0, 1e-3, (13, 1, 48, 4)).astype(np.float32),
        axis=[3],
    )
    return metadata.add_metadata(model.SerializeToString(), RECOGNIZER_METADATA)


def network(*nodes: str, **weights: Any) -> ModelProto:
    """Build a graph with a classifier's input and output. weights: arrays by name."""
    interface = "(uint8[batch, 1, 28, 28] images) => (float[batch, 10] probabilities)"
    return _parse(interface, *nodes, **weights)


def _parse(interface: str, *nodes: str, **weights: Any) -> ModelProto:
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


Refused = dict[str, tuple[ModelProto, str]]
Edits = dict[str, tuple[Callable[[ModelProto], object], str]]

_CONSTANTS = "reads constants alone"
_COPIES = "has more weights than digits allows"
_MEMORY = "needs more memory than digits allows"


def classifiers() -> Refused:
    weights: dict[str, Any] = {"many": 2**62, "shape": [2**40]}
    operators = {
        name: (honest(node, **weights), f"has the operator {name!r}, which digits doesn't run")
        for name, node in _OPERATORS.items()
    }
    return operators | _edited(honest, _PARTS) | _demanding()


def detectors() -> Refused:
    return _edited(lambda: onnx.load_from_string(DETECTOR_RAW), _INTERFACES)


def _edited(make: Callable[[], ModelProto], edits: Edits) -> Refused:
    models = {}
    for name, (edit, reason) in edits.items():
        models[name] = (make(), reason)
        edit(models[name][0])
    return models


# They may loop, or make much of little.
_OPERATORS = {
    "Loop": "= Loop(many, )",
    "ConstantOfShape": "zeros = ConstantOfShape(shape)",
    "com.example.Relu": "more = com.example.Relu(pixels)",
}

_PARTS: Edits = {
    "a subgraph": (
        lambda m: m.graph.node[0].attribute.add(name="to", g=GraphProto(name="inner")),
        "field 6 of its attribute",
    ),
    "weights elsewhere": (
        lambda m: m.graph.initializer[0].external_data.add(key="location", value="/etc/passwd"),
        "field 13 of its tensor",
    ),
    "a shape": (lambda m: m.graph.initializer[0].dims.extend([2**62] * 3), "cannot reshape"),
    "a type": (lambda m: m.graph.initializer[0].ClearField("data_type"), "has the type 0"),
    "functions": (lambda m: m.functions.add(name="f", domain="local"), "field 25 of its model"),
    "a name twice": (lambda m: m.graph.initializer.append(m.graph.initializer[0]), "of the same"),
}

_OUTPUT = "the output should be "
_INTERFACES: Edits = {
    "a fixed width": (
        lambda m: setattr(m.graph.input[0].type.tensor_type.shape.dim[3], "dim_value", 640),
        "the input should be ",
    ),
    "too few outputs": (lambda m: m.graph.output.pop(), _OUTPUT),
    "another order": (lambda m: m.graph.output.append(m.graph.output.pop(0)), _OUTPUT),
}


def _chain(count: int, node: str) -> list[str]:
    """Repeat a node; n and m are the numbers of its input and its output."""
    return [node.format(n=number, m=number + 1) for number in range(count)]


def _demanding() -> Refused:
    """Return small files that onnxruntime would take much memory or time to open or to run."""
    wide = "x0 = Pad(pixels, wider)"
    dequantized = _chain(30, "square{n} = DequantizeLinear(eight, scale)")
    squares = _chain(30, "x{m} = MatMul(x{n}, square{n})")
    joined = _chain(25, "s{m} = Concat<axis = 0>(s{n}, s{n})")
    products = _chain(900, "y{m} = MatMul(y{n}, y0)")
    later = ["x = Pad(later, far)", "later = DequantizeLinear(tiny, scale)"]
    nodes: dict[str, tuple[list[str], str]] = {
        "folded": (["x = Pad(unit, far)"], _CONSTANTS),
        "folded before it is there": (later, "reads what no node before it writes"),
        "one matrix in many products": (
            [wide, *_chain(40, "x{m} = MatMul(x{n}, square)"), "x = Relu(x40)"],
            _COPIES,
        ),
        "one matrix dequantized often": ([wide, *dequantized, *squares, "x = Relu(x30)"], _COPIES),
        "counted": (
            ["x = Split<axis = 3, num_outputs = 2147483648>(pixels)"],
            "the attribute 'num_outputs' of its Split is too large",
        ),
        "nodes": ([*_chain(2000, "r{n} = Relu(pixels)"), "x = Relu(r0)"], "over 1024 nodes"),
        "padded": (["x = Pad(pixels, far)"], _MEMORY),
        "joined shapes": (
            ["s0 = Shape<start = 1>(pixels)", *joined, "x = Cast<to = 1>(s25)"],
            _CONSTANTS,
        ),
        "many products": (
            [wide, "y0 = Pad(x0, higher)", *products, "x = Relu(y900)"],
            "is too slow: it ran for over 1 s",
        ),
    }
    weights: dict[str, Any] = {
        **{"unit": zeros(1, 1, 1, 1), "tiny": np.zeros((1, 1, 1, 1), np.int8)},
        **{"square": zeros(1000, 1000), "eight": np.zeros((1000, 1000), np.int8)},
        **{"far": [0] * 6 + [50_000, 50_000], "wider": [0] * 7 + [972]},
        **{"higher": [0] * 6 + [972, 0], "scale": np.float32(1)},
    }
    models = {}
    for name, (chosen, reason) in nodes.items():
        read = {key: weights[key] for key in weights if any(key in node for node in chosen)}
        models[name] = (honest(*chosen, needed="x", **read), reason)
    return models
