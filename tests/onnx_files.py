"""The bundled files, and small files with a valid checksum, some of which must be refused.

Graphs are in ONNX's text syntax: https://onnx.ai/onnx/repo-docs/Syntax.html
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, numpy_helper, parser

from digits.inference import metadata
from digits.inference.model_file import BUNDLED, BUNDLED_DETECTOR, BUNDLED_RECOGNIZER, load
from digits.inference.session import open_session

RAW = Path(BUNDLED).read_bytes()
METADATA = load(BUNDLED, metadata.ClassifierMetadata).metadata
DETECTOR_RAW = Path(BUNDLED_DETECTOR).read_bytes()
DETECTOR_METADATA = load(BUNDLED_DETECTOR, metadata.DetectorMetadata).metadata
RECOGNIZER_METADATA = load(BUNDLED_RECOGNIZER, metadata.RecognizerMetadata).metadata


def weights(model: bytes) -> dict[str, np.ndarray]:
    """The stored tensors of a file, by their names."""
    stored = onnx.load_from_string(model).graph.initializer
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in stored}


def integer_logits(model: bytes, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the softmax reads, by onnxruntime's integer kernels. images: uint8 [n, 28, 28]."""
    graph = onnx.load_from_string(model)
    nodes = graph.graph.node
    [end] = [index for index, node in enumerate(nodes) if node.op_type == "Softmax"]
    logits = nodes[end].input[0]
    del nodes[end:], graph.graph.output[:]
    kind = TensorProto.FLOAT
    graph.graph.output.append(onnx.helper.make_tensor_value_info(logits, kind, None))
    session = open_session(graph.SerializeToString(), "integer")
    values: NDArray[np.float32] = session.run(None, {"images": images[:, None]})[0]
    return values


def sealed(model: ModelProto, **changes: Any) -> bytes:
    """Serialize the model with the bundled model's metadata and a valid checksum."""
    return metadata.add_metadata(model.SerializeToString(), replace(METADATA, **changes))


def as_classifier(model: bytes) -> bytes:
    return metadata.add_metadata(model, METADATA)


def as_detector(model: bytes) -> bytes:
    return metadata.add_metadata(model, DETECTOR_METADATA)


def recognizer(
    last: str = "LogSoftmax<axis = 2>",
    whole: str = "ReduceMean<keepdims = 0>(pixels, sides)",
    outputs: str = "float[batch, steps, 13] log_probabilities, float[batch] whole",
) -> bytes:
    """Build the file of a recognizer of one convolution.

    last: the operator that makes log probabilities of logits. whole: what makes the log odds that
    a crop shows all of one number. outputs: of the graph.
    """
    model = _parse(
        f"(uint8[batch, 1, 48, width] images) => ({outputs})",
        "pixels = Cast<to = 1>(images)",
        "columns = Conv<strides = [48, 4]>(pixels, kernel)",
        "turned = Transpose<perm = [0, 3, 1, 2]>(columns)",
        "logits = Squeeze(turned, axis)",
        f"log_probabilities = {last}(logits)",
        f"whole = {whole}",
        kernel=np.random.default_rng(0).normal(0, 1e-3, (13, 1, 48, 4)).astype(np.float32),
        axis=[3],
        sides=[1, 2, 3],
    )
    return metadata.add_metadata(model.SerializeToString(), RECOGNIZER_METADATA)


def second_opinion(characters: str, height: int = 48) -> bytes:
    """Build the file of a recognizer of any text, as PP-OCR's: float pixels, -1 to 1, in columns.

    On black pixels all characters, the blank before and the space behind them are as likely; on
    white ones, the logarithms of their probabilities grow by a half from one to the next.
    """
    kernel = np.arange(len(characters) + 2, dtype=np.float32)[:, None, None, None] / 4
    model = _parse(
        f"(float[batch, 3, {height}, width] x) => (float[batch, steps, {len(kernel)}] y)",
        f"columns = AveragePool<kernel_shape = [{height}, 8], strides = [{height}, 8]>(x)",
        "logits = Conv(columns, kernel, bias)",
        "turned = Transpose<perm = [0, 3, 1, 2]>(logits)",
        "flat = Squeeze(turned, axis)",
        "y = Softmax<axis = 2>(flat)",
        kernel=np.repeat(kernel / 3, 3, 1),
        bias=kernel.ravel(),
        axis=[3],
    )
    model.metadata_props.add(key="character", value="\n".join(characters))
    return bytes(model.SerializeToString())


def classifier(last: str = "Softmax<axis = 1>", **weights: Any) -> ModelProto:
    """Build the graph of a classifier of one dense layer, whose probabilities are uniform.

    last: the operator that makes probabilities of logits. weights: other ones than zeros.
    """
    return _parse(
        "(uint8[batch, 1, 28, 28] images) => (float[batch, 10] probabilities)",
        "pixels = Cast<to = 1>(images)",
        "flat = Flatten<axis = 1>(pixels)",
        "logits = Gemm<transB = 1>(flat, weight, bias)",
        f"probabilities = {last}(logits)",
        **{"weight": zeros(10, 28 * 28), "bias": zeros(10)} | weights,
    )


def classifier_of(*nodes: str, **weights: Any) -> ModelProto:
    """Build the graph of a classifier: nodes from `pixels` to `flat`, and a dense layer."""
    return _parse(
        "(uint8[batch, 1, 28, 28] images) => (float[batch, 10] probabilities)",
        "pixels = Cast<to = 1>(images)",
        *nodes,
        "logits = Gemm<transB = 1>(flat, weight, dense_bias)",
        "probabilities = Softmax<axis = 1>(logits)",
        **{"dense_bias": zeros(10)} | weights,
    )


def _parse(interface: str, *nodes: str, **weights: Any) -> ModelProto:
    model = parser.parse_model(f'<ir_version: 8, opset_import: ["": 18]> made {interface} {{}}')
    for node in nodes:
        model.graph.node.append(parser.parse_node(node))
    for name, array in weights.items():
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
    return model


def zeros(*shape: int) -> np.ndarray:
    """Return float32 zeros."""
    return np.zeros(shape, np.float32)


def weights_elsewhere(location: str = "/etc/passwd") -> ModelProto:
    """Build a classifier whose weights are in another file."""
    model = classifier()
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=location)
    return model
