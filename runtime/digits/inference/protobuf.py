"""Parse the wire format of Protocol Buffers, as far as ONNX files need it.

https://protobuf.dev/programming-guides/encoding. A message is a sequence of fields, each a
number, a wire type and a value; ours have the types 0 (varint) and 2 (bytes).

onnxruntime parses the same bytes later. What the two parsers might interpret differently, such as a
repeated value, is an error, and so is what would take long.
"""

from collections.abc import Container, Iterator

from digits.errors import ModelError

_MAX_FIELDS = 64  # of a message, unless more are expected
_MAX_INTEGERS = 16  # of a list: tensors have four dimensions
_MAX_TEXT = 1000  # bytes

Value = int | memoryview


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


class Message:
    """The fields of a message by number.

    what: the kind of message, for errors. known: the allowed field numbers. Constructor and
    methods raise ModelError for other fields and for values of the wrong type.
    """

    def __init__(
        self,
        raw: memoryview,
        name: str,
        what: str,
        known: Container[int],
        most: int = _MAX_FIELDS,
    ) -> None:
        self._name, self._what = name, what
        self._values: dict[int, list[Value]] = {}
        for number, _, value in fields(raw, name, most):
            if number not in known:
                raise ModelError(
                    f"{name} has a part in its {what} (field {number}) that `digits export` never"
                    " writes"
                )
            self._values.setdefault(number, []).append(value)

    def has(self, number: int) -> bool:
        """Whether the field is present."""
        return number in self._values

    def integer(self, number: int) -> int:
        """Return a varint; 0 if it is missing."""
        value = self._only(number, 0)
        if not isinstance(value, int):
            raise self._malformed()
        return value

    def integers(self, number: int) -> list[int]:
        """Return varints, packed or not."""
        found: list[int] = []
        for value in self._values.get(number, ()):
            if isinstance(value, int):
                found.append(value)
                continue
            position = 0
            while position < len(value) and len(found) <= _MAX_INTEGERS:
                integer, position = _varint(value, position, self._name)
                found.append(integer)
        if len(found) > _MAX_INTEGERS:
            raise self._malformed()
        return found

    def bytes(self, number: int) -> memoryview:
        """Return bytes; empty if they are missing."""
        value = self._only(number, memoryview(b""))
        if isinstance(value, int):
            raise self._malformed()
        return value

    def text(self, number: int) -> str:
        """Return a text; empty if it is missing."""
        return self._decoded(self.bytes(number))

    def texts(self, number: int) -> list[str]:
        """Return all texts of a field."""
        return [self._decoded(raw) for raw in self.messages(number)]

    def messages(self, number: int) -> list[memoryview]:
        """Return the bytes of each message of a field."""
        found = [value for value in self._values.get(number, ()) if not isinstance(value, int)]
        if len(found) < len(self._values.get(number, ())):
            raise self._malformed()
        return found

    def _only(self, number: int, default: Value) -> Value:
        values = self._values.get(number, [default])
        if len(values) > 1:
            raise self._malformed()
        return values[0]

    def _decoded(self, raw: memoryview) -> str:
        try:
            if len(raw) <= _MAX_TEXT:
                return str(raw, "utf-8")
        except UnicodeDecodeError:
            pass
        raise self._malformed()

    def _malformed(self) -> ModelError:
        return ModelError(
            f"{self._name} is not a model of `digits export`: its {self._what} is malformed"
        )


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


def bytes_field(number: int, payload: bytes) -> bytes:
    """Encode a field of wire type 2."""
    length, encoded = len(payload), bytearray([number << 3 | 2])
    while length >= 0x80:
        encoded.append(length & 0x7F | 0x80)
        length >>= 7
    encoded.append(length)
    return bytes(encoded) + payload
