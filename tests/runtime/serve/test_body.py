"""Clients share the memory for bodies."""

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import Sequence

import pytest
from starlette.requests import Request
from starlette.types import Message

from digits.serve.body import BodyReader
from digits.serve.limits import Limits
from digits.serve.refusals import Refused


def request(client: str, *chunks: bytes, coding: str | None = None) -> Request:
    messages: list[Message] = [
        {"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks
    ]
    messages[-1]["more_body"] = False

    async def receive() -> Message:
        return messages.pop(0)

    headers = [] if coding is None else [(b"content-encoding", coding.encode())]
    return Request({"type": "http", "headers": headers, "client": (client, 1)}, receive)


def test_one_client_gets_half_of_the_memory() -> None:
    reader = BodyReader(Limits(max_total_bytes=1000))

    async def run() -> None:
        async with reader.read(request("a", bytes(300)), 400):
            with pytest.raises(Refused) as refused:
                async with reader.read(request("a", bytes(300)), 400):
                    pass
            assert refused.value.status_code == 429
            async with reader.read(request("b", bytes(300)), 400):
                pass
        async with reader.read(request("a", bytes(300)), 400) as body:
            assert body == bytes(300)
        assert not reader._held

    asyncio.run(run())


TEXT = bytes(range(256)) * 40


def read(chunks: Sequence[bytes], coding: str, max_bytes: int = len(TEXT)) -> bytes:
    reader = BodyReader(Limits())

    async def run() -> bytes:
        async with reader.read(request("a", *chunks, coding=coding), max_bytes) as body:
            return body

    try:
        return asyncio.run(run())
    finally:
        assert not reader._held


def chunks(content: bytes, size: int) -> list[bytes]:
    return [content[start : start + size] for start in range(0, len(content), size)]


@pytest.mark.parametrize("size", [1, 100, 10_000])
@pytest.mark.parametrize(
    ("coding", "compressed"),
    [
        ("gzip", gzip.compress(TEXT)),
        ("GZIP", gzip.compress(TEXT, 0)),
        ("x-gzip", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)),
        ("identity", TEXT),
    ],
)
def test_compressed_body_is_inflated(coding: str, compressed: bytes, size: int) -> None:
    assert read(chunks(compressed, size), coding, len(compressed) + len(TEXT)) == TEXT


@pytest.mark.parametrize("content", [bytes(3 << 20), bytes(range(256)) * (3 << 12)])
def test_large_body_is_inflated(content: bytes) -> None:
    assert read([gzip.compress(content)], "gzip", len(content)) == content


@pytest.mark.parametrize(
    ("compressed", "words"),
    [
        (b"", "ends too early"),
        (gzip.compress(TEXT)[:-1], "ends too early"),
        (gzip.compress(TEXT) + b"x", "followed by more bytes"),
        (gzip.compress(TEXT) * 2, "followed by more bytes"),
        (TEXT, "is damaged"),
        (gzip.compress(TEXT)[:-5] + bytes(5), "is damaged"),
    ],
)
def test_damaged_compressed_body_returns_400(compressed: bytes, words: str) -> None:
    with pytest.raises(Refused, match=words) as refused:
        read([compressed], "gzip")
    assert refused.value.status_code == 400


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "", "gzip2"])
def test_other_coding_returns_415(coding: str) -> None:
    with pytest.raises(Refused) as refused:
        read([TEXT], coding)
    assert refused.value.status_code == 415
    assert refused.value.headers and refused.value.headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("size", [1000, 1 << 20])
def test_bomb_takes_no_more_memory_than_the_limit(size: int) -> None:
    bomb, limit = zlib.compress(bytes(200 << 20)), 1 << 20
    tracemalloc.start()
    with pytest.raises(Refused, match=r"at most 1,048,576 bytes") as refused:
        read(chunks(bomb, size), "deflate", limit)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused.value.status_code == 413
    assert peak < 4 * limit


def test_compressed_size_counts_too() -> None:
    empty_blocks = zlib.compress(b"")[:2] + b"\0\0\0\xff\xff" * 1000
    with pytest.raises(Refused) as refused:
        read(chunks(empty_blocks, 100), "deflate", 1000)
    assert refused.value.status_code == 413
