"""Scan an ONNX file before onnxruntime opens it: a file may loop for ever, or read other files.

It is one message of Protocol Buffers (https://protobuf.dev/programming-guides/encoding) with others
in it (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). A file may have only what a network
of weights and the usual layers needs, and nothing twice that protobuf would merge.

`model` caps the memory and the time of a run. Nothing can stop onnxruntime while it opens a file,
so it gets next to nothing to compute there, and no weights that many nodes read: it copies them for
each, and a file of 35 MB took 7 GB and 29 s.
"""

from collections.abc import Iterator, Mapping
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from digits.errors import ModelError
from digits.inference.interface import Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_BYTES = 128 << 20  # of a file, and of weights, once for each node that reads them

_MAX_NODES, _MAX_FIELDS = 1024, 1 << 16  # VGG-16 has 109 nodes
_MAX_TEXT = 16 << 10  # bytes
_MAX_RANK = 8
# What may be computed of constants and shapes alone, and how large it may be if all is broadcast.
_ON_SHAPES = (
    *("Add", "Cast", "Concat", "Div", "Gather", "Mul", "Reshape", "Slice", "Squeeze", "Unsqueeze"),
)
_MAX_FOLDED = 1 << 20
_MAX_INTEGER = 1 << 16  # of an attribute: onnxruntime counts up to some of them
# Those of the usual layers of networks for pictures (https://onnx.ai/onnx/operators). None has a
# state or contains a graph, and only Expand, Pad and Resize make much of little.
_NAMES = """
    Conv ConvTranspose Gemm MatMul AveragePool MaxPool LpPool GlobalAveragePool GlobalLpPool
    GlobalMaxPool ReduceL1 ReduceL2 ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceSum
    ReduceSumSquare BatchNormalization GroupNormalization InstanceNormalization LayerNormalization
    LRN Celu Elu Erf Gelu HardSigmoid HardSwish LeakyRelu LogSoftmax Mish PRelu Relu Selu Sigmoid
    Softmax Softplus Softsign Tanh ThresholdedRelu Abs Add Ceil Clip Div Exp Floor Log Max Min Mul
    Neg Pow Reciprocal Round Sign Sqrt Sub Sum And Equal Greater GreaterOrEqual Less LessOrEqual
    Not Or Where Cast CastLike DequantizeLinear Einsum Expand Identity QuantizeLinear Concat
    DepthToSpace Flatten Gather GatherND Pad Reshape Resize Shape Slice SpaceToDepth Split Squeeze
    Transpose Unsqueeze
"""
_OPERATORS = frozenset(_NAMES.split())
_VARINT, _BYTES, _FLOAT = 0, 2, 5  # wire types
# TensorProto.DataType
_TYPES = {1: "float32", 2: "uint8", 3: "int8", 6: "int32", 7: "int64", 9: "bool"}


class _Message(NamedTuple):
    """A kind of message. fields: what each number is; a list, if there may be several."""

    name: str
    fields: Mapping[int, Any]


_OPSET = _Message("opset", {1: str, 2: int})
_PAIR = _Message("metadata", {1: str, 2: str})
_LENGTH = _Message("shape", {1: int, 2: str})
_DENSE = _Message("type", {1: int, 2: _Message("shape", {1: [_LENGTH]})})
_VALUE = _Message("input or output", {1: str, 2: _Message("type", {1: _DENSE})})
_TENSOR = _Message("tensor", {1: [int], 2: int, 8: str, 9: bytes})
_NUMBERS: Mapping[int, Any] = {2: float, 3: int, 4: str, 7: [float], 8: [int], 20: int}
_ATTRIBUTE = _Message("attribute", {1: str, **_NUMBERS})
_NODE = _Message("node", {1: [str], 2: [str], 3: str, 4: str, 5: [_ATTRIBUTE], 7: str})
_GRAPH = _Message("graph", {1: [_NODE], 2: str, 5: [_TENSOR], 11: [_VALUE], 12: [_VALUE]})
_MODEL = _Message("model", {1: int, 2: str, 3: str, 7: _GRAPH, 8: [_OPSET], 14: [_PAIR]})


class Node(NamedTuple):
    """A node: its operator, and the names of the tensors that it reads and writes."""

    operator: str
    inputs: list[str]
    outputs: list[str]


class Scan(NamedTuple):
    """The content of a file. opsets: versions by domain.

    tensors: the stored ones by name, in the file's memory: they can be changed in a bytearray.
    """

    ir_version: int
    opsets: dict[str, int]
    producer: str
    inputs: list[Tensor]
    outputs: list[Tensor]
    nodes: list[Node]
    tensors: "dict[str, NDArray[Any]]"
    metadata: dict[str, str]


