"""Static quantization to int8, written as QDQ (quantize-dequantize) pairs.

B. Jacob et al., "Quantization and training of neural networks for efficient
integer-arithmetic-only inference" (CVPR 2018); the format is that of
https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html.

Weights: int8, symmetric, one scale for each output channel. Biases: int32. Activations: uint8, one
scale a tensor, from the largest value seen on calibration images (MinMax); every one of them
follows a ReLU, so its least value is 0 and so is its zero point. The pixels are uint8 already and
enter as they are. The logits stay float: softmax needs their full range.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from digits.errors import ModelError

CALIBRATION_IMAGES = 1000  # from the training set
_BATCH = 100  # of them at a time: VGG-16's activations take 1.1 MB a digit

Values = NDArray[Any] | np.generic


def quantize(model: onnx.ModelProto, images: NDArray[np.uint8]) -> onnx.ModelProto:
    """The int8 QDQ form of a float graph that `graph.build` made.

    images: uint8 [n, 1, 28, 28] for calibration, from the training set. Raises ModelError when
    the graph has another operator, or an activation that is never above zero or not finite.
    """
    graph = _QuantizedGraph(model, calibrate(model, images))
    for node in model.graph.node:
        graph.add(node)
    quantized = onnx.ModelProto()
    quantized.CopyFrom(model)
    del quantized.graph.node[:], quantized.graph.initializer[:]
    quantized.graph.node.extend(graph.nodes)
    quantized.graph.initializer.extend(graph.initializers)
    return quantized


def calibrate(model: onnx.ModelProto, images: NDArray[np.uint8]) -> dict[str, float]:
    """Map the output of each ReLU to its uint8 scale: the largest value seen / 255."""
    names = [node.output[0] for node in model.graph.node if node.op_type == "Relu"]
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    del probe.graph.output[:]
    probe.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    session = onnxruntime.InferenceSession(
        probe.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    largest = np.zeros(len(names))
    for start in range(0, len(images), _BATCH):
        outputs = session.run(names, {"images": images[start : start + _BATCH]})
        largest = np.maximum(largest, [values.max() for values in outputs])
    for name, value in zip(names, largest, strict=True):
        if not 0 < value < float("inf"):
            raise ModelError(f"can't quantize: {name} is never above zero, or is not finite")
    return dict(zip(names, (largest / 255).tolist(), strict=True))


@dataclass
class _QuantizedGraph:
    """The QDQ graph so far. `scale` is that of the tensor `tail`, which the next node reads."""

    source: onnx.ModelProto
    scales: dict[str, float]
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[onnx.TensorProto] = field(default_factory=list)
    tail: str = ""
    scale: float = 1.0

    def add(self, node: onnx.NodeProto) -> None:
        name = node.output[0]
        if node.op_type == "Cast":
            self._dequantize(node.input[0], name, np.float32(1), np.uint8(0))
            self.tail = name
        elif node.op_type in ("Conv", "Gemm"):
            self._copy(node, *self._weights(node))
        elif node.op_type == "Relu":
            self._copy(node)
            self.scale = self.scales[name]
            self._requantize()
        elif node.op_type in ("MaxPool", "Flatten"):
            self._copy(node)
            self._requantize()  # with the same scale, so that the integer kernel can run on it
        elif node.op_type == "Softmax":
            self._copy(node)
        else:
            raise ModelError(f"can't quantize the operator {node.op_type} ({node.name})")

    def _copy(self, node: onnx.NodeProto, *weights: str) -> None:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        del copy.input[:]
        copy.input.extend([self.tail, *weights])
        self.nodes.append(copy)
        self.tail = node.output[0]

    def _weights(self, node: onnx.NodeProto) -> tuple[str, str]:
        """Store weight and bias as integers; return the names of their dequantized forms."""
        weight, bias = (self._initializer(name) for name in node.input[1:])
        largest = np.abs(weight).reshape(len(weight), -1).max(1)
        # A channel of all but zeros would get a scale too small for its bias to fit int32.
        least = np.abs(bias) / (self.scale * 2**30)
        scale = np.maximum(np.maximum(largest / 127, least), np.finfo(np.float32).tiny)
        by_channel = scale.reshape(-1, *[1] * (weight.ndim - 1))
        integers = np.round(weight / by_channel).astype(np.int8)
        biases = np.round(bias / (self.scale * scale)).astype(np.int32)
        return (
            self._constant(node.input[1], integers, scale),
            self._constant(node.input[2], biases, self.scale * scale),
        )

    def _constant(
        self, name: str, integers: NDArray[np.generic], scale: NDArray[np.float64]
    ) -> str:
        self.initializers.append(numpy_helper.from_array(integers, f"{name}.int"))
        zero = np.zeros(len(scale), integers.dtype)
        self._dequantize(f"{name}.int", name, scale.astype(np.float32), zero)
        return name

    def _requantize(self) -> None:
        parameters = self._parameters(self.tail, np.float32(self.scale), np.uint8(0))
        quantized, dequantized = f"{self.tail}.int", f"{self.tail}.float"
        self.nodes.append(helper.make_node("QuantizeLinear", [self.tail, *parameters], [quantized]))
        self.nodes.append(
            helper.make_node("DequantizeLinear", [quantized, *parameters], [dequantized])
        )
        self.tail = dequantized

    def _dequantize(self, integers: str, name: str, scale: Values, zero: Values) -> None:
        parameters = self._parameters(name, scale, zero)
        axis: dict[str, Any] = {"axis": 0} if scale.ndim else {}
        self.nodes.append(
            helper.make_node("DequantizeLinear", [integers, *parameters], [name], **axis)
        )

    def _parameters(self, name: str, scale: Values, zero: Values) -> tuple[str, str]:
        self.initializers.append(numpy_helper.from_array(np.asarray(scale), f"{name}.scale"))
        self.initializers.append(numpy_helper.from_array(np.asarray(zero), f"{name}.zero"))
        return f"{name}.scale", f"{name}.zero"

    def _initializer(self, name: str) -> NDArray[np.float64]:
        tensors = {tensor.name: tensor for tensor in self.source.graph.initializer}
        return numpy_helper.to_array(tensors[name]).astype(np.float64)
