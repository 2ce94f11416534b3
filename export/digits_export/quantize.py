"""Quantize a float graph: weights to seven bits, or a reader's to eight, per output channel.

A classifier's graph gets QDQ (quantize-dequantize) pairs: activations are uint8, with one scale per
tensor that covers the calibration images, from each ReLU to the next product; their minimum is 0,
and so is the zero point. The pixels are uint8 already. Biases are int32. Without a ReLU an
activation stays float; the logits do, as softmax needs their full range. B. Jacob et al.,
"Quantization and training of neural networks for efficient integer-arithmetic-only inference" (CVPR
2018); https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html.

Why not onnxruntime's quantize_static (1.32)? With its defaults it drops every ReLU, so that float
kernels read 81 instead of 99 % of the validation digits; with two of its extra options the answers
and the speed are the same, but the file is 5 % larger and has parts that the runtime refuses.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from digits.errors import ModelError
from digits.inference.interface import CLASSIFIER, INPUT, QMAX, READER
from digits.inference.model import open_session
from digits_export.graph import SHARES, GraphBuilder

Doubles = NDArray[np.float64]

CALIBRATION_IMAGES = 1000  # from the training set

# No integer kernel adds the products of weights that are dequantized: all eight bits can be used.
_WEIGHTS_QMAX = 127
# The reader's last layers, with a fourteenth of the weights: rounding the neck's alone moves the
# log odds of centres by 0.020 (standard deviation), that of all others together by 0.027.
FLOAT_LAYERS = ("neck1", "neck2", "centres", "symbols", "boxes")
WEIGHTS_DESCRIPTION = "int8, weights alone, per channel; neck and heads float"

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
    return quantizer.builder.finish(CLASSIFIER)


def quantize_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of a graph made by `reader_graph.build`, with int8 weights per output channel.

    onnxruntime dequantizes them once, when it loads the file with float kernels, so it is as fast
    as the float file, and no activation is rounded. Biases and FLOAT_LAYERS stay float32.
    """
    builder = GraphBuilder()
    exact = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Conv" and node.name not in FLOAT_LAYERS:
            name = node.input[1]
            weight = numpy_helper.to_array(exact.pop(name)).astype(np.float64)
            integers, scale = quantize_per_channel(weight, qmax=_WEIGHTS_QMAX)
            _add_dequantized(builder, name, integers, scale, node_name=name)
        builder.nodes.append(node)
    builder.initializers.extend(exact.values())
    return builder.finish(READER)


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
    observed = onnx.ModelProto()
    observed.CopyFrom(model)
    observed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    session = open_session(observed.SerializeToString(), "float", threads=0)
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
    builder: GraphBuilder = field(default_factory=GraphBuilder)
    current: str = INPUT[0]
    scale: float = 1.0
    non_negative: bool = True

    def add(self, node: onnx.NodeProto, constants: list[onnx.TensorProto]) -> None:
        """Add a node. constants: the initializers that it reads."""
        inputs = list(node.input[1:])
        if node.op_type == "Cast":
            self._dequantize(self.current, node.output[0], self._qparams(node.output[0]))
            return
        if node.op_type in ("Conv", "Gemm") and node.name != SHARES:
            self._quantize_parameters(*inputs, *map(numpy_helper.to_array, constants))
            self.non_negative = False
        elif node.op_type in _UNCHANGED or node.name == SHARES:
            self.builder.initializers.extend(constants)
        else:
            raise ModelError(f"can't quantize the operator {node.op_type} ({node.name})")
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.input[:] = [self.current, *inputs]
        self.builder.nodes.append(copy)
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
        _add_dequantized(self.builder, weight_name, integers, scale)
        _add_dequantized(self.builder, bias_name, biases, self.scale * scale)

    def _add_qdq(self) -> None:
        name, qparams = self.current, self._qparams(self.current)
        integers = self.builder.add("QuantizeLinear", f"{name}.int", name, *qparams, name="")
        self._dequantize(integers, f"{name}.float", qparams)

    def _dequantize(self, source: str, output: str, qparams: tuple[str, str]) -> None:
        self.current = self.builder.add("DequantizeLinear", output, source, *qparams, name="")

    def _qparams(self, name: str) -> tuple[str, str]:
        """Store the current scale and the zero point 0; return their names."""
        scale = self.builder.constant(f"{name}.scale", np.array(self.scale, np.float32))
        return scale, self.builder.constant(f"{name}.zero", np.array(0, np.uint8))


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


def _add_dequantized(
    builder: GraphBuilder, name: str, integers: NDArray[Any], scale: Doubles, node_name: str = ""
) -> None:
    """Store integers and dequantize them to the tensor `name`, one scale per row."""
    inputs = (
        builder.constant(f"{name}.int", integers),
        builder.constant(f"{name}.scale", scale.astype(np.float32)),
        builder.constant(f"{name}.zero", np.zeros(len(scale), integers.dtype)),
    )
    builder.add("DequantizeLinear", name, *inputs, name=node_name, axis=0)
