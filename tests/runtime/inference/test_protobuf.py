import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.errors import ModelError
from digits.inference.protobuf import Message, bytes_field, fields

varint = st.integers(0, 2**64 - 1)


def encode_varint(number: int) -> bytes:
    groups = [number >> shift & 0x7F for shift in range(0, max(1, number.bit_length()), 7)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


def integer_field(number: int, value: int) -> bytes:
    return encode_varint(number << 3) + encode_varint(value)


def parse_message(raw: bytes, most: int = 64) -> Message:
    return Message(memoryview(raw), "the file", "part", (1, 2, 3), most)


@given(st.lists(varint, max_size=16))
def test_integers_single_and_packed(values: list[int]) -> None:
    alone = b"".join(integer_field(1, value) for value in values)
    packed = bytes_field(1, b"".join(map(encode_varint, values)))
    assert parse_message(alone).integers(1) == parse_message(packed).integers(1) == values


@given(varint, st.binary(max_size=300), st.text(max_size=200))
def test_integer_bytes_and_text_fields(integer: int, raw: bytes, text: str) -> None:
    whole = integer_field(1, integer) + bytes_field(2, raw) + bytes_field(3, text.encode())
    found = parse_message(whole)
    assert (found.integer(1), bytes(found.bytes(2)), found.text(3)) == (integer, raw, text)
    assert [number for number, _, _ in fields(memoryview(whole), "")] == [1, 2, 3]


def test_missing_fields_have_defaults() -> None:
    empty = parse_message(b"")
    assert (empty.integer(1), empty.integers(1), empty.text(1), empty.messages(1)) == (
        0,
        [],
        "",
        [],
    )
    assert not empty.has(1) and parse_message(integer_field(1, 0)).has(1)


@pytest.mark.parametrize(
    "raw",
    [
        integer_field(1, 5) * 2,  # protobuf would take the last
        bytes_field(1, b"a") * 2,  # and merge messages
        bytes_field(1, b"\xff"),  # invalid UTF-8
        bytes_field(1, b"x" * 1001),
    ],
)
def test_ambiguous_values_are_refused(raw: bytes) -> None:
    found = parse_message(raw)
    for read in (found.integer, found.text):
        with pytest.raises(ModelError, match="the file .* its part is malformed"):
            read(1)


@pytest.mark.parametrize("count", [17, 1_000_000])
def test_too_long_lists_are_refused(count: int) -> None:
    for raw in (bytes_field(1, b"\1" * count), integer_field(1, 1) * min(count, 60)):
        with pytest.raises(ModelError, match="its part is malformed"):
            parse_message(raw).integers(1)


def test_lists_of_another_type_are_refused() -> None:
    for read in (
        parse_message(integer_field(1, 1)).messages,
        parse_message(integer_field(1, 1)).texts,
    ):
        with pytest.raises(ModelError, match="its part is malformed"):
            read(1)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (bytes_field(9, b""), r"has a part in its part \(field 9\)"),
        (integer_field(1, 1) * 65, "has more parts"),
        (b"\0\0", "is not an ONNX file"),  # no field has the number 0
        (b"\x0b\x0c", "is not an ONNX file"),  # a group
        (b"\x0d\0\0\0\0", "is not an ONNX file"),  # four bytes
        (bytes_field(1, b"abc")[:-1], "is truncated"),
        (b"\x08", "is truncated"),
        (b"\x08" + b"\x80" * 11, "is truncated"),
    ],
)
def test_malformed_messages_are_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(ModelError, match=f"the file {reason}"):
        parse_message(raw)
