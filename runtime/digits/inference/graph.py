"""Check the graph of a model file before onnxruntime opens it: anybody can add a valid checksum.

ONNX has loops, subgraphs, functions and external weights. Ours need none of that, only a few
operators in sequence; a file with anything else is refused. Shape inference bounds the memory and
time for a digit or a page.

Field and type numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import prod
from struct import unpack
from typing import NamedTuple

from digits.errors import ModelError
from digits.inference.interface import CLASSIFIER, Interface, Tensor
from digits.inference.operators import Allowed, Operator, Shape
from digits.inference.protobuf import Message, bytes_field
from digits.inference.shapes import MAX_RANK, Node, Stored, follow

OPSET = 13  # the first with per-channel DequantizeLinear

_MAX_PARTS = 1024  # nodes and stored tensors; VGG-16 has up to 109 nodes

# Fields of ModelProto, OperatorSetIdProto, GraphProto,
_MODEL = _IR_VERSION, _PRODUCER, _PRODUCER_VERSION, _BODY, _OPSETS, _ = 1, 2, 3, 7, 8, 14
_OPSET = _DOMAIN, _VERSION = 1, 2
_GRAPH = _NODES, _, _INITIALIZERS, _INPUTS, _OUTPUTS = 1, 2, 5, 11, 12
# NodeProto, AttributeProto, TensorProto,
_NODE = _READ, _WRITTEN, _, _OPERATOR, _ATTRIBUTES, _NODE_DOMAIN = 1, 2, 3, 4, 5, 7
_ATTRIBUTE = _ATTRIBUTE_NAME, _INTEGER, _TEXT, _INTEGERS, _ATTRIBUTE_TYPE = 1, 3, 4, 8, 20
_TENSOR = _DIMENSIONS, _DATA_TYPE, _TENSOR_NAME, _RAW, _EXTERNAL, _LOCATION = 1, 2, 8, 9, 13, 14
# ValueInfoProto, TypeProto, TypeProto.Tensor, TensorShapeProto, TensorShapeProto.Dimension.
_VALUE = _VALUE_NAME, _VALUE_TYPE = 1, 2
_TENSOR_TYPE, _ELEMENT_TYPE, _SHAPE, _DIMENSION, _LENGTH, _SYMBOL = 1, 1, 2, 1, 1, 2

_INT, _STRING, _INTS = 2, 3, 7  # AttributeProto.AttributeType
# TensorProto.DataType: name, size in bytes, and its code if a shape or scales may have it.
_TYPES = {
    1: ("float32", 4, "f"),
    2: ("uint8", 1, ""),
    3: ("int8", 1, ""),
    6: ("int32", 4, ""),
    7: ("int64", 8, "q"),
}
_TENSOR_TYPES = {1: "tensor(float)", 2: "tensor(uint8)"}

# Operators that output feature maps: convolution, bias, ReLU, pool, and the reshapes around the
# pool of a convolution in phases.
_GIVES_MAPS = {"Conv", "Add", "Relu", "MaxPool", "Reshape"}


class Graph(NamedTuple):
    """The content of a file except its metadata.

    values: in all tensors of one digit, or of the smallest page. products: multiplications for it.
    """

    ir_version: int
    opset: int
    producer: str
    input: str  # name, type and shape
    output: str  # or several, as the input
    operators: dict[str, int]  # nodes by type, in graph order
    parameter_counts: dict[str, int]  # by type: weights, biases, scales, zero points
    values: int
    products: int


def read(model: bytes, name: str, interface: Interface = CLASSIFIER) -> Graph:
    """Parse and check the graph of an ONNX file.

    name: what errors call the file. Raises ModelError if it has anything that `digits export` never
    writes, another input or output, or needs too much memory or time.
    """
    file = Message(memoryview(model), name, "model", _MODEL)
    graph = Message(file.bytes(_BODY), name, "graph", _GRAPH, _MAX_PARTS)
    input_ = _check(graph.messages(_INPUTS), name, "input", [interface.input])
    output = _check(graph.messages(_OUTPUTS), name, "output", interface.outputs)
    shapes: dict[str, Shape] = {}
    contents: dict[str, Shape] = {}
    parameters = Counter[str]()
    for raw in graph.messages(_INITIALIZERS):
        kind, title, shape, content = _stored(raw, name)
        if title in shapes:
            raise ModelError(f"{name}: invalid tensor {title!r} of shape {shape}")
        shapes[title], contents[title] = shape, content
        parameters[kind] += prod(shape)
    nodes = [_node(raw, name, interface.operators) for raw in graph.messages(_NODES)]
    stored = Stored(shapes, contents)
    costs = [follow(interface, size, stored, nodes, name) for size in interface.sizes]
    _check_opset(file.messages(_OPSETS), name)
    return Graph(
        file.integer(_IR_VERSION),
        OPSET,
        f"{file.text(_PRODUCER)} {file.text(_PRODUCER_VERSION)}",
        input_,
        output,
        dict(Counter(node.title for node in nodes)),
        dict(parameters),
        *costs[0],
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


def _check(messages: list[memoryview], name: str, kind: str, expected: Sequence[Tensor]) -> str:
    """Check the inputs or outputs. Returns their names, types and shapes as text."""
    found = [_value(raw, name, kind) for raw in messages]
    there = _describe(found) or "nothing"
    same = [Tensor(title, dtype, shape[1:]) for title, dtype, shape in found] == [*expected]
    if not same or any(isinstance(one.shape[0], int) for one in found):
        wanted = [one._replace(shape=["batch", *one.shape]) for one in expected]
        raise ModelError(f"{name}: the {kind} should be {_describe(wanted)}, not {there}")
    return there


def _describe(tensors: Sequence[Tensor]) -> str:
    return "; ".join(f"{title}, {dtype}, {shape}" for title, dtype, shape in tensors)


def _value(raw: memoryview, name: str, kind: str) -> Tensor:
    value = Message(raw, name, kind, _VALUE)
    type_ = Message(value.bytes(_VALUE_TYPE), name, kind, (_TENSOR_TYPE,))
    tensor = Message(type_.bytes(_TENSOR_TYPE), name, kind, (_ELEMENT_TYPE, _SHAPE))
    shape: list[int | str] = []
    for one in Message(tensor.bytes(_SHAPE), name, kind, (_DIMENSION,)).messages(_DIMENSION):
        dimension = Message(one, name, kind, (_LENGTH, _SYMBOL), most=1)
        shape.append(dimension.integer(_LENGTH) or dimension.text(_SYMBOL))
    number = tensor.integer(_ELEMENT_TYPE)
    return Tensor(value.text(_VALUE_NAME), _TENSOR_TYPES.get(number, f"type {number}"), shape)


def _stored(raw: memoryview, name: str) -> tuple[str, str, Shape, Shape]:
    """Return type, name, shape and, if it is a short list of integers, content of a tensor."""
    tensor = Message(raw, name, "tensor", _TENSOR)
    if tensor.has(_EXTERNAL) or tensor.has(_LOCATION):
        raise ModelError(f"{name} has external weights, which digits doesn't open")
    title, shape = tensor.text(_TENSOR_NAME), tuple(tensor.integers(_DIMENSIONS))
    data, number = tensor.bytes(_RAW), tensor.integer(_DATA_TYPE)
    kind, size, code = _TYPES.get(number, (f"type {number}", 0, ""))
    if not size:
        raise ModelError(f"{name}: {title!r} has an unsupported type: {kind}")
    if len(data) != size * prod(shape):  # a number that may be too long to print
        raise ModelError(
            f"{name}: {title!r} has {len(data)} bytes, too many or too few for {kind} of shape"
            f" {list(shape)}"
        )
    content: Shape = ()
    if code and len(shape) == 1 and shape[0] <= MAX_RANK:
        numbers = unpack(f"<{shape[0]}{code}", data)
        if all(number == number // 1 for number in numbers):  # no fractions, NaN or infinity
            content = tuple(map(int, numbers))
    return kind, title, shape, content


def _node(raw: memoryview, name: str, operators: Mapping[str, Operator]) -> Node:
    node = Message(raw, name, "node", _NODE)
    title, domain = node.text(_OPERATOR), node.text(_NODE_DOMAIN)
    operator = None if domain else operators.get(title)
    if operator is None:
        shown = f"{domain}.{title}" if domain else title
        raise ModelError(f"{name} has the operator {shown!r}, which digits doesn't run")
    attributes: dict[str, list[int]] = {}
    for part in node.messages(_ATTRIBUTES):
        attribute = Message(part, name, f"node {title}", _ATTRIBUTE)
        key = attribute.text(_ATTRIBUTE_NAME)
        known = key in operator.attributes and key not in attributes
        if not known or not _is_allowed(attribute, operator.attributes[key]):
            raise ModelError(f"{name}: {title} has the attribute {key!r}, which digits doesn't run")
        attributes[key] = attribute.integers(_INTEGERS)
    return Node(title, operator, attributes, node.texts(_READ), node.texts(_WRITTEN))


def _is_allowed(attribute: Message, wanted: Allowed) -> bool:
    kind = attribute.integer(_ATTRIBUTE_TYPE)
    if isinstance(wanted, int):
        return kind == _INT and attribute.integer(_INTEGER) == wanted
    return kind == _INTS if wanted is None else kind == _STRING and attribute.text(_TEXT) == wanted
