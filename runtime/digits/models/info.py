"""What is in a model file: its graph, its weights and what it says about itself.

The numbers of fields and types are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

import hashlib
import os
from collections import Counter, defaultdict
from dataclasses import dataclass
from math import prod

from digits.models import metadata, protobuf
from digits.models.metadata import Metadata
from digits.models.model import Model, read

_IR_VERSION, _PRODUCER, _PRODUCER_VERSION, _GRAPH, _OPSETS = 1, 2, 3, 7, 8  # ModelProto
_NODES, _INITIALIZERS = 1, 5  # GraphProto
_OPERATOR = 4  # NodeProto
_DIMENSIONS, _TYPE = 1, 2  # TensorProto
_DOMAIN, _VERSION = 1, 2  # OperatorSetIdProto
_TYPES = {1: "float32", 2: "uint8", 3: "int8", 6: "int32", 7: "int64"}  # TensorProto.DataType


@dataclass(frozen=True)
class Info:
    """What `digits info` shows. The file is intact, or there would be an error instead."""

    file: str
    bytes: int
    sha256: str  # of the whole file
    ir_version: int
    opsets: dict[str, int]  # domain: version
    producer: str
    input: str  # name, type and shape, as the next
    output: str
    operators: dict[str, int]  # how many nodes of each type, in the order of the graph
    numbers: dict[str, int]  # stored, of each type: weights, biases, scales, zero points
    metadata: Metadata


def inspect(path: str | os.PathLike[str] | None = None) -> Info:
    """Look into a model; by default $DIGITS_MODEL, or else the bundled one.

    Raises ModelError when it is missing, damaged, not ours, or not for this runtime.
    """
    model = Model(path)
    raw = read(model.name)
    file = _Message(memoryview(raw), model.name)
    input_, output = model.interface
    return Info(
        file=model.name,
        bytes=len(raw),
        sha256=hashlib.sha256(raw).hexdigest(),
        ir_version=file.integer(_IR_VERSION),
        opsets={
            opset.text(_DOMAIN) or "ai.onnx": opset.integer(_VERSION)
            for opset in file.messages(_OPSETS)
        },
        producer=f"{file.text(_PRODUCER)} {file.text(_PRODUCER_VERSION)}",
        input=input_,
        output=output,
        operators=_operators(file),
        numbers=_numbers(file),
        metadata=metadata.read(raw, model.name),  # of these very bytes
    )


def _operators(file: "_Message") -> dict[str, int]:
    [graph] = file.messages(_GRAPH)
    return dict(Counter(node.text(_OPERATOR) for node in graph.messages(_NODES)))


def _numbers(file: "_Message") -> dict[str, int]:
    [graph] = file.messages(_GRAPH)
    numbers = Counter[str]()
    for tensor in graph.messages(_INITIALIZERS):
        kind = tensor.integer(_TYPE)
        numbers[_TYPES.get(kind, f"type {kind}")] += prod(tensor.integers(_DIMENSIONS))
    return dict(numbers)


class _Message:
    """A protobuf message's fields, by number."""

    def __init__(self, raw: memoryview, name: str) -> None:
        self._name = name
        self._fields = defaultdict[int, list[memoryview]](list)
        for number, _, payload in protobuf.fields(raw, name):
            self._fields[number].append(payload)

    def messages(self, number: int) -> list["_Message"]:
        return [_Message(payload, self._name) for payload in self._fields[number]]

    def integers(self, number: int) -> list[int]:
        return [
            value
            for payload in self._fields[number]
            for value in protobuf.integers(payload, self._name)
        ]

    def integer(self, number: int) -> int:
        """The last value, as protobuf wants it; 0 where there is none."""
        return (self.integers(number) or [0])[-1]

    def text(self, number: int) -> str:
        return bytes((self._fields[number] or [memoryview(b"")])[-1]).decode(errors="replace")
