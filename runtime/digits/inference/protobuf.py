"""Parse the wire format of Protocol Buffers, as far as ONNX files need it.

https://protobuf.dev/programming-guides/encoding. A message is a sequence of fields, each a
number, a wire type and a value; ours have the types 0 (varint) and 2 (bytes).

onnxruntime parses the same bytes later. What the two parsers might interpret differently, such as a
repeated value, is an error, and so is what would take long.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from digits.errors import ModelError

_MAX_FIELDS = 64  # of a message, unless more are expected
_MAX_INTEGERS = 16  # of a list: tensors have four dimensions
_MAX_TEXT = 1000  # bytes
_NOTHING = memoryview(b"")

Value = int | memoryview


class Field(NamedTuple):
    """A field that a message may have. many: whether it is a list."""

    key: str
    kind: "type[int] | type[str] | type[bytes] | Message"
    many: bool = False


class Message(NamedTuple):
    """A kind of message. name: for errors. fields: by number. most: how many one may have."""

    name: str
    fields: Mapping[int, Field]
    most: int = _MAX_FIELDS


def parse(raw: memoryview, message: Message, name: str) -> dict[str, Any]:
    """Parse a message and those in it.

    name: what errors call the file. Returns the value of each field by key: an int, str, memoryview
    or dict, or a list of these; what is missing is 0 or empty. Raises ModelError for other fields,
    and for values of the wrong type, too many or too long.
    """
    values: dict[str, list[Any]] = {field.key: [] for field in message.fields.values()}
    for number, _, value in fields(raw, name, message.most):
        field = message.fields.get(number)
        if field is None:
            raise ModelError(
                f"{name} has a part in its {message.name} (field {number}) that `digits export`"
                " never writes"
            )
        decoded = _decode(value, field, name)
        values[field.key] += decoded
        too_many = field.kind is int and len(values[field.key]) > _MAX_INTEGERS
        if not decoded or too_many or (not field.many and len(values[field.key]) > 1):
            raise ModelError(
                f"{name} is not a model of `digits export`: its {message.name} is malformed"
            )
    parsed: dict[str, Any] = {**values}
    for field in message.fields.values():
        if not field.many:
            empty = 0 if field.kind is int else _NOTHING
            [parsed[field.key]] = values[field.key] or _decode(empty, field, name)
    return parsed


def fields(
    message: memoryview, name: str, most: int = _MAX_FIELDS
) -> Iterator[tuple[int, int, Value]]:
    """Yield the number, the offset and the value of each field of a message.

    name: what errors call the file. most: the maximum number of fields. Raises ModelError if the
    message is truncated, malformed or has more fields.
    """
    position = count = 0
    while position < len(message):
        start = position
        tag, position = _varint(message, position, name)
        number, wire_type = tag >> 3, tag & 7
        value: Value
        if wire_type == 0:
            value, position = _varint(message, position, name)
        elif wire_type == 2:
            length, position = _varint(message, position, name)
            end = position + length
            if end > len(message):
                raise ModelError(f"{name} is truncated, or not an ONNX file")
            value, position = message[position:end], end
        else:
            number = 0
        if number == 0:
            raise ModelError(f"{name} is not an ONNX file")
        count += 1
        if count > most:
            raise ModelError(f"{name} has more parts than a model of `digits export`")
        yield number, start, value


def bytes_field(number: int, payload: bytes) -> bytes:
    """Encode a field of wire type 2."""
    length, encoded = len(payload), bytearray([number << 3 | 2])
    while length >= 0x80:
        encoded.append(length & 0x7F | 0x80)
        length >>= 7
    encoded.append(length)
    return bytes(encoded) + payload


def _decode(value: Value, field: Field, name: str) -> list[Any]:
    """The value, or several if they are packed; none if they are malformed."""
    if isinstance(value, int):
        return [value] if field.kind is int else []
    if isinstance(field.kind, Message):
        return [parse(value, field.kind, name)]
    if field.kind is bytes:
        return [value]
    if field.kind is str:
        try:
            return [str(value, "utf-8")] if len(value) <= _MAX_TEXT else []
        except UnicodeDecodeError:
            return []
    integers: list[int] = []
    position = 0
    while field.many and position < len(value) and len(integers) <= _MAX_INTEGERS:
        integer, position = _varint(value, position, name)
        integers.append(integer)
    return integers


def _varint(message: memoryview, position: int, name: str) -> tuple[int, int]:
    if position < len(message) and message[position] < 0x80:  # the common case
        return message[position], position + 1
    value = shift = 0
    while position < len(message) and shift < 64:
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
    raise ModelError(f"{name} is truncated, or not an ONNX file")
