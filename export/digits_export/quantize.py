"""Quantize a float graph to weights of seven bits, one scale per output channel.

The graph has QDQ (quantize-dequantize) pairs: activations are uint8, with one scale per tensor that
covers the calibration images, from each ReLU to the next product; their minimum is 0, and so is the
zero point. The pixels are uint8 already. Biases are int32. Without a ReLU an activation stays
float; the logits do, as softmax needs their full range. B. Jacob et al., "Quantization and training
of neural networks for efficient integer-arithmetic-only inference" (CVPR 2018);
https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html.

Why not onnxruntime's quantize_static (1.32)? With its defaults it drops every ReLU, so that float
kernels read 81 instead of 99 % of the validation digits; with two of its extra options the answers
and the speed are the same, but the file is 5 % larger and has parts that the runtime refuses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from digits.errors import ModelError
from digits.inference.graph import with_outputs
from digits.inference.interface import INPUT
from digits.inference.model import open_session
from digits_export.graph import SHARES

Doubles = NDArray[np.float64]

CALIBRATION_IMAGES = 1000  # from the training set

# An x86 processor without VNNI adds two products of uint8 and int8 in int16, which saturates above
# 32,767. 2 · 255 · 64 is 32,640: seven bits give the same sums everywhere.
QMAX = 64

_BATCH_SIZE = 100  # VGG-16's activations take 1.1 MB a digit
_UNCHANGED = ("Relu", "MaxPool", "Flatten", "Reshape", "Softmax")


def quantize(model: onnx.ModelProto, images: NDArray[np.uint8]) -> onnx.ModelProto:
    """Quantize a float graph made by `graph.build`.

    images: uint8 [n, 1, 28, 28] from the training set. Raises ModelError for an operator that
    `graph.build` doesn't write, and for an activation that is never positive or not finite.
    """
    quantizer = _Quantizer(activation_maxima(model, images))
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        quantizer.add(node, [weights[name] for name in node.input[1:] if name in weights])
    return replace_body(model, quantizer.graph)


def replace_body(model: onnx.ModelProto, graph: onnx.GraphProto) -> onnx.ModelProto:
    """Return a copy of a model with the nodes and initializers of `graph`."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.node[:], copy.graph.initializer[:]
    copy.graph.MergeFrom(graph)
    return copy


def description(images: int) -> str:
    """Describe the quantization for the metadata. images: how many calibrated it."""
    return (
        f"int8, static (QDQ): weights per channel, activations minmax over {images} training digits"
    )


def activation_maxima(model: onnx.ModelProto, images: NDArray[np.uint8]) -> dict[str, float]:
    """Map the output of each ReLU to its largest value, which its uint8 scale has to cover.

    Arguments and errors: see `quantize`.
    """
    names = [node.output[0] for node in model.graph.node if node.op_type == "Relu"]
    if not names:
        return {}
    session = open_session(with_outputs(model.SerializeToString(), names), "float", threads=0)
    maxima = np.zeros(len(names))
    for start in range(0, len(images), _BATCH_SIZE):
        activations = session.run(names, {INPUT[0]: images[start : start + _BATCH_SIZE]})
        maxima = np.maximum(maxima, [values.max() for values in activations])
    for name, value in zip(names, maxima, strict=True):
        if not 0 < value < float("inf"):
            raise ModelError(f"can't quantize: {name} is never positive or not finite")
    return dict(zip(names, maxima.tolist(), strict=True))