def scan(model: bytes | bytearray, name: str) -> Scan:
    """Scan an ONNX file.

    name: what errors call it. Raises ModelError if it is malformed, or might do harm.
    """
    try:
        parts = _parse(memoryview(model), _MODEL, iter(range(_MAX_FIELDS)))
        ir_version, producer, version, graph, opsets, pairs = parts
        nodes, _, tensors, inputs, outputs = graph
        result = Scan(
            ir_version,
            {domain or "ai.onnx": number for domain, number in opsets},
            f"{producer} {version}",
            [*map(_tensor, inputs)],
            [*map(_tensor, outputs)],
            [*map(_node, nodes)],
            {title: _array(shape, number, data) for shape, number, title, data in tensors},
            dict(pairs),
        )
        if len(nodes) > _MAX_NODES or len(result.tensors) < len(tensors):
            raise ValueError(f"it has over {_MAX_NODES} nodes, or two tensors of the same name")
        _check_constants(result)
    except (ValueError, OverflowError) as error:  # of text and NumPy, too
        raise ModelError(f"{name} can't be used: {error}") from error
    return result


def _check_constants(model: Scan) -> None:
    """Raise ValueError if onnxruntime might compute or copy much while it opens the file.

    Its shape inference computes with shapes, too, as if they were constants.
    """
    known = {tensor.name for tensor in model.inputs} | {"", *model.tensors}
    constants = {"": 1} | {title: array.nbytes for title, array in model.tensors.items()}
    copied = 0
    for operator, inputs, outputs in model.nodes:
        if not known.issuperset(inputs):  # which might be constant
            raise ValueError(f"its {operator} reads what no node before it writes")
        known.update(outputs)
        sizes = [constants[title] for title in inputs if title in constants]
        copied += sum(sizes)
        if operator == "Shape":
            constants |= dict.fromkeys(outputs, _MAX_RANK)
        elif len(sizes) == len(inputs) and operator == "DequantizeLinear":
            constants |= dict.fromkeys(outputs, 4 * sum(sizes))  # int8 becomes float32
        elif len(sizes) == len(inputs):
            size = sum(sizes) if operator == "Concat" else prod(sizes)
            if operator not in _ON_SHAPES or size > _MAX_FOLDED:
                raise ValueError(f"its {operator} reads constants alone")
            copied += size
            constants |= dict.fromkeys(outputs, size)
    if copied > MAX_BYTES:
        raise ValueError("it has more weights than digits allows")


def _node(node: list[Any]) -> Node:
    inputs, outputs, _, operator, attributes, domain = node
    if domain or operator not in _OPERATORS:
        shown = f"{domain}.{operator}" if domain else operator
        raise ValueError(f"it has the operator {shown!r}, which digits doesn't run")
    for title, _, integer, *_ in attributes:
        if _MAX_INTEGER < integer < 1 << 63:  # larger ones are negative
            raise ValueError(f"the attribute {title!r} of its {operator} is too large")
    return Node(operator, inputs, outputs)


def _array(shape: list[int], number: int, data: memoryview) -> "NDArray[Any]":
    import numpy as np  # most commands start without

    if number not in _TYPES:
        raise ValueError(f"a tensor has the type {number}, which digits doesn't know")
    dtype = np.dtype(_TYPES[number]).newbyteorder("<")
    return np.frombuffer(data, dtype).reshape(shape)


def _tensor(value: list[Any]) -> Tensor:
    title, [[number, [sides]]] = value
    kind = _TYPES.get(number, f"type {number}")
    shape = [length or symbol for length, symbol in sides]
    return Tensor(title, f"tensor({kind.removesuffix('32')})", shape)


def _parse(raw: memoryview, message: _Message, budget: Iterator[int]) -> list[Any]:
    """Parse a message and those in it; each field takes one from the budget.

    Returns the values in the order of `message.fields`; one that is missing is 0 or empty.
    """
    parts: dict[int, list[Any]] = {number: [] for number in message.fields}
    position = 0
    while position < len(raw):
        tag, position = _varint(raw, position)
        number, wire_type = divmod(tag, 8)
        field = message.fields.get(number)
        kind = field[0] if isinstance(field, list) else field
        is_second = field is kind and parts.get(number)
        wanted = _VARINT if kind is int else _FLOAT if kind is float else _BYTES
        if kind is None or wire_type != wanted or is_second or next(budget, None) is None:
            raise ValueError(f"field {number} of its {message.name} is unknown, or one too many")
        value, position = (4, position) if kind is float else _varint(raw, position)
        if kind is not int:
            content, position = raw[position : position + value], position + value
            value = _decode(content, kind, budget)
        parts[number].append(value)
    if position > len(raw):
        raise ValueError("it is truncated, or not an ONNX file")
    empty = memoryview(b"")
    return [
        parts[number]
        if isinstance(kind, list)
        else (parts[number] or [0 if kind is int else _decode(empty, kind, budget)])[0]
        for number, kind in message.fields.items()
    ]


def _decode(content: memoryview, kind: Any, budget: Iterator[int]) -> Any:
    if isinstance(kind, _Message):
        return _parse(content, kind, budget)
    if kind is str and len(content) > _MAX_TEXT:
        raise ValueError("a text in it is too long")
    return str(content, "utf-8") if kind is str else content


def _varint(raw: memoryview, position: int) -> tuple[int, int]:
    if position < len(raw) and raw[position] < 0x80:  # most have one byte
        return raw[position], position + 1
    value = shift = 0
    for byte in raw[position : position + 10]:
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80 and value < 1 << 64:
            return value, position
    raise ValueError("it is truncated, or not an ONNX file")
