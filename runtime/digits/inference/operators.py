"""The operators that `digits export` writes: their output shapes and their cost.

https://onnx.ai/onnx/operators. Their output shapes never depend on the pixels.
"""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import NamedTuple

BATCH = -1  # the first dimension of all activations, and of nothing else
Shape = tuple[int, ...]
Attributes = Mapping[str, Sequence[int]]
Allowed = int | str | None


class Result(NamedTuple):
    """The output of a node. products: multiplications per digit or page, or what takes as long.

    unfolded: values in all windows of a convolution, which onnxruntime may store (im2col).
    """

    shape: Shape
    products: int = 0
    unfolded: int = 0


class Operator(NamedTuple):
    """An operator with one output.

    inputs: how many. infer: raises ValueError or LookupError if they don't fit. attributes: by
    name, the one allowed value, or None for any list. by_content: number of the input, a stored
    tensor, whose content `infer` gets as its shape.
    """

    inputs: int
    infer: Callable[[Sequence[Shape], Attributes], Result]
    attributes: Mapping[str, Allowed] = {}
    by_content: int | None = None


def _unchanged(inputs: Sequence[Shape], _: Attributes) -> Result:
    return Result(inputs[0])


def _broadcast(inputs: Sequence[Shape], _: Attributes) -> Result:
    rank = max(map(len, inputs))
    first, second = ((1,) * (rank - len(shape)) + shape for shape in inputs)
    sides = list(zip(first, second, strict=True))
    if any(a != b and 1 not in (a, b) for a, b in sides):
        raise ValueError
    return Result(tuple(b if a == 1 else a for a, b in sides))


def _flattened(inputs: Sequence[Shape], _: Attributes) -> Result:
    return Result((inputs[0][0], prod(inputs[0][1:])))


def _reshaped(inputs: Sequence[Shape], _: Attributes) -> Result:
    """The second input is the new shape itself."""
    shape, new = inputs
    if not (shape[0] == new[0] == BATCH and prod(shape) == prod(new)):
        raise ValueError
    return Result(new)


def _multiplied(inputs: Sequence[Shape], attributes: Attributes) -> Result:
    """Multiply matrices; an attribute means that the second is transposed."""
    (rows, inner), second = inputs[:2]
    same, columns = reversed(second) if attributes else second
    if inner != same:
        raise ValueError
    return Result((rows, columns), abs(rows) * inner * columns)


def _convolved(inputs: Sequence[Shape], attributes: Attributes) -> Result:
    (batch, channels, height, width), (filters, same, *kernel) = inputs[:2]
    if channels != same or kernel != attributes["kernel_shape"]:
        raise ValueError
    rows, columns = _windows(height, width, attributes)
    unfolded = abs(batch) * channels * prod(kernel) * rows * columns
    return Result((batch, filters, rows, columns), filters * unfolded, unfolded)


def _pooled(inputs: Sequence[Shape], attributes: Attributes) -> Result:
    [(batch, channels, height, width)] = inputs
    if attributes["kernel_shape"] != attributes["strides"]:
        raise ValueError  # overlapping windows would cost more
    return Result((batch, channels, *_windows(height, width, attributes)))


def _averaged(inputs: Sequence[Shape], attributes: Attributes) -> Result:
    [(batch, channels, height, width)] = inputs
    rows, columns = _windows(height, width, attributes)
    summed = abs(batch) * channels * rows * columns * prod(attributes["kernel_shape"])
    return Result((batch, channels, rows, columns), _SUM * summed)


def _enlarged(inputs: Sequence[Shape], _: Attributes) -> Result:
    """The third input is the scales themselves; there is no second one."""
    batch, channels, height, width = inputs[0]
    *same, down, across = inputs[2]
    if same != [1, 1] or min(down, across) < 1:
        raise ValueError
    return Result((batch, channels, height * down, width * across))


def _shuffled(inputs: Sequence[Shape], _: Attributes) -> Result:
    [(batch, channels, height, width)] = inputs
    if channels % _BLOCK**2:
        raise ValueError
    return Result((batch, channels // _BLOCK**2, height * _BLOCK, width * _BLOCK))


def _windows(height: int, width: int, attributes: Attributes) -> tuple[int, int]:
    """Count the windows down and across."""
    kernel = attributes["kernel_shape"]
    down, across = attributes.get("strides", (1, 1))
    apart = attributes.get("dilations", (1, 1))
    top, left, bottom, right = pads = attributes.get("pads", (0, 0, 0, 0))
    if 0 in (*kernel, *apart, down, across):
        raise ValueError
    sides = [(length - 1) * gap + 1 for length, gap in zip(kernel, apart, strict=True)]
    # No window may lie in the padding alone.
    if max(pads) > max(sides):
        raise ValueError
    rows = (height + top + bottom - sides[0]) // down + 1
    return rows, (width + left + right - sides[1]) // across + 1


_BLOCK = 2  # of DepthToSpace
_SUM = 16  # products of a convolution take as long as one addition of AveragePool
_POOL: Mapping[str, None] = {"kernel_shape": None, "strides": None}
_CONVOLUTION: Mapping[str, None] = {**_POOL, "pads": None}
_CAST, _RELU = Operator(1, _unchanged, {"to": 1}), Operator(1, _unchanged)  # 1: float32
_DEQUANTIZE = Operator(3, _unchanged, {"axis": 0})

# Of a classifier.
OPERATORS = {
    "Cast": _CAST,
    "Conv": Operator(3, _convolved, _CONVOLUTION),
    "DequantizeLinear": _DEQUANTIZE,
    "Flatten": Operator(1, _flattened, {"axis": 1}),
    "Gemm": Operator(3, _multiplied, {"transB": 1}),
    "MaxPool": Operator(1, _pooled, _POOL),
    "QuantizeLinear": Operator(3, _unchanged),
    "Relu": _RELU,
    "Reshape": Operator(2, _reshaped, by_content=1),
    "Softmax": Operator(1, _unchanged, {"axis": 1}),
}

READER_OPERATORS = {
    "Add": Operator(2, _broadcast),
    "AveragePool": Operator(1, _averaged, _CONVOLUTION),
    "Cast": _CAST,
    "Clip": Operator(3, _unchanged),
    "Conv": Operator(3, _convolved, {**_CONVOLUTION, "dilations": None}),
    "DepthToSpace": Operator(1, _shuffled, {"blocksize": _BLOCK, "mode": "CRD"}),
    "DequantizeLinear": _DEQUANTIZE,
    "Div": Operator(2, _broadcast),
    "Mul": Operator(2, _broadcast),
    "Relu": _RELU,
    "Resize": Operator(3, _enlarged, {"mode": "linear"}, by_content=2),
    "Sqrt": Operator(1, _unchanged),
    "Sub": Operator(2, _broadcast),
}
