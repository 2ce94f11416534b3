"""Clients share the memory for bodies, and compressed ones are bounded by what they inflate to."""

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

TEXT = bytes(range(256)) * 40


def request(client: str, *chunks: bytes, coding: str | None = None) -> Request:
    messages: list[Message] = [
        {"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks
    ]
    messages[-1]["more_body"] = False

    async def receive() -> Message:
        return messages.pop(0)

    headers = [] if coding is None else [(b"content-encoding", coding.encode())]
    return Request({"type": "http", "headers": headers, "client": (client, 1)}, receive)


def read(chunks: Sequence[bytes], coding: str, max_bytes: int = len(TEXT)) -> bytes:
    """Read a body, and check that a reader then has room for as much again."""
    reader = BodyReader(Limits(max_total_bytes=2 * max_bytes))

    async def run() -> bytes:
        async with reader.read(request("a", *chunks, coding=coding), max_bytes) as body:
            return body

    async def fill() -> None:
        async with reader.read(request("a", bytes(max_bytes)), max_bytes):
            pass

    try:
        return asyncio.run(run())
    finally:
        asyncio.run(fill())


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

    asyncio.run(run())


def chunks(content: bytes, size: int) -> list[bytes]:
    return [content[start : start + size] for start in range(0, len(content), size)]


@pytest.mark.parametrize("size", [1, 10_000])
@pytest.mark.parametrize(
    ("coding", "compressed", "content"),
    [
        ("gzip", gzip.compress(TEXT), TEXT),
        ("GZIP", gzip.compress(TEXT, 0), TEXT),
        ("deflate", zlib.compress(TEXT), TEXT),
        ("identity", TEXT, TEXT),
        ("gzip", gzip.compress(bytes(3 << 20)), bytes(3 << 20)),
    ],
)
def test_compressed_body_is_inflated(
    coding: str, compressed: bytes, content: bytes, size: int
) -> None:
    assert read(chunks(compressed, size), coding, len(compressed) + len(content)) == content


@pytest.mark.parametrize(
    ("coding", "compressed", "status", "words"),
    [
        ("gzip", b"", 400, "ends too early"),
        ("gzip", gzip.compress(TEXT)[:-1], 400, "ends too early"),
        ("gzip", gzip.compress(TEXT) * 2, 400, "followed by more bytes"),
        ("gzip", TEXT, 400, "is damaged"),
        ("gzip", gzip.compress(TEXT)[:-5] + bytes(5), 400, "is damaged"),
        *((coding, TEXT, 415, "gzip or deflate only") for coding in ("br", "gzip, gzip", "")),
        # blocks of nothing: what was sent counts, too
        ("deflate", zlib.compress(b"")[:2] + b"\0\0\0\xff\xff" * 9999, 413, "at most 10,240 bytes"),
    ],
)
def test_body_is_refused(coding: str, compressed: bytes, status: int, words: str) -> None:
    with pytest.raises(Refused, match=words) as refused:
        read(chunks(compressed, 1000) or [b""], coding)
    assert refused.value.status_code == status
    if status == 415:
        assert refused.value.headers and refused.value.headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("size", [1000, 1 << 20])
def test_bomb_takes_no_more_memory_than_the_limit(size: int) -> None:
    bomb, limit = zlib.compress(bytes(200 << 20)), 1 << 20
    tracemalloc.start()
    with pytest.raises(Refused, match="at most 1,048,576 bytes") as refused:
        read(chunks(bomb, size), "deflate", limit)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused.value.status_code == 413
    assert peak < 5 * limit
