"""Quantize a float graph to weights of seven bits, one scale per output channel, in three ways.

Static, written as QDQ (quantize-dequantize) pairs: activations are uint8, with one scale per tensor
from calibration, from each ReLU to the next product; their minimum is 0, and so is the zero point.
The pixels are uint8 already. Biases are int32. Without a ReLU an activation stays float; the
logits do, as softmax needs their full range. B. Jacob et al., "Quantization and training of neural
networks for efficient integer-arithmetic-only inference" (CVPR 2018);
https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html.

Dynamic: each activation gets its scale when it is computed. The scale covers a whole batch, so an
answer depends a little on the other digits in it; the exporter evaluates one digit at a time.

Weight-only: int8 in storage, float in arithmetic; onnxruntime dequantizes once, when it loads.

Why not onnxruntime.quantization (1.32)? The LeNet-5 of its quantize_dynamic is as fast and as
accurate (99.51 instead of 99.49 %), but 5 % larger, with one scale for all channels of a
convolution, and has tensors and a Reshape that the runtime refuses. Its weight-only quantizer
writes a contrib operator and leaves convolutions in float.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from digits.errors import ModelError
from digits.inference.interface import INPUT
from digits.inference.metadata import Kernels
from digits_export.calibrate import CalibrationMethod, calibrate
from digits_export.graph import SHARES

QuantizationMethod = Literal["static", "dynamic", "weights"]
Values = NDArray[Any] | np.generic
Doubles = NDArray[np.float64]

CALIBRATION_IMAGES = 1000  # from the training set
# The fastest kernels for a method; for static, they depend on the network.
KERNELS: dict[QuantizationMethod, Kernels] = {"dynamic": "integer", "weights": "float"}

# An x86 processor without VNNI adds two products of uint8 and int8 in int16, which saturates above
# 32,767. 2 · 255 · 64 is 32,640: seven bits give the same sums everywhere.
QMAX = 64
# onnxruntime 1.15 has no ConvInteger for int8 weights.
_UINT8_ZERO = 128


def quantize(
    model: onnx.ModelProto,
    images: NDArray[np.uint8],
    method: QuantizationMethod = "static",
    calibration: CalibrationMethod = "minmax",
) -> onnx.ModelProto:
    """Quantize a float graph made by `graph.build`.

    images: uint8 [n, 1, 28, 28] from the training set, for static quantization only. Raises
    ModelError for an operator that `graph.build` doesn't write, and for an activation that is never
    positive or not finite.
    """
    quantizer: Quantizer
    if method == "static":
        quantizer = Static(model, activation_max=calibrate(model, images, calibration))
    elif method == "dynamic":
        quantizer = Dynamic(model)
    else:
        quantizer = WeightOnly(model)
    return quantizer.run()


def description(method: QuantizationMethod, calibration: CalibrationMethod, images: int) -> str:
    """Describe the quantization for the metadata. images: how many calibrated it."""
    if method == "static":
        return (
            f"int8, static (QDQ): weights per channel, activations {calibration} over"
            f" {images} training digits"
        )
    if method == "dynamic":
        return "int8, dynamic: weights per channel, activations while it runs"
    return "int8, weights alone, per channel"


@dataclass
class Quantizer(ABC):
    """Copies a float graph node by node. current: the tensor that the next node reads."""

    source: onnx.ModelProto
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[onnx.TensorProto] = field(default_factory=list)
    current: str = INPUT[0]

    def run(self) -> onnx.ModelProto:
        """Return the quantized graph. Raises ModelError for an unknown operator."""
        weights = {tensor.name: tensor for tensor in self.source.graph.initializer}
        for node in self.source.graph.node:
            constants = [weights[name] for name in node.input[1:] if name in weights]
            if node.op_type == "Cast":
                self.add_input(node)
            elif node.op_type in ("Conv", "Gemm") and node.name != SHARES:
                weight, bias = (numpy_helper.to_array(one).astype(np.float64) for one in constants)
                self.add_linear(node, weight, bias)
            elif node.op_type in ("Relu", "MaxPool", "Flatten", "Softmax", "Reshape", "Gemm"):
                self.initializers += constants
                self.pass_through(node, *node.input[1:])
            else:
                raise ModelError(f"can't quantize the operator {node.op_type} ({node.name})")
        quantized = onnx.ModelProto()
        quantized.CopyFrom(self.source)
        del quantized.graph.node[:], quantized.graph.initializer[:]
        quantized.graph.node.extend(self.nodes)
        quantized.graph.initializer.extend(self.initializers)
        return quantized

    @abstractmethod
    def add_input(self, cast: onnx.NodeProto) -> None:
        """Read the uint8 pixels, which `cast` makes float."""

    @abstractmethod
    def add_linear(self, node: onnx.NodeProto, weight: Doubles, bias: Doubles) -> None:
        """Add a convolution or a dense layer. weight: [outputs, …]. bias: [outputs]."""

    def pass_through(self, node: onnx.NodeProto, *constants: str) -> None:
        """Add a copy of a node that reads `current` and these initializers."""
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        del copy.input[:]
        copy.input.extend([self.current, *constants])
        self.nodes.append(copy)
        self.current = node.output[0]

    def add_node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> None:
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))

    def constant(self, name: str, values: Values) -> str:
        """Store an initializer; return its name."""
        self.initializers.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def add_quantized(self, name: str, integers: Values, scale: Doubles) -> str:
        """Store integers and dequantize them to the tensor `name`, one scale per row."""
        stored = self.constant(f"{name}.int", integers)
        zero = np.zeros(len(scale), integers.dtype)
        qparams = self.qparams(name, scale.astype(np.float32), zero)
        self.add_node("DequantizeLinear", [stored, *qparams], name, axis=0)
        return name

    def qparams(self, name: str, scale: Values, zero: Values) -> list[str]:
        """Store a scale and a zero point; return their names."""
        return [self.constant(f"{name}.scale", scale), self.constant(f"{name}.zero", zero)]


@dataclass
class Static(Quantizer):
    """scale: that of the tensor `current`."""

    activation_max: dict[str, float] = field(default_factory=dict)  # by output of a ReLU
    scale: float = 1.0
    non_negative: bool = True  # as pixels are, and everything from a ReLU to the next product

    def add_input(self, cast: onnx.NodeProto) -> None:
        qparams = self.qparams(cast.output[0], np.float32(1), np.uint8(0))
        self.add_node("DequantizeLinear", [self.current, *qparams], cast.output[0])
        self.current = cast.output[0]

    def add_linear(self, node: onnx.NodeProto, weight: Doubles, bias: Doubles) -> None:
        # A channel of all but zeros would get a scale too small for its bias to fit int32.
        min_scale = np.abs(bias) / (self.scale * 2**30)
        integers, scale = quantize_per_channel(weight, min_scale)
        biases = np.round(bias / (self.scale * scale)).astype(np.int32)
        self.non_negative = False
        self.pass_through(
            node,
            self.add_quantized(node.input[1], integers, scale),
            self.add_quantized(node.input[2], biases, self.scale * scale),
        )

    def pass_through(self, node: onnx.NodeProto, *constants: str) -> None:
        super().pass_through(node, *constants)
        if node.op_type == "Relu":
            self.scale, self.non_negative = self.activation_max[node.output[0]] / 255, True
        if self.non_negative:
            # After pools and reshapes too, with the same scale, so that they run on integers.
            self._add_qdq()

    def _add_qdq(self) -> None:
        qparams = self.qparams(self.current, np.float32(self.scale), np.uint8(0))
        quantized, dequantized = f"{self.current}.int", f"{self.current}.float"
        self.add_node("QuantizeLinear", [self.current, *qparams], quantized)
        self.add_node("DequantizeLinear", [quantized, *qparams], dequantized)
        self.current = dequantized


class Dynamic(Quantizer):
    """Integer products of dynamically quantized activations, scaled back to float."""

    def add_input(self, cast: onnx.NodeProto) -> None:
        """The pixels are integers already."""

    def add_linear(self, node: onnx.NodeProto, weight: Doubles, bias: Doubles) -> None:
        name = node.output[0]
        integers, scale = quantize_per_channel(weight)
        stored = (integers.astype(np.int16) + _UINT8_ZERO).astype(np.uint8)
        scales, biases = scale.astype(np.float32), bias.astype(np.float32)
        if node.op_type == "Conv":
            operator, attributes = "ConvInteger", list(node.attribute)
            scales, biases = scales.reshape(1, -1, 1, 1), biases.reshape(1, -1, 1, 1)
        else:
            operator, attributes, stored = "MatMulInteger", [], np.ascontiguousarray(stored.T)
        activation, activation_scale, zero = self._quantize_activation(name)
        inputs = [
            activation,
            self.constant(f"{node.input[1]}.int", stored),
            zero,
            self.constant(f"{node.input[1]}.zero", np.uint8(_UINT8_ZERO)),
        ]
        self.add_node(operator, inputs, f"{name}.sum")
        self.nodes[-1].attribute.extend(attributes)
        self.add_node("Cast", [f"{name}.sum"], f"{name}.float", to=onnx.TensorProto.FLOAT)
        factor = self.constant(f"{node.input[1]}.scale", scales)
        if activation_scale:
            self.add_node("Mul", [activation_scale, factor], f"{name}.factor")
            factor = f"{name}.factor"
        self.add_node("Mul", [f"{name}.float", factor], f"{name}.scaled")
        self.add_node("Add", [f"{name}.scaled", self.constant(node.input[2], biases)], name)
        self.current = name

    def _quantize_activation(self, name: str) -> tuple[str, str, str]:
        """Return the names of `current` as uint8, its scale ("" for 1) and its zero point."""
        if all(node.op_type == "Flatten" for node in self.nodes):  # still the pixels
            return self.current, "", self.constant(f"{self.current}.zero", np.uint8(0))
        parts = [f"{name}.input", f"{name}.input.scale", f"{name}.input.zero"]
        self.nodes.append(helper.make_node("DynamicQuantizeLinear", [self.current], parts))
        return parts[0], parts[1], parts[2]


class WeightOnly(Quantizer):
    """int8 weights, dequantized; all else is float."""

    def add_input(self, cast: onnx.NodeProto) -> None:
        self.pass_through(cast)

    def add_linear(self, node: onnx.NodeProto, weight: Doubles, bias: Doubles) -> None:
        self.pass_through(
            node,
            self.add_quantized(node.input[1], *quantize_per_channel(weight)),
            self.constant(node.input[2], bias.astype(np.float32)),
        )


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
