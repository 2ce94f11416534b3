"""Clients share the memory for bodies."""

import asyncio

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

    async def is_refused(client: str, size: int) -> bool:
        try:
            async with reader.read(request(client, bytes(size)), 400):
                return False
        except Refused as refused:
            return refused.status_code == 429

    async def run() -> None:
        async with reader.read(request("a", bytes(300)), 400):
            assert await is_refused("a", 201)
            assert not await is_refused("a", 200)
            async with reader.read(request("b", bytes(400)), 400):
                assert await is_refused("c", 301)
                assert not await is_refused("c", 300)
        async with reader.read(request("a", bytes(600)), 600) as body:  # more than half is allowed
            assert body == bytes(600)

    asyncio.run(run())
