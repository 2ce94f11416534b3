"""A float graph with its weights in a quarter of the space, in one of three ways."""

from typing import Literal

import numpy as np
import onnx
from numpy.typing import NDArray

from digits.models.metadata import Kernels
from digits_export import ranges
from digits_export.builder import Builder
from digits_export.dynamic import Dynamic
from digits_export.static import Static
from digits_export.weights import Weights

Method = Literal["static", "dynamic", "weights"]

CALIBRATION_IMAGES = 1000  # from the training set
# The kernels that run the others best, whatever the network; of static ones it says so itself.
KERNELS: dict[Method, Kernels] = {"dynamic": "integer", "weights": "float"}


def quantize(
    model: onnx.ModelProto,
    images: NDArray[np.uint8],
    method: Method = "static",
    calibration: ranges.Method = "minmax",
) -> onnx.ModelProto:
    """The quantized form of a float graph that `graph.build` made.

    images: uint8 [n, 1, 28, 28] from the training set, for static quantization alone. Raises
    ModelError when the graph has another operator, or an activation that is never above zero or
    not finite.
    """
    builder: Builder
    if method == "static":
        builder = Static(model, largest=ranges.calibrate(model, images, calibration))
    elif method == "dynamic":
        builder = Dynamic(model)
    else:
        builder = Weights(model)
    return builder.build()


def describe(method: Method, calibration: ranges.Method, images: int) -> str:
    """How it was quantized, for the metadata."""
    if method == "static":
        return (
            f"int8, static (QDQ): weights per channel, activations {calibration} over"
            f" {images} training digits"
        )
    if method == "dynamic":
        return "int8, dynamic: weights per channel, activations while it runs"
    return "int8, weights alone, per channel"
