"""What an exported classifier computes: a list of layers, each with its weights and its shape.

C is written of it.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnx_ir as ir
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from digits.errors import ModelError
from digits.inference.interface import CLASSIFIER
from digits_export.optimize import attributes, constant

_ONE, _UNIT = np.ones(1, np.float32), (1, 1)
_NAMES = {
    **{"Conv": "conv", "Gemm": "dense", "Relu": "relu", "MaxPool": "max_pool"},
    **{"AveragePool": "average_pool", "ReduceMean": "average_pool", "Reshape": "reshape"},
    **{"Softmax": "softmax", "MatMul": "dense", "Flatten": "reshape", "Cast": "cast"},
    **{"QuantizeLinear": "quantize", "DequantizeLinear": "dequantize"},
}


class ScaledTensor(NamedTuple):
    """A stored tensor: integers or floats, and a scale for each row or for all, float32 [n] or [1].

    In a layer, weights have a row for each of its outputs or channels.
    """

    values: NDArray[Any]
    scale: NDArray[np.float32] = _ONE

    @property
    def floats(self) -> NDArray[np.float32]:
        """The products."""
        rows = self.scale.reshape(-1, *[1] * (self.values.ndim - 1))
        floats: NDArray[np.float32] = self.values.astype(np.float32) * rows
        return floats


class Layer(NamedTuple):
    """A step from one tensor to the next.

    op: "conv", "dense", "relu", "max_pool", "average_pool", "reshape", "softmax", "cast",
        "quantize" or "dequantize".
    shape: of the result, without the batch: [channels, height, width] or [n].
    weights: of a convolution, [n, channels / groups, height, width], or a dense layer, [n, m].
    biases: [n].
    scale, zero: of the pixels that the first layer dequantizes, x = scale * (i - zero), or of the
        integers to which others are rounded.
    kernel, strides: height and width.
    padding: pixels of zeros at the top, left, bottom and right.
    """

    op: str
    shape: tuple[int, ...]
    weights: ScaledTensor | None = None
    biases: ScaledTensor | None = None
    scale: float = 1.0
    zero: int = 0
    kernel: tuple[int, int] = (1, 1)
    strides: tuple[int, int] = (1, 1)
    padding: tuple[int, ...] = (0, 0, 0, 0)
    groups: int = 1


def read_layers(model: bytes, name: str) -> list[Layer]:
    """The layers of a classifier's file, from the pixels to the probabilities.

    Where an operation has attributes that a layer lacks, they compute something else: compare what
    `compute` says with the file. name: what errors call it. Raises ModelError, naming what is no
    layer.
    """
    graph = ir.from_proto(onnx.load_from_string(model)).graph
    stored = {
        key: ScaledTensor(values)
        for key, value in graph.initializers.items()
        if (values := constant(value)) is not None
    }
    value, layers = graph.inputs[0].name, list[Layer]()
    shape: tuple[Any, ...] = tuple(CLASSIFIER.input.shape)
    for node in graph:
        first, *others = (tensor and str(tensor.name) for tensor in node.inputs)
        result = str(node.outputs[0].name)
        if node.op_type == "DequantizeLinear" and first in stored:
            stored[result] = stored[first]._replace(scale=stored[str(others[0])].values.ravel())
            continue
        parameters = [stored[other] for other in others if other in stored]
        if first != value or len(parameters) < len(others) or node.op_type not in _NAMES:
            raise ModelError(f"{name}: only onnxruntime computes {node.op_type} as {result} is")
        value = result
        if node.op_type == "DequantizeLinear" and layers:  # as the layer before has quantized it
            continue
        layers.append(_layer(node, parameters, shape))
        shape = layers[-1].shape
    return layers


def _layer(node: ir.Node, parameters: list[ScaledTensor], shape: tuple[Any, ...]) -> Layer:
    op, attrs = _NAMES[node.op_type], attributes(node)
    if op in ("conv", "dense"):
        return _product(node, parameters, shape)
    if op in ("max_pool", "average_pool"):
        kernel = strides = shape[1:]
        if node.op_type != "ReduceMean":
            kernel, strides = attrs["kernel_shape"], attrs.get("strides", _UNIT)
        shape = (shape[0], *_positions(shape[1:], kernel, strides))
        return Layer(op, shape, kernel=kernel, strides=strides)
    if op == "reshape":
        sides = [-1] if node.op_type == "Flatten" else parameters[0].values.tolist()[1:]
        missing = math.prod(shape) // abs(math.prod(sides))
        return Layer(op, tuple(missing if side == -1 else side for side in sides))
    if op in ("quantize", "dequantize"):
        scale, zero = (tensor.values.item() for tensor in parameters)
        return Layer(op, shape, scale=scale, zero=zero)
    return Layer(op, shape)


def _product(node: ir.Node, parameters: list[ScaledTensor], shape: tuple[Any, ...]) -> Layer:
    """A convolution or a dense layer."""
    weights, attrs = parameters[0], attributes(node)
    if node.op_type == "MatMul":
        weights = weights._replace(values=np.ascontiguousarray(weights.values.T))
    n, *_ = weights.values.shape
    [biases] = parameters[1:] or [ScaledTensor(np.zeros(n, np.int32))]
    biases = biases._replace(values=biases.values.reshape(n))
    if node.op_type != "Conv":
        return Layer("dense", (n,), weights, biases)
    kernel, strides = weights.values.shape[2:], attrs.get("strides", _UNIT)
    padding = attrs.get("pads", (0, 0, 0, 0))
    padded = [side + padding[axis] + padding[axis + 2] for axis, side in enumerate(shape[1:])]
    return Layer(
        "conv",
        (n, *_positions(padded, kernel, strides)),
        weights,
        biases,
        kernel=kernel,
        strides=strides,
        padding=padding,
        groups=attrs.get("group", 1),
    )


def _positions(sides: Any, kernel: Any, strides: Any) -> list[int]:
    """How many positions a kernel has along the height and the width."""
    pairs = zip(sides, kernel, strides, strict=True)
    return [(side - length) // stride + 1 for side, length, stride in pairs]


def compute(layers: Sequence[Layer], images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What layers make of pixels, uint8 [n, 1, 28, 28]. Activations aren't rounded to integers.

    Raises RuntimeError if a layer doesn't fit the one before.
    """
    values = torch.tensor(images).float()
    for layer in layers:
        values = _result(layer, values)
    return values.numpy()


def _result(layer: Layer, x: Tensor) -> Tensor:
    if layer.weights and layer.biases:
        weights, biases = map(torch.from_numpy, (layer.weights.floats, layer.biases.floats))
        if layer.op == "dense":
            return functional.linear(x.flatten(1), weights, biases)
        top, left, bottom, right = layer.padding
        padded = functional.pad(x, (left, right, top, bottom))
        return functional.conv2d(padded, weights, biases, layer.strides, groups=layer.groups)
    if layer.op == "reshape":
        return x.reshape(len(x), *layer.shape)
    if layer.op == "dequantize":
        return (x - layer.zero) * layer.scale
    functions: dict[str, Callable[[], Tensor]] = {
        "max_pool": lambda: functional.max_pool2d(x, layer.kernel, layer.strides),
        "average_pool": lambda: functional.avg_pool2d(x, layer.kernel, layer.strides),
        "relu": x.relu,
        "softmax": lambda: x.softmax(1),
    }
    return functions.get(layer.op, lambda: x)()
