"""Run a classifier in NumPy, where onnxruntime has no wheel, as on 32-bit Arm."""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from digits.inference.interface import CLASSIFIER, Description
from digits.inference.layers import Layer, read_layers
from digits.inference.onnx_file import explain_damage, read_interface, read_metadata

Floats = NDArray[np.float32]


class NumpySession:
    """A file in NumPy; see `session.Session`.

    Activations aren't quantized, as with onnxruntime's float kernels. Raises ModelError for a
    network that is more than convolutions, pools, dense layers and ReLUs in a chain, and for a
    malformed file.
    """

    def __init__(self, model: bytes, name: str) -> None:
        self._steps = [*filter(None, map(_step, read_layers(model, name)))]

    def run(
        self,
        inputs: dict[str, NDArray[np.uint8]],
        outputs: list[str],
        release_memory: bool = False,
    ) -> list[Floats]:
        """Compute the probabilities of digits, float32 [n, 10]."""
        values: Floats = inputs[CLASSIFIER.input.name].astype(np.float32)
        for step in self._steps:
            values = step(values)
        return [values]


def inspect(model: bytes, name: str) -> Description:
    """Describe a file. Raises ModelError, with its name, if it is malformed."""
    with explain_damage(name):
        return Description(*read_interface(model), read_metadata(model))


def _step(layer: Layer) -> Callable[[Floats], Floats] | None:
    """A function from a batch [n, ...] to the next; None for what changes nothing."""
    if layer.op == "conv":
        return _convolution(layer)
    if layer.op == "dense":
        assert layer.weights and layer.biases
        return partial(_dense, layer.weights.floats.T, layer.biases.floats)
    if layer.op == "reshape":
        return lambda values: values.reshape(-1, *layer.shape)
    if layer.op == "dequantize":
        return lambda values: (values - np.float32(layer.zero)) * np.float32(layer.scale)
    functions: dict[str, Callable[[Floats], Floats]] = {
        "max_pool": lambda values: _windows(values, layer).max((-2, -1)),
        "average_pool": lambda values: _windows(values, layer).mean((-2, -1), np.float32),
        "relu": lambda values: np.maximum(values, 0),
        "softmax": _softmax,
    }
    return functions.get(layer.op)


def _convolution(layer: Layer) -> Callable[[Floats], Floats]:
    """Multiply the pixels below each position of the kernel with the weights, group by group."""
    assert layer.weights and layer.biases
    groups = layer.groups
    weights = layer.weights.floats.reshape(groups, layer.shape[0] // groups, -1).transpose(0, 2, 1)
    biases = layer.biases.floats.reshape(groups, 1, -1)
    top, left, bottom, right = layer.padding

    def convolve(values: Floats) -> Floats:
        padded = np.pad(values, ((0, 0), (0, 0), (top, bottom), (left, right)))
        windows = _windows(padded, layer)  # [n, channels, h, w, kernel's h, kernel's w]
        n, _, height, width = windows.shape[:4]
        by_group = windows.reshape(n, groups, -1, height, width, *layer.kernel)
        columns = by_group.transpose(1, 0, 3, 4, 2, 5, 6).reshape(groups, n * height * width, -1)
        sums = (columns @ weights + biases).reshape(groups, n, height, width, -1)
        return sums.transpose(1, 0, 4, 2, 3).reshape(n, -1, height, width)

    return convolve


def _windows(values: Floats, layer: Layer) -> Floats:
    """The pixels below each position of a kernel: [n, channels, h, w, kernel's h, kernel's w]."""
    windows = sliding_window_view(values, layer.kernel, (2, 3))
    return windows[:, :, :: layer.strides[0], :: layer.strides[1]]


def _dense(weights: Floats, biases: Floats, values: Floats) -> Floats:
    product: Floats = values.reshape(-1, len(weights)) @ weights + biases
    return product


def _softmax(values: Floats) -> Floats:
    exponentials: Floats = np.exp(values - values.max(1, keepdims=True))
    shares: Floats = exponentials / exponentials.sum(1, keepdims=True)
    return shares
