"""ONNX files from forgers, who seal what they have changed."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from digits.errors import ModelError
from digits.models import metadata, protobuf
from digits.models.info import inspect
from digits.models.model import BUNDLED
from tests.hostile import corpus
from tests.hostile.watchful import harmless

RAW = Path(BUNDLED).read_bytes()
METADATA = metadata.read(RAW, "bundled")
GRAPH = 7  # ModelProto's field
EVIL = ("", "-1", "1e999", "nan", "9" * 5000, "\0", "{" * 100_000, "٣", "x" * 1_000_000)


def body() -> bytes:
    """The file without metadata and seal."""
    start = next(start for number, start, _ in protobuf.fields(memoryview(RAW), "") if number == 14)
    return RAW[:start]


def opens(path: Path, name: str, raw: bytes) -> bool:
    """Whether the file is taken; when not, then with a ModelError."""
    path.write_bytes(raw)
    with harmless(name):
        try:
            inspect(path)
        except ModelError as error:
            assert str(path) in str(error)
            return False
    return True


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file; one has been read before, with all that is imported for it."""
    assert opens(tmp_path / "model.onnx", "bundled", RAW)
    return tmp_path / "model.onnx"


def test_mutants(path: Path) -> None:
    for name, raw in corpus.all_mutants({"model": RAW}, 300):
        assert raw == RAW or not opens(path, name, raw), name


def test_sealed_mutants(path: Path) -> None:
    taken = {
        opens(path, name, metadata.append(raw, METADATA))
        for name, raw in corpus.all_mutants({"sealed": body()}, 200)
    }
    assert taken == {True, False}


def fields(message: bytes) -> list[tuple[int, bytes]]:
    """The number and all the bytes of each field."""
    starts = [(number, start) for number, start, _ in protobuf.fields(memoryview(message), "")]
    ends = [start for _, start in starts[1:]] + [len(message)]
    return [(number, message[start:end]) for (number, start), end in zip(starts, ends, strict=True)]


def regrouped() -> Iterator[tuple[str, bytes]]:
    """The model with a field of it, or of its graph, left out, twice there, or empty."""
    whole = fields(body())
    [graph] = [
        payload for number, _, payload in protobuf.fields(memoryview(body()), "") if number == GRAPH
    ]
    parts = fields(bytes(graph))
    for place, (number, field) in enumerate(whole):
        rest = [raw for _, raw in whole[:place]], [raw for _, raw in whole[place + 1 :]]
        for changed in (b"", field * 2, protobuf.bytes_field(number, b"")):
            yield f"model, field {place}", b"".join([*rest[0], changed, *rest[1]])
    outside = b"".join(raw for number, raw in whole if number != GRAPH)
    for place, (number, field) in enumerate(parts):
        for changed in (b"", field * 2, protobuf.bytes_field(number, b"")):
            others = [raw for _, raw in parts]
            others[place] = changed
            inner = b"".join(others)
            yield f"graph, field {place}", outside + protobuf.bytes_field(GRAPH, inner)


def test_fields_left_out_or_twice(path: Path) -> None:
    taken = {opens(path, name, metadata.append(raw, METADATA)) for name, raw in regrouped()}
    assert taken == {True, False}


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(METADATA)])
def test_forged_metadata(path: Path, field: str) -> None:
    for value in EVIL:
        forged = dataclasses.replace(METADATA, **{field: value})
        opens(path, f"{field} {value[:20]!r}", metadata.append(RAW, forged))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x72" * 1000,
        b"\x72\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x80" * 1_000_000,
        b"\x08\0" * 500_000,
        b"\x0b\x0c",  # groups, which protobuf once had
        metadata.append(b"", METADATA),
        metadata.append(b"ORTM" + bytes(100), METADATA),
        metadata.append(protobuf.bytes_field(GRAPH, b"\x3a\0" * 10_000), METADATA),
        RAW[:-1],
        RAW + RAW,
    ],
)
def test_what_is_no_model(path: Path, raw: bytes) -> None:
    assert not opens(path, "odd", raw)
