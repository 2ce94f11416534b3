"""Clients share the memory for bodies."""

import asyncio

import pytest
from starlette.requests import Request
from starlette.types import Message

from digits.serve.body import BodyReader
from digits.serve.limits import Limits
from digits.serve.refusals import Refused


def request(client: str, body: bytes) -> Request:
    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    return Request({"type": "http", "headers": [], "client": (client, 1)}, receive)


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
