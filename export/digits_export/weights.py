"""Weight-only quantization: int8 in storage, float in arithmetic, no calibration.

onnxruntime dequantizes the weights once, when it loads the file.
"""

import numpy as np
import onnx
from numpy.typing import NDArray

from digits_export.builder import Builder, by_channel


class Weights(Builder):
    """Only the weights change: int8, one scale for each output channel."""

    def pixels(self, cast: onnx.NodeProto) -> None:
        self.copy(cast)

    def product(
        self, node: onnx.NodeProto, weight: NDArray[np.float64], bias: NDArray[np.float64]
    ) -> None:
        integers, scale = by_channel(weight)
        name = node.input[1]
        stored = self.constant(f"{name}.int", integers)
        zero = np.zeros(len(scale), np.int8)
        self.copy(
            node,
            self.dequantize(stored, name, scale.astype(np.float32), zero),
            self.constant(node.input[2], bias.astype(np.float32)),
        )
