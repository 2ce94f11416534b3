"""Read the weights of an ONNX file where they lie, without the package onnx.

A file is a message of Protocol Buffers (https://protobuf.dev/programming-guides/encoding) with
others in it (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BYTES = 2  # the wire type of texts and messages; that of the integers here is 0
_TYPES = {1: "<f4", 2: "u1", 3: "i1", 6: "<i4", 7: "<i8"}  # NumPy's names of ONNX's data types


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


def last_dense_inputs(model: bytes) -> list[str]:
    """The names of what the last dense layer (Gemm) reads: features, weights and biases.

    Raises LookupError if there is none.
    """
    dense = [node for node in _fields(_graph(model), 1) if [*_fields(node, 4)] == [b"Gemm"]]
    return [str(name, "utf-8") for name in _fields(dense[-1], 1)]


def _graph(model: bytes | bytearray) -> memoryview:
    graph: memoryview
    [graph] = _fields(memoryview(model), 7)
    return graph


def _fields(message: memoryview, number: int) -> Iterator[Any]:
    """The values of a field in a message: integers, or the bytes of texts and messages."""
    position = 0
    while position < len(message):
        tag, position = _integer(message, position)
        value, position = _integer(message, position)
        content: Any = value
        if tag % 8 == _BYTES:
            content = message[position : position + value]
            position += value
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
