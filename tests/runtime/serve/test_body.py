"""Clients share the memory for bodies."""

import asyncio

from starlette.requests import Request
from starlette.types import Message

from digits.serve.body import BodyReader
from digits.serve.limits import Limits
from digits.serve.refusals import Refused


def request(client: str, size: int, goes: bool = False) -> Request:
    """goes: whether the client goes away before it has sent all."""
    messages: list[Message] = [{"type": "http.disconnect"}] if goes else []
    messages.insert(0, {"type": "http.request", "body": bytes(size), "more_body": goes})

    async def receive() -> Message:
        return messages.pop(0)

    return Request({"type": "http", "headers": [], "client": (client, 1)}, receive)


def test_one_client_gets_half_of_the_memory() -> None:
    reader = BodyReader(Limits(max_total_bytes=1000))

    async def status(client: str, size: int, goes: bool = False) -> int:
        try:
            async with reader.read(request(client, size, goes), 400):
                return 200
        except Refused as refused:
            return refused.status_code

    async def run() -> None:
        async with reader.read(request("a", 300), 400):
            assert await status("a", 201) == 429
            assert await status("a", 200) == 200
            async with reader.read(request("b", 400), 400):
                assert await status("c", 301) == 429
                assert await status("c", 300) == 200
        assert await status("a", 400, goes=True) == 400  # and leaves nothing behind
        async with reader.read(request("a", 600), 600) as body:  # more than half is allowed
            assert body == bytes(600)

    asyncio.run(run())
