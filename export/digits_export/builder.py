"""What the quantized forms of a graph have in common: int8 weights, and a chain of nodes."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from digits.errors import ModelError
from digits.models.graph import INPUT
from digits_export.graph import SHARES

# An x86 processor without VNNI adds two products of uint8 and int8 in int16, and saturates above
# 32,767. 2 · 255 · 64 is 32,640: seven bits give the same sums everywhere.
LARGEST = 64

Values = NDArray[Any] | np.generic


@dataclass
class Builder(ABC):
    """The quantized graph so far. `tail` is the tensor that the next node reads."""

    source: onnx.ModelProto
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[onnx.TensorProto] = field(default_factory=list)
    tail: str = INPUT[0]

    def build(self) -> onnx.ModelProto:
        """The quantized form of a float graph that `graph.build` made.

        Raises ModelError when it has another operator.
        """
        for node in self.source.graph.node:
            if node.op_type == "Cast":
                self.pixels(node)
            elif node.name == SHARES:
                self.other(node, *self._exactly(*node.input[1:]))
            elif node.op_type in ("Conv", "Gemm"):
                weight, bias = (self._initializer(name) for name in node.input[1:])
                self.product(node, weight, bias)
            elif node.op_type in ("Relu", "MaxPool", "Flatten", "Softmax"):
                self.other(node)
            elif node.op_type == "Reshape":
                self.other(node, *self._exactly(node.input[1]))
            else:
                raise ModelError(f"can't quantize the operator {node.op_type} ({node.name})")
        quantized = onnx.ModelProto()
        quantized.CopyFrom(self.source)
        del quantized.graph.node[:], quantized.graph.initializer[:]
        quantized.graph.node.extend(self.nodes)
        quantized.graph.initializer.extend(self.initializers)
        return quantized

    @abstractmethod
    def pixels(self, cast: onnx.NodeProto) -> None:
        """The uint8 pixels enter."""

    @abstractmethod
    def product(
        self, node: onnx.NodeProto, weight: NDArray[np.float64], bias: NDArray[np.float64]
    ) -> None:
        """A convolution or a dense layer. weight: [outputs, …]. bias: [outputs]."""

    def other(self, node: onnx.NodeProto, *constants: str) -> None:
        """An operator without weights."""
        self.copy(node, *constants)

    def copy(self, node: onnx.NodeProto, *constants: str) -> None:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        del copy.input[:]
        copy.input.extend([self.tail, *constants])
        self.nodes.append(copy)
        self.tail = node.output[0]

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> None:
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))

    def constant(self, name: str, values: Values) -> str:
        self.initializers.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def dequantize(self, integers: str, name: str, scale: Values, zero: Values) -> str:
        """Add (integers - zero) · scale, along the first axis where there are several scales."""
        axis: dict[str, Any] = {"axis": 0} if scale.ndim else {}
        inputs = [integers, *self.parameters(name, scale, zero)]
        self.add("DequantizeLinear", inputs, name, **axis)
        return name

    def parameters(self, name: str, scale: Values, zero: Values) -> list[str]:
        return [self.constant(f"{name}.scale", scale), self.constant(f"{name}.zero", zero)]

    def _exactly(self, *names: str) -> list[str]:
        """Initializers of the float graph as they are."""
        tensors = [tensor for tensor in self.source.graph.initializer if tensor.name in names]
        self.initializers += tensors
        return list(names)

    def _initializer(self, name: str) -> NDArray[np.float64]:
        [tensor] = (tensor for tensor in self.source.graph.initializer if tensor.name == name)
        return numpy_helper.to_array(tensor).astype(np.float64)


def by_channel(
    weight: NDArray[np.float64], least: NDArray[np.float64] | float = 0.0
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Weights as integers, and the scale of each output channel (symmetric: 0 is 0).

    weight: [outputs, …]. least: the smallest scale allowed. Returns int8 of the same shape, from
    -LARGEST to LARGEST, and float64 [outputs].
    """
    largest = np.abs(weight).reshape(len(weight), -1).max(1)
    scale = np.maximum(np.maximum(largest / LARGEST, least), np.finfo(np.float32).tiny)
    integers = np.round(weight / scale.reshape(-1, *[1] * (weight.ndim - 1)))
    return integers.astype(np.int8), scale
