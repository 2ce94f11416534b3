"""The wire format of Protocol Buffers, as far as ONNX files need it.

https://protobuf.dev/programming-guides/encoding. A message is a row of fields, each a number, a
wire type and a value. The messages that we look into have the types 0 (varint) and 2 (bytes).
"""

from collections.abc import Iterator

from digits.errors import ModelError


def fields(message: memoryview, name: str) -> Iterator[tuple[int, int, memoryview]]:
    """(field number, where the field starts, its bytes) for each field of a message.

    Raises ModelError, which calls the file `name`, when the message is cut short or isn't one.
    """
    position = 0
    while position < len(message):
        start = position
        tag, position = _varint(message, position, name)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == 0:
            _, end = _varint(message, position, name)
        elif wire_type == 2:
            length, position = _varint(message, position, name)
            end = position + length
        else:
            raise ModelError(f"{name} is not an ONNX file")
        if end > len(message):
            raise ModelError(f"{name} is truncated, or not an ONNX file")
        yield number, start, message[position:end]
        position = end


def integers(payload: memoryview, name: str) -> list[int]:
    """The varints in a field's bytes: one, or several when they are packed."""
    values, position = [], 0
    while position < len(payload):
        value, position = _varint(payload, position, name)
        values.append(value)
    return values


def _varint(message: memoryview, position: int, name: str) -> tuple[int, int]:
    value = shift = 0
    while position < len(message) and shift < 64:
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
    raise ModelError(f"{name} is truncated, or not an ONNX file")


def bytes_field(number: int, payload: bytes) -> bytes:
    """One field of wire type 2."""
    length, encoded = len(payload), bytearray([number << 3 | 2])
    while length >= 0x80:
        encoded.append(length & 0x7F | 0x80)
        length >>= 7
    encoded.append(length)
    return bytes(encoded) + payload
