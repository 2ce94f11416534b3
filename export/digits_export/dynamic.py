"""Dynamic quantization: each activation gets its scale when it is computed, no calibration.

The operators are ONNX's own (DynamicQuantizeLinear, ConvInteger, MatMulInteger). Weights are
uint8 around 128, the only form that every onnxruntime's ConvInteger takes (1.15 has no other). A
scale is that of a whole batch, so a digit's answer depends a little on its neighbours; the exporter
measures each digit alone.
"""

import numpy as np
import onnx
from numpy.typing import NDArray

from digits_export.builder import Builder, by_channel

_ZERO = 128


class Dynamic(Builder):
    """Integer products of dynamically quantized activations, scaled back to float."""

    def pixels(self, cast: onnx.NodeProto) -> None:
        """uint8 already: they enter as they are."""

    def product(
        self, node: onnx.NodeProto, weight: NDArray[np.float64], bias: NDArray[np.float64]
    ) -> None:
        name = node.output[0]
        integers, scale = by_channel(weight)
        stored = (integers.astype(np.int16) + _ZERO).astype(np.uint8)
        scales, biases = scale.astype(np.float32), bias.astype(np.float32)
        if node.op_type == "Conv":
            operator, attributes = "ConvInteger", list(node.attribute)
            scales, biases = scales.reshape(1, -1, 1, 1), biases.reshape(1, -1, 1, 1)
        else:
            operator, attributes, stored = "MatMulInteger", [], np.ascontiguousarray(stored.T)
        activation, step, zero = self._quantized(name)
        inputs = [
            activation,
            self.constant(f"{node.input[1]}.int", stored),
            zero,
            self.constant(f"{node.input[1]}.zero", np.uint8(_ZERO)),
        ]
        self.add(operator, inputs, f"{name}.sum")
        self.nodes[-1].attribute.extend(attributes)
        self.add("Cast", [f"{name}.sum"], f"{name}.float", to=onnx.TensorProto.FLOAT)
        factor = self.constant(f"{node.input[1]}.scale", scales)
        if step:
            self.add("Mul", [step, factor], f"{name}.factor")
            factor = f"{name}.factor"
        self.add("Mul", [f"{name}.float", factor], f"{name}.scaled")
        self.add("Add", [f"{name}.scaled", self.constant(node.input[2], biases)], name)
        self.tail = name

    def _quantized(self, name: str) -> tuple[str, str, str]:
        """The names of the tail as uint8, of its scale ("" for 1) and of its zero point."""
        if all(node.op_type == "Flatten" for node in self.nodes):  # they are the pixels
            return self.tail, "", self.constant(f"{self.tail}.zero", np.uint8(0))
        parts = [f"{name}.input", f"{name}.input.scale", f"{name}.input.zero"]
        self.nodes.append(onnx.helper.make_node("DynamicQuantizeLinear", [self.tail], parts))
        return parts[0], parts[1], parts[2]
