"""What a file of a classifier computes: a list of layers, each with its weights and its shape.

The engines that do without onnxruntime have this in common.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.errors import ModelError
from digits.inference.onnx_file import (
    Node,
    explain_damage,
    read_interface,
    read_nodes,
    read_weights,
)

_NO_PADDING, _UNIT, _ONE = [0, 0, 0, 0], [1, 1], np.ones(1, np.float32)
_SIDES = {2, 3}  # the dimensions of a map in a batch
# Attributes of which engines know all values; and others, with their defaults and known values.
_FREE = {"allowzero", "axis", "count_include_pad", "group", "keepdims", "kernel_shape"}
_FREE |= {"noop_with_empty_axes", "pads", "strides"}
_Attributes = dict[str, tuple[Any, list[Any]]]
_POOL: _Attributes = {
    "auto_pad": ("NOTSET", ["NOTSET", "VALID"]),
    "ceil_mode": (0, [0]),
    "dilations": (_UNIT, [_UNIT]),
    "pads": (_NO_PADDING, [_NO_PADDING]),
    "storage_order": (0, [0]),
}
_ATTRIBUTES: dict[str, _Attributes] = {
    "Conv": {"auto_pad": ("NOTSET", ["NOTSET"]), "dilations": (_UNIT, [_UNIT])},
    "MaxPool": _POOL,
    "AveragePool": _POOL,
    "Gemm": {"transA": (0, [0]), "transB": (0, [1]), "alpha": (1.0, [1.0]), "beta": (1.0, [1.0])},
    "Softmax": {"axis": (-1, [-1, 1])},
    "Flatten": {"axis": (1, [1])},
    "Cast": {"to": (None, [1])},  # float32
}
_NAMES = {
    **{"Conv": "conv", "Gemm": "dense", "Relu": "relu", "MaxPool": "max_pool"},
    **{"AveragePool": "average_pool", "ReduceMean": "average_pool", "Reshape": "reshape"},
    **{"Softmax": "softmax", "MatMul": "dense", "Flatten": "reshape", "Cast": "cast"},
    **{"QuantizeLinear": "quantize", "DequantizeLinear": "dequantize"},
}


class ScaledTensor(NamedTuple):
    """A stored tensor, as the product of integers or floats and a scale, of each row or of all."""

    values: NDArray[Any]
    scale: NDArray[np.float32]

    @property
    def floats(self) -> NDArray[np.float32]:
        floats: NDArray[np.float32] = self.values.astype(np.float32) * self.scale
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
    """The layers of a file of `digits export`, from the pixels to the probabilities.

    name: what errors call it. Raises ModelError, naming what no engine but onnxruntime computes, or
    if the file is malformed.
    """
    with explain_damage(name):
        return _read_layers(model, name)


def _read_layers(model: bytes, name: str) -> list[Layer]:
    stored = {key: ScaledTensor(value, _ONE) for key, value in read_weights(model).items()}
    [pixels], outputs = read_interface(model)
    value, shape, layers = pixels.name, tuple(pixels.shape[1:]), list[Layer]()
    if not all(isinstance(side, int) for side in shape):
        raise ModelError(f"{name}: pictures of any size need onnxruntime")
    for node in read_nodes(model):
        is_stored = node.op == "DequantizeLinear" and node.inputs[0] in stored
        if not (is_stored or node.inputs[0] == value) or not _is_known(node, stored, shape):
            raise ModelError(f"{name}: only onnxruntime computes {node.op} as {node.outputs[0]} is")
        if is_stored:
            stored[node.outputs[0]] = _dequantize(node, stored)
            continue
        [value] = node.outputs
        if node.op == "DequantizeLinear" and layers:  # as the layer before has quantized it
            continue
        layers.append(_layer(node, stored, shape))
        shape = layers[-1].shape
    if [value] != [output.name for output in outputs]:
        raise ModelError(f"{name}: its output isn't what it computes last")
    return layers


def _is_known(node: Node, stored: dict[str, ScaledTensor], shape: tuple[Any, ...]) -> bool:
    """Whether engines know this operation with these attributes and inputs."""
    attributes, inputs = _ATTRIBUTES.get(node.op, {}), node.inputs[1:]
    if node.op not in _NAMES or len(node.outputs) != 1 or any(key not in stored for key in inputs):
        return False
    if not node.attributes.keys() <= attributes.keys() | _FREE:
        return False
    for key, (default, known) in attributes.items():
        if node.attributes.get(key, default) not in known:
            return False
    tensors = _parameters(node, stored)
    if node.op in ("Conv", "Gemm", "MatMul"):
        weights, *biases = tensors
        return (
            (node.op == "Conv" or weights.values.shape[1] == math.prod(shape))
            and weights.scale.size == len(weights.scale)
            and all(bias.values.shape == (len(weights.values),) for bias in biases)
        )
    if node.op == "ReduceMean":
        return [{*(axes.values % 4).tolist()} for axes in tensors] == [_SIDES]
    # The zero point of stored integers, which has to be 0.
    return node.inputs[0] not in stored or not any(zero.values.any() for zero in tensors[1:])


def _parameters(node: Node, stored: dict[str, ScaledTensor]) -> list[ScaledTensor]:
    """The stored inputs behind the first; weights have a row for each of n, see `Layer`."""
    tensors = [stored[key] for key in node.inputs[1:]]
    if node.op == "MatMul":
        tensors[0] = ScaledTensor(np.ascontiguousarray(tensors[0].values.T), tensors[0].scale.T)
    return tensors


def _dequantize(node: Node, stored: dict[str, ScaledTensor]) -> ScaledTensor:
    values, scale = (stored[key].values for key in node.inputs[:2])
    sides = [1] * values.ndim
    sides[node.attributes.get("axis", 1) if scale.size > 1 else 0] = scale.size
    return ScaledTensor(values, scale.reshape(sides))


def _layer(node: Node, stored: dict[str, ScaledTensor], shape: tuple[Any, ...]) -> Layer:
    op, inputs = _NAMES[node.op], _parameters(node, stored)
    if op in ("conv", "dense"):
        weights, biases, *_ = *inputs, ScaledTensor(np.zeros(len(inputs[0].values), np.int32), _ONE)
        if op == "conv":
            return _convolution(node, shape, weights, biases)
        return Layer(op, (len(weights.values),), weights, biases)
    if op in ("max_pool", "average_pool"):
        kernel = strides = shape[1:]
        if node.op != "ReduceMean":
            kernel = tuple(node.attributes["kernel_shape"])
            strides = tuple(node.attributes.get("strides", _UNIT))
        shape = (shape[0], *_positions(shape[1:], kernel, strides))
        return Layer(op, shape, kernel=kernel, strides=strides)
    if op == "reshape":
        sides = [-1] if node.op == "Flatten" else inputs[0].values.tolist()[1:]
        missing = math.prod(shape) // abs(math.prod(sides))
        return Layer(op, tuple(missing if side == -1 else side for side in sides))
    if op in ("quantize", "dequantize"):
        scale, zero = (tensor.values.item() for tensor in inputs)
        return Layer(op, shape, scale=scale, zero=zero)
    return Layer(op, shape)


def _convolution(
    node: Node, shape: tuple[Any, ...], weights: ScaledTensor, biases: ScaledTensor
) -> Layer:
    kernel, strides = weights.values.shape[2:], tuple(node.attributes.get("strides", _UNIT))
    padding = tuple(node.attributes.get("pads", _NO_PADDING))
    padded = [side + padding[axis] + padding[axis + 2] for axis, side in enumerate(shape[1:])]
    return Layer(
        "conv",
        (len(weights.values), *_positions(padded, kernel, strides)),
        weights,
        biases,
        kernel=kernel,
        strides=strides,
        padding=padding,
        groups=node.attributes.get("group", 1),
    )


def _positions(sides: Any, kernel: Any, strides: Any) -> list[int]:
    """How many positions a kernel has along the height and the width."""
    pairs = zip(sides, kernel, strides, strict=True)
    return [(side - length) // stride + 1 for side, length, stride in pairs]
