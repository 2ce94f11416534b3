"""Check the graph of a model file before onnxruntime opens it: anybody can add a valid checksum.

Without this, a file of 439 bytes, a `Loop`, keeps onnxruntime busy for ever, and one of 418 bytes,
an `Expand`, takes 3.1 GB and 31 s (1.32). Our networks need only a few operators in sequence, no
loops, subgraphs, functions or external weights; a file with anything else is refused, and shape
inference bounds the memory and time for a digit or a page.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import prod
from struct import unpack
from typing import TYPE_CHECKING, Any, NamedTuple

from digits.errors import ModelError
from digits.inference.interface import CLASSIFIER, Interface, Tensor
from digits.inference.operators import Allowed, Operator, Shape
from digits.inference.protobuf import Field, Message, parse
from digits.inference.shapes import MAX_RANK, Node, Stored, follow

if TYPE_CHECKING:
    from numpy.typing import NDArray

OPSET = 13  # the first with per-channel DequantizeLinear

_MAX_PARTS = 1024  # nodes and stored tensors; VGG-16 has up to 109 nodes

# https://github.com/onnx/onnx/blob/main/onnx/onnx.proto; types and shapes are nested messages.
_LENGTH = Message("shape", {1: Field("length", int), 2: Field("symbol", str)}, most=1)
_SHAPE = Message("shape", {1: Field("dimensions", _LENGTH, many=True)})
_DENSE = Message("type", {1: Field("number", int), 2: Field("shape", _SHAPE)})
_TYPE = Message("type", {1: Field("tensor", _DENSE)})
_VALUE = Message("input or output", {1: Field("name", str), 2: Field("type", _TYPE)})
_TENSOR = Message(
    "tensor",
    {
        1: Field("shape", int, many=True),
        2: Field("number", int),
        8: Field("name", str),
        9: Field("data", bytes),
        13: Field("external_data", bytes, many=True),
        14: Field("location", int),
    },
)
_ATTRIBUTE = Message(
    "attribute",
    {
        1: Field("name", str),
        3: Field("integer", int),
        4: Field("text", str),
        8: Field("integers", int, many=True),
        20: Field("type", int),
    },
)
_NODE = Message(
    "node",
    {
        1: Field("inputs", str, many=True),
        2: Field("outputs", str, many=True),
        3: Field("name", bytes),
        4: Field("operator", str),
        5: Field("attributes", bytes, many=True),  # read when the operator is known
        7: Field("domain", str),
    },
)
_GRAPH = Message(
    "graph",
    {
        1: Field("nodes", _NODE, many=True),
        2: Field("name", bytes),
        5: Field("initializers", _TENSOR, many=True),
        11: Field("inputs", _VALUE, many=True),
        12: Field("outputs", _VALUE, many=True),
    },
    _MAX_PARTS,
)
_OPSET = Message("opset", {1: Field("domain", str), 2: Field("version", int)})
_MODEL = Message(
    "model",
    {
        1: Field("ir_version", int),
        2: Field("producer", str),
        3: Field("producer_version", str),
        7: Field("graph", _GRAPH),
        8: Field("opsets", _OPSET, many=True),
        14: Field("metadata", bytes, many=True),
    },
)
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


class Graph(NamedTuple):
    """The content of a file except its metadata.

    values: in all tensors of one digit, or of the smallest page. products: multiplications for it.
    """

    ir_version: int
    opsets: dict[str, int]  # domain: version
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
    file = parse(memoryview(model), _MODEL, name)
    graph = file["graph"]
    input_ = _check_interface(graph["inputs"], name, "input", [interface.input])
    output = _check_interface(graph["outputs"], name, "output", interface.outputs)
    stored = Stored({}, {})
    parameters = Counter[str]()
    for tensor in graph["initializers"]:
        if tensor["name"] in stored.shapes:
            raise ModelError(f"{name}: invalid tensor {tensor['name']!r}, which is there twice")
        parameters[_store(tensor, stored, name)] += prod(tensor["shape"])
    nodes = [_node(node, name, interface.operators) for node in graph["nodes"]]
    costs = [follow(interface, size, stored, nodes, name) for size in interface.sizes]
    _check_opset(file["opsets"], name)
    return Graph(
        file["ir_version"],
        {"ai.onnx": OPSET},
        f"{file['producer']} {file['producer_version']}",
        input_,
        output,
        dict(Counter(node.title for node in nodes)),
        dict(parameters),
        *costs[0],
    )


def nodes(model: bytes, name: str) -> list[tuple[str, list[str]]]:
    """The operator and the inputs of each node of a file that `read` has accepted, in order."""
    graph = parse(memoryview(model), _MODEL, name)["graph"]
    return [(node["operator"], node["inputs"]) for node in graph["nodes"]]


def tensors(model: bytes | bytearray, name: str) -> "dict[str, NDArray[Any]]":
    """Return the stored tensors of a file that `read` has accepted, by name.

    They share the file's memory, and can be changed if it is a bytearray.
    """
    import numpy as np  # checking a file does without

    arrays = {}
    for tensor in parse(memoryview(model), _MODEL, name)["graph"]["initializers"]:
        kind, *_ = _TYPES[tensor["number"]]
        values = np.frombuffer(tensor["data"], np.dtype(kind).newbyteorder("<"))
        arrays[tensor["name"]] = values.reshape(tensor["shape"])
    return arrays


def _check_opset(opsets: list[dict[str, Any]], name: str) -> None:
    if opsets != [{"domain": "", "version": OPSET}]:
        shown = ", ".join(f"{opset['domain'] or 'ai.onnx'} {opset['version']}" for opset in opsets)
        raise ModelError(f"{name} needs opset {OPSET} of ai.onnx, not {shown or 'none'}")


def _check_interface(
    values: list[dict[str, Any]], name: str, kind: str, expected: Sequence[Tensor]
) -> str:
    """Check the inputs or outputs. Returns their names, types and shapes as text."""
    tensors = [_tensor(value) for value in values]
    shown = _describe(tensors) or "nothing"
    same = [tensor._replace(shape=tensor.shape[1:]) for tensor in tensors] == [*expected]
    if not same or any(isinstance(tensor.shape[0], int) for tensor in tensors):
        wanted = [tensor._replace(shape=["batch", *tensor.shape]) for tensor in expected]
        raise ModelError(f"{name}: the {kind} should be {_describe(wanted)}, not {shown}")
    return shown


def _describe(tensors: Sequence[Tensor]) -> str:
    return "; ".join(f"{title}, {dtype}, {shape}" for title, dtype, shape in tensors)


def _tensor(value: dict[str, Any]) -> Tensor:
    dense = value["type"]["tensor"]
    shape = [side["length"] or side["symbol"] for side in dense["shape"]["dimensions"]]
    number = dense["number"]
    return Tensor(value["name"], _TENSOR_TYPES.get(number, f"type {number}"), shape)


def _store(tensor: dict[str, Any], stored: Stored, name: str) -> str:
    """Add a tensor's shape and, if it is a short list of integers, its content; return its type."""
    title, shape, data = tensor["name"], tuple(tensor["shape"]), tensor["data"]
    if tensor["external_data"] or tensor["location"]:
        raise ModelError(f"{name} has external weights, which digits doesn't open")
    kind, size, code = _TYPES.get(tensor["number"], (f"type {tensor['number']}", 0, ""))
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
    stored.shapes[title], stored.contents[title] = shape, content
    return kind


def _node(node: dict[str, Any], name: str, operators: Mapping[str, Operator]) -> Node:
    title, domain = node["operator"], node["domain"]
    operator = None if domain else operators.get(title)
    if operator is None:
        shown = f"{domain}.{title}" if domain else title
        raise ModelError(f"{name} has the operator {shown!r}, which digits doesn't run")
    attributes: dict[str, list[int]] = {}
    for raw in node["attributes"]:
        attribute = parse(raw, _ATTRIBUTE, name)
        key = attribute["name"]
        known = key in operator.attributes and key not in attributes
        if not known or not _is_allowed(attribute, operator.attributes[key]):
            raise ModelError(f"{name}: {title} has the attribute {key!r}, which digits doesn't run")
        attributes[key] = attribute["integers"]
    return Node(title, operator, attributes, node["inputs"], node["outputs"])


def _is_allowed(attribute: dict[str, Any], wanted: Allowed) -> bool:
    kind = attribute["type"]
    if isinstance(wanted, int):
        return kind == _INT and bool(attribute["integer"] == wanted)
    if wanted is None:
        return bool(kind == _INTS)
    return kind == _STRING and bool(attribute["text"] == wanted)
