"""Static quantization to int8, written as QDQ (quantize-dequantize) pairs.

B. Jacob et al., "Quantization and training of neural networks for efficient
integer-arithmetic-only inference" (CVPR 2018); the format is that of
https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html.

Weights: int8, one scale for each output channel. Biases: int32. Activations: uint8, one scale a
tensor, from the ReLU on: there the least value is 0 and so is the zero point. The pixels are uint8
already and enter as they are. What no ReLU follows stays float, such as the logits: softmax needs
their full range.
"""

from dataclasses import dataclass, field

import numpy as np
import onnx
from numpy.typing import NDArray

from digits_export.builder import Builder, by_channel


@dataclass
class Static(Builder):
    """`scale` is that of the tensor `tail`."""

    largest: dict[str, float] = field(default_factory=dict)  # of each ReLU's output
    scale: float = 1.0
    rectified: bool = True  # the pixels are, and what comes of a ReLU until the next product

    def pixels(self, cast: onnx.NodeProto) -> None:
        self.tail = self.dequantize(self.tail, cast.output[0], np.float32(1), np.uint8(0))

    def product(
        self, node: onnx.NodeProto, weight: NDArray[np.float64], bias: NDArray[np.float64]
    ) -> None:
        # A channel of all but zeros would get a scale too small for its bias to fit int32.
        least = np.abs(bias) / (self.scale * 2**30)
        integers, scale = by_channel(weight, least)
        biases = np.round(bias / (self.scale * scale)).astype(np.int32)
        self.rectified = False
        names = list(node.input[1:])
        self.copy(
            node,
            self._stored(names[0], integers, scale),
            self._stored(names[1], biases, self.scale * scale),
        )

    def other(self, node: onnx.NodeProto, *constants: str) -> None:
        self.copy(node, *constants)
        if node.op_type == "Relu":
            self.scale, self.rectified = self.largest[node.output[0]] / 255, True
        if self.rectified:
            # Pools and shapes too, with the same scale, so that integers go through them.
            self._requantize()

    def _stored(self, name: str, integers: NDArray[np.generic], scale: NDArray[np.float64]) -> str:
        zero = np.zeros(len(scale), integers.dtype)
        stored = self.constant(f"{name}.int", integers)
        return self.dequantize(stored, name, scale.astype(np.float32), zero)

    def _requantize(self) -> None:
        parameters = self.parameters(self.tail, np.float32(self.scale), np.uint8(0))
        quantized, dequantized = f"{self.tail}.int", f"{self.tail}.float"
        self.add("QuantizeLinear", [self.tail, *parameters], quantized)
        self.add("DequantizeLinear", [quantized, *parameters], dequantized)
        self.tail = dequantized
