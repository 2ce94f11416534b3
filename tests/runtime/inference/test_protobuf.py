import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.errors import ModelError
from digits.inference.protobuf import Field, Message, bytes_field, fields, parse

INNER = Message("inner part", {1: Field("integer", int)}, most=1)
PART = Message(
    "part",
    {
        1: Field("integer", int),
        2: Field("raw", bytes),
        3: Field("text", str),
        4: Field("inner", INNER),
        5: Field("integers", int, many=True),
        6: Field("texts", str, many=True),
    },
)
MALFORMED = "is not a model of `digits export`: its part is malformed"

varint = st.integers(0, 2**64 - 1)


def encode_varint(number: int) -> bytes:
    groups = [number >> shift & 0x7F for shift in range(0, max(1, number.bit_length()), 7)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


def integer_field(number: int, value: int) -> bytes:
    return encode_varint(number << 3) + encode_varint(value)


@given(st.lists(varint, min_size=1, max_size=16))
def test_integers_single_and_packed(values: list[int]) -> None:
    alone = b"".join(integer_field(5, value) for value in values)
    packed = bytes_field(5, b"".join(map(encode_varint, values)))
    for raw in (alone, packed):
        assert parse(memoryview(raw), PART, "it")["integers"] == values


@given(varint, st.binary(max_size=300), st.text(max_size=200))
def test_fields_of_every_kind(integer: int, raw: bytes, text: str) -> None:
    whole = integer_field(1, integer) + bytes_field(2, raw) + bytes_field(3, text.encode())
    whole += bytes_field(4, integer_field(1, integer)) + bytes_field(6, text.encode()) * 2
    assert parse(memoryview(whole), PART, "it") == {
        "integer": integer,
        "raw": raw,
        "text": text,
        "inner": {"integer": integer},
        "integers": [],
        "texts": [text, text],
    }
    assert [number for number, _, _ in fields(memoryview(whole), "")] == [1, 2, 3, 4, 6, 6]


def test_missing_fields_have_defaults() -> None:
    empty = {"integer": 0, "raw": b"", "text": "", "inner": {"integer": 0}}
    assert parse(memoryview(b""), PART, "it") == {**empty, "integers": [], "texts": []}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (integer_field(1, 5) * 2, MALFORMED),  # protobuf would take the last
        (bytes_field(4, b"") * 2, MALFORMED),  # and merge messages
        (bytes_field(1, b"\1"), MALFORMED),
        (integer_field(6, 1), MALFORMED),
        (bytes_field(3, b"\xff"), MALFORMED),  # invalid UTF-8
        (bytes_field(3, b"x" * 1001), MALFORMED),
        (bytes_field(5, b"\1" * 17), MALFORMED),
        (bytes_field(5, b"\1" * 1_000_000), MALFORMED),
        (integer_field(5, 1) * 17, MALFORMED),
        (bytes_field(9, b""), "has a part in its part (field 9) that `digits export` never writes"),
        (bytes_field(4, integer_field(2, 0)), "has a part in its inner part (field 2)"),
        (bytes_field(4, integer_field(1, 0) * 2), "has more parts"),
        (bytes_field(6, b"x") * 65, "has more parts"),
        (b"\0\0", "is not an ONNX file"),  # no field has the number 0
        (b"\x0b\x0c", "is not an ONNX file"),  # a group
        (b"\x0d\0\0\0\0", "is not an ONNX file"),  # four bytes
        (bytes_field(1, b"abc")[:-1], "is truncated"),
        (b"\x08", "is truncated"),
        (b"\x08" + b"\x80" * 11, "is truncated"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_ambiguous_and_malformed_messages_are_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(ModelError) as raised:
        parse(memoryview(raw), PART, "the file")
    assert str(raised.value).startswith(f"the file {reason}")