@dataclass
class _Quantizer:
    """Copies a float graph node by node.

    activation_max: see `activation_maxima`. current: the tensor that the next node reads. scale:
    of that tensor. non_negative: as pixels are, and everything from a ReLU to the next product.
    """

    activation_max: dict[str, float]
    graph: onnx.GraphProto = field(default_factory=onnx.GraphProto)
    current: str = INPUT[0]
    scale: float = 1.0
    non_negative: bool = True

    def add(self, node: onnx.NodeProto, constants: list[onnx.TensorProto]) -> None:
        """Add a node. constants: the initializers that it reads."""
        inputs = list(node.input[1:])
        if node.op_type == "Cast":
            qparams = self._qparams(node.output[0])
            self._add_node("DequantizeLinear", [self.current, *qparams], node.output[0])
            self.current = node.output[0]
            return
        if node.op_type in ("Conv", "Gemm") and node.name != SHARES:
            self._quantize_parameters(*inputs, *map(numpy_helper.to_array, constants))
            self.non_negative = False
        elif node.op_type in _UNCHANGED or node.name == SHARES:
            self.graph.initializer.extend(constants)
        else:
            raise ModelError(f"can't quantize the operator {node.op_type} ({node.name})")
        copy = self.graph.node.add()
        copy.CopyFrom(node)
        copy.input[:] = [self.current, *inputs]
        self.current = node.output[0]
        if node.op_type == "Relu":
            self.scale, self.non_negative = self.activation_max[self.current] / 255, True
        if self.non_negative:
            # After pools and reshapes too, with the same scale, so that they run on integers.
            self._add_qdq()

    def _quantize_parameters(
        self, weight_name: str, bias_name: str, weight: NDArray[Any], bias: NDArray[Any]
    ) -> None:
        # A channel of all but zeros would get a scale too small for its bias to fit int32.
        min_scale = np.abs(bias.astype(np.float64)) / (self.scale * 2**30)
        integers, scale = quantize_per_channel(weight.astype(np.float64), min_scale)
        biases = np.round(bias / (self.scale * scale)).astype(np.int32)
        add_dequantized(self.graph, weight_name, integers, scale)
        add_dequantized(self.graph, bias_name, biases, self.scale * scale)

    def _add_qdq(self) -> None:
        qparams = self._qparams(self.current)
        quantized, dequantized = f"{self.current}.int", f"{self.current}.float"
        self._add_node("QuantizeLinear", [self.current, *qparams], quantized)
        self._add_node("DequantizeLinear", [quantized, *qparams], dequantized)
        self.current = dequantized

    def _qparams(self, name: str) -> list[str]:
        """Store the current scale and the zero point 0; return their names."""
        scale, zero = np.array(self.scale, np.float32), np.array(0, np.uint8)
        return add_initializers(self.graph, {f"{name}.scale": scale, f"{name}.zero": zero})

    def _add_node(self, operator: str, inputs: list[str], output: str) -> None:
        self.graph.node.append(helper.make_node(operator, inputs, [output]))


def quantize_per_channel(
    weight: Doubles, min_scale: Doubles | float = 0.0, qmax: int = QMAX
) -> tuple[NDArray[np.int8], Doubles]:
    """Quantize weights symmetrically, with one scale per output channel.

    weight: [outputs, …]. Returns int8 of the same shape, from -qmax to qmax, and float64 [outputs].
    """
    channel_max = np.abs(weight).reshape(len(weight), -1).max(1)
    scale = np.maximum(np.maximum(channel_max / qmax, min_scale), np.finfo(np.float32).tiny)
    integers = np.round(weight / scale.reshape(-1, *[1] * (weight.ndim - 1)))
    return integers.astype(np.int8), scale


def add_dequantized(
    graph: onnx.GraphProto, name: str, integers: NDArray[Any], scale: Doubles, title: str = ""
) -> None:
    """Store integers and dequantize them to the tensor `name`, one scale per row.

    title: the name of the node.
    """
    zero = np.zeros(len(scale), integers.dtype)
    values = {f"{name}.int": integers, f"{name}.scale": scale.astype(np.float32)}
    inputs = add_initializers(graph, {**values, f"{name}.zero": zero})
    graph.node.append(helper.make_node("DequantizeLinear", inputs, [name], title, axis=0))


def add_initializers(graph: onnx.GraphProto, values: Mapping[str, NDArray[Any]]) -> list[str]:
    """Store initializers; return their names."""
    graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in values.items())
    return list(values)
