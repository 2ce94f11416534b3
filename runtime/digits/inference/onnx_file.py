"""Read an ONNX file where it lies, without the package onnx.

A file is a message of Protocol Buffers (https://protobuf.dev/programming-guides/encoding) with
others in it (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.errors import ModelError
from digits.inference.interface import Tensor

_BYTES, _FOUR_BYTES = 2, 5  # wire types of texts and messages, and of floats; integers have 0
_TYPES = {1: "<f4", 2: "u1", 3: "i1", 6: "<i4", 7: "<i8"}  # NumPy's names of ONNX's data types
_NAMES = {1: "tensor(float)", 2: "tensor(uint8)"}  # onnxruntime's


class Node(NamedTuple):
    """An operation of a graph.

    inputs: names of stored tensors, of other nodes' outputs, or of the graph's inputs.
    attributes: integers, lists of them, floats, or texts; others are empty lists.
    """

    op: str
    inputs: list[str]
    outputs: list[str]
    attributes: Mapping[str, Any]


@contextmanager
def explain_damage(name: str) -> Iterator[None]:
    """Raise ModelError, with the file's name, where the block meets what no ONNX file has."""
    try:
        yield
    except (LookupError, ValueError, TypeError, ArithmeticError, struct.error) as error:
        raise ModelError(f"{name} can't be read: {error}") from error


def read_weights(model: bytes | bytearray) -> dict[str, NDArray[Any]]:
    """The stored tensors of a file that onnxruntime opens, by their names.

    They are in the file's memory: those in a bytearray can be changed. Raises LookupError or
    ValueError for a type that no file of `digits export` has.
    """
    weights = {}
    for tensor in _fields(_graph(model), 5):
        [data_type], [name] = _fields(tensor, 2), _fields(tensor, 8)
        [content], shape = _fields(tensor, 9), [*_fields(tensor, 1)]
        weights[str(name, "utf-8")] = np.frombuffer(content, _TYPES[data_type]).reshape(shape)
    return weights


def read_nodes(model: bytes) -> list[Node]:
    """The operations of a file, in the order in which they are computed."""
    nodes = list[Node]()
    for node in _fields(_graph(model), 1):
        [op] = _fields(node, 4)
        inputs, outputs = ([str(name, "utf-8") for name in _fields(node, n)] for n in (1, 2))
        attributes = dict(_attribute(attribute) for attribute in _fields(node, 5))
        nodes.append(Node(str(op, "utf-8"), inputs, outputs, attributes))
    return nodes


def read_interface(model: bytes) -> tuple[list[Tensor], list[Tensor]]:
    """The inputs and the outputs of a file."""
    inputs, outputs = ([*map(_tensor, _fields(_graph(model), field))] for field in (11, 12))
    return inputs, outputs


def read_metadata(model: bytes) -> dict[str, str]:
    """The pairs of metadata_props."""
    pairs = ([*_fields(pair, 1), *_fields(pair, 2)] for pair in _fields(memoryview(model), 14))
    return {str(key, "utf-8"): str(value, "utf-8") for key, value in pairs}


def last_dense_inputs(model: bytes) -> list[str]:
    """The names of what the last dense layer (Gemm) reads: features, weights and biases.

    Raises LookupError if there is none.
    """
    return [node for node in read_nodes(model) if node.op == "Gemm"][-1].inputs


def _graph(model: bytes | bytearray) -> memoryview:
    graph: memoryview
    [graph] = _fields(memoryview(model), 7)
    return graph


def _attribute(attribute: memoryview) -> tuple[str, Any]:
    """The name and the value of an attribute."""
    [name] = _fields(attribute, 1)
    values: list[Any] = [struct.unpack("<f", content)[0] for content in _fields(attribute, 2)]
    values += map(_signed, _fields(attribute, 3))
    values += (str(text, "utf-8") for text in _fields(attribute, 4))
    return str(name, "utf-8"), values[0] if values else [*map(_signed, _fields(attribute, 8))]


def _signed(integer: int) -> int:
    """The number whose two's complement of 64 bits this is."""
    return integer - (integer >> 63 << 64)


def _tensor(value: memoryview) -> Tensor:
    [name], [kind] = _fields(value, 1), _fields(value, 2)
    [tensor] = _fields(kind, 1)
    [data_type], [shape] = _fields(tensor, 1), _fields(tensor, 2)
    sides = ([*_fields(side, 1), *_fields(side, 2)][0] for side in _fields(shape, 1))
    named = [side if isinstance(side, int) else str(side, "utf-8") for side in sides]
    return Tensor(str(name, "utf-8"), _NAMES.get(data_type, f"type {data_type}"), named)


def _fields(message: memoryview, number: int) -> Iterator[Any]:
    """The values of a field in a message: integers, or the bytes of texts, messages and floats."""
    position = 0
    while position < len(message):
        tag, position = _integer(message, position)
        size = 4
        if tag % 8 != _FOUR_BYTES:
            size, position = _integer(message, position)
        content: Any = size
        if tag % 8 in (_BYTES, _FOUR_BYTES):
            content = message[position : position + size]
            position += size
        if tag // 8 == number:
            yield content


def _integer(message: memoryview, position: int) -> tuple[int, int]:
    """The integer at a position, in groups of seven bits, and the position behind it."""
    value = shift = 0
    while True:
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
