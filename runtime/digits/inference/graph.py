"""Check the graph of a model file before onnxruntime opens it: anybody can add a valid checksum.

ONNX has loops, subgraphs, functions and external weights. Ours need none of that, only fifteen
operators in sequence; a file with anything else is refused. Shape inference bounds the memory and
time for a digit.

Field and type numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from collections import Counter
from collections.abc import Sequence
from math import prod
from struct import unpack
from typing import NamedTuple

from digits.errors import ModelError
from digits.inference.operators import BATCH, OPERATORS, Operator, Shape
from digits.inference.protobuf import Message, bytes_field

INPUT = ("images", "tensor(uint8)", [1, 28, 28])
OUTPUT = ("probabilities", "tensor(float)", [10])
OPSET = 13  # the first with per-channel DequantizeLinear

# VGG-16, our largest network, has 15 million weights and up to 109 nodes. A digit takes 0.3 billion
# products and up to 1.6 million values; a convolution unfolds 0.6 million.
_MAX_WEIGHTS, _MAX_VALUES, _MAX_PRODUCTS = 1 << 26, 1 << 23, 1 << 31
_MAX_PARTS = 1024  # nodes and stored tensors
_MAX_RANK = 4

# Fields of ModelProto, OperatorSetIdProto, GraphProto,
_MODEL = _IR_VERSION, _PRODUCER, _PRODUCER_VERSION, _BODY, _OPSETS, _ = 1, 2, 3, 7, 8, 14
_OPSET = _DOMAIN, _VERSION = 1, 2
_GRAPH = _NODES, _, _INITIALIZERS, _INPUTS, _OUTPUTS = 1, 2, 5, 11, 12
# NodeProto, AttributeProto, TensorProto,
_NODE = _READ, _WRITTEN, _, _OPERATOR, _ATTRIBUTES, _NODE_DOMAIN = 1, 2, 3, 4, 5, 7
_ATTRIBUTE = _ATTRIBUTE_NAME, _INTEGER, _INTEGERS, _ATTRIBUTE_TYPE = 1, 3, 8, 20
_TENSOR = _DIMENSIONS, _DATA_TYPE, _TENSOR_NAME, _RAW, _EXTERNAL, _LOCATION = 1, 2, 8, 9, 13, 14
# ValueInfoProto, TypeProto, TypeProto.Tensor, TensorShapeProto, TensorShapeProto.Dimension.
_VALUE = _VALUE_NAME, _VALUE_TYPE = 1, 2
_TENSOR_TYPE, _ELEMENT_TYPE, _SHAPE, _DIMENSION, _LENGTH, _SYMBOL = 1, 1, 2, 1, 1, 2

_INT, _INTS = 2, 7  # AttributeProto.AttributeType
# TensorProto.DataType: name and size in bytes.
_INT64 = 7
_TYPES = {1: ("float32", 4), 2: ("uint8", 1), 3: ("int8", 1), 6: ("int32", 4), _INT64: ("int64", 8)}
_TENSOR_TYPES = {1: "tensor(float)", 2: "tensor(uint8)"}

# Operators that output feature maps: convolution, bias, ReLU, pool, and the reshapes around the
# pool of a convolution in phases.
_GIVES_MAPS = {"Conv", "Add", "Relu", "MaxPool", "Reshape"}


class Graph(NamedTuple):
    """The content of a file except its metadata. values: in all tensors of one digit."""

    ir_version: int
    opset: int
    producer: str
    input: str  # name, type and shape
    output: str
    operators: dict[str, int]  # nodes by type, in graph order
    parameter_counts: dict[str, int]  # by type: weights, biases, scales, zero points
    values: int


def read(model: bytes, name: str) -> Graph:
    """Parse and check the graph of an ONNX file.

    name: what errors call the file. Raises ModelError if it has anything that `digits export` never
    writes, another input or output, or needs too much memory or time.
    """
    file = Message(memoryview(model), name, "model", _MODEL)
    graph = Message(file.bytes(_BODY), name, "graph", _GRAPH, _MAX_PARTS)
    input_ = _interface(graph.messages(_INPUTS), name, "input", INPUT)
    output = _interface(graph.messages(_OUTPUTS), name, "output", OUTPUT)
    tensors = _Tensors(name)
    parameters = Counter[str]()
    for raw in graph.messages(_INITIALIZERS):
        kind, count = tensors.store(raw)
        parameters[kind] += count
    operators = Counter(tensors.compute(raw) for raw in graph.messages(_NODES))
    tensors.check_output()
    _check_opset(file.messages(_OPSETS), name)
    return Graph(
        file.integer(_IR_VERSION),
        OPSET,
        f"{file.text(_PRODUCER)} {file.text(_PRODUCER_VERSION)}",
        input_,
        output,
        dict(operators),
        dict(parameters),
        tensors.values,
    )


class Stage(NamedTuple):
    """A convolution with its ReLU and pool, before the next one or the first dense layer.

    operators: Conv or ConvInteger, then Relu and MaxPool if present. output: the name of the
    resulting float tensor, [batch, channels, height, width].
    """

    operators: tuple[str, ...]
    output: str


def stages(model: bytes, name: str) -> list[Stage]:
    """Return the convolutions of a checked file, each with its ReLU and its pool."""
    file = Message(memoryview(model), name, "model", _MODEL)
    graph = Message(file.bytes(_BODY), name, "graph", _GRAPH, _MAX_PARTS)
    found: list[Stage] = []
    for raw in graph.messages(_NODES):
        node = Message(raw, name, "node", _NODE)
        operator = node.text(_OPERATOR)
        if operator in ("Conv", "ConvInteger"):
            found.append(Stage((operator,), ""))
        elif operator in ("Flatten", "Gemm", "MatMulInteger", "Softmax"):
            break
        if found and operator in _GIVES_MAPS:
            operators = found[-1].operators
            if operator in ("Relu", "MaxPool"):
                operators += (operator,)
            found[-1] = Stage(operators, node.texts(_WRITTEN)[0])
    return found


def with_outputs(model: bytes, tensors: Sequence[str]) -> bytes:
    """Add tensors to the outputs, for onnxruntime alone: the checksum becomes invalid.

    Protobuf libraries merge repeated messages, so a second graph with only outputs is enough;
    onnxruntime infers their types.
    """
    outputs = [bytes_field(_OUTPUTS, bytes_field(_VALUE_NAME, one.encode())) for one in tensors]
    return model + bytes_field(_BODY, b"".join(outputs))


def _check_opset(messages: list[memoryview], name: str) -> None:
    opsets = [Message(raw, name, "opset", _OPSET) for raw in messages]
    there = [(opset.text(_DOMAIN), opset.integer(_VERSION)) for opset in opsets]
    if there != [("", OPSET)]:
        shown = ", ".join(f"{domain or 'ai.onnx'} {version}" for domain, version in there)
        raise ModelError(f"{name} needs opset {OPSET} of ai.onnx, not {shown or 'none'}")


def _interface(
    messages: list[memoryview], name: str, kind: str, expected: tuple[str, str, list[int]]
) -> str:
    """Check the one input or output. Returns its name, type and shape as text."""
    found = [_value(raw, name, kind) for raw in messages]
    title, dtype, shape = expected
    there = "; ".join(f"{title}, {dtype}, {shape}" for title, dtype, shape in found) or "nothing"
    if [(title, dtype, shape[1:]) for title, dtype, shape in found] != [expected] or isinstance(
        found[0][2][0], int
    ):
        raise ModelError(
            f"{name}: the {kind} should be {title}, {dtype}, [batch, {str(shape)[1:]}, not {there}"
        )
    return there


def _value(raw: memoryview, name: str, kind: str) -> tuple[str, str, list[int | str]]:
    value = Message(raw, name, kind, _VALUE)
    type_ = Message(value.bytes(_VALUE_TYPE), name, kind, (_TENSOR_TYPE,))
    tensor = Message(type_.bytes(_TENSOR_TYPE), name, kind, (_ELEMENT_TYPE, _SHAPE))
    shape: list[int | str] = []
    for one in Message(tensor.bytes(_SHAPE), name, kind, (_DIMENSION,)).messages(_DIMENSION):
        dimension = Message(one, name, kind, (_LENGTH, _SYMBOL), most=1)
        shape.append(dimension.integer(_LENGTH) or dimension.text(_SYMBOL))
    number = tensor.integer(_ELEMENT_TYPE)
    return value.text(_VALUE_NAME), _TENSOR_TYPES.get(number, f"type {number}"), shape


class _Tensors:
    """The shapes of a graph's tensors by name, and their total cost."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._shapes: dict[str, Shape] = {}
        self._new_shapes: dict[str, Shape] = {}  # the contents of Reshape's inputs
        self._weights = self._products = self.values = 0
        self._add(INPUT[0], (BATCH, *INPUT[2]))

    def store(self, raw: memoryview) -> tuple[str, int]:
        """Add a stored tensor. Returns its type and its number of values."""
        tensor = Message(raw, self._name, "tensor", _TENSOR)
        if tensor.has(_EXTERNAL) or tensor.has(_LOCATION):
            raise ModelError(f"{self._name} has external weights, which digits doesn't open")
        title, shape = tensor.text(_TENSOR_NAME), tuple(tensor.integers(_DIMENSIONS))
        data, number = tensor.bytes(_RAW), tensor.integer(_DATA_TYPE)
        kind, size = _TYPES.get(number, (f"type {number}", 0))
        if not size or len(data) != size * prod(shape):
            raise ModelError(
                f"{self._name}: {title!r} is no {kind} of shape {list(shape)} in {len(data)} bytes"
            )
        if number == _INT64 and len(shape) == 1 and shape[0] <= _MAX_RANK:
            self._new_shapes[title] = unpack(f"<{shape[0]}q", data)
        self._add(title, shape)
        return kind, prod(shape)

    def compute(self, raw: memoryview) -> str:
        """Add the outputs of a node. Returns its operator."""
        node = Message(raw, self._name, "node", _NODE)
        title, domain = node.text(_OPERATOR), node.text(_NODE_DOMAIN)
        operator = None if domain else OPERATORS.get(title)
        if operator is None:
            shown = f"{domain}.{title}" if domain else title
            raise ModelError(f"{self._name} has the operator {shown!r}, which digits doesn't run")
        attributes = self._attributes(node.messages(_ATTRIBUTES), title, operator)
        read = node.texts(_READ)
        try:
            shapes = [self._shapes[one] for one in read]
            if title == "Reshape":
                shapes[1] = self._new_shapes[read[1]]
            result = operator.infer(shapes, attributes)
            made = list(zip(node.texts(_WRITTEN), result.shapes, strict=True))
            if len(read) != operator.inputs:
                raise ValueError
        except (LookupError, ValueError) as error:
            raise ModelError(
                f"{self._name}: the inputs or attributes of its {title} don't fit"
            ) from error
        self._products += result.products
        self._check_size(result.unfolded)
        for tensor, shape in made:
            self._add(tensor, shape)
        return title

    def check_output(self) -> None:
        """Raise ModelError unless the output has ten values per digit."""
        if self._shapes.get(OUTPUT[0]) != (BATCH, *OUTPUT[2]):
            raise ModelError(f"{self._name} doesn't output ten probabilities for a digit")

    def _attributes(
        self, messages: list[memoryview], title: str, operator: Operator
    ) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for raw in messages:
            attribute = Message(raw, self._name, f"node {title}", _ATTRIBUTE)
            key, kind = attribute.text(_ATTRIBUTE_NAME), attribute.integer(_ATTRIBUTE_TYPE)
            values = attribute.integers(_INTEGERS if kind == _INTS else _INTEGER)
            wanted = operator.attributes.get(key)
            fits = kind == _INTS if wanted is None else kind == _INT and values == [wanted]
            if not fits or key in found or key not in operator.attributes:
                raise ModelError(
                    f"{self._name}: {title} has the attribute {key!r}, which digits doesn't run"
                )
            found[key] = values
        return found

    def _add(self, tensor: str, shape: Shape) -> None:
        of_digits = shape[:1] == (BATCH,)
        lengths = shape[1:] if of_digits else shape
        possible = len(shape) <= _MAX_RANK and min(lengths, default=1) > 0
        if not possible or not tensor or tensor in self._shapes:
            raise ModelError(f"{self._name}: invalid tensor {tensor!r} of shape {shape}")
        self._shapes[tensor] = shape
        if of_digits:
            self.values += prod(lengths)
        else:
            self._weights += prod(lengths)
        self._check_size()

    def _check_size(self, unfolded: int = 0) -> None:
        if (
            self._weights > _MAX_WEIGHTS
            or max(self.values, unfolded) > _MAX_VALUES
            or self._products > _MAX_PRODUCTS
        ):
            raise ModelError(f"{self._name} needs more memory or time than digits allows")
