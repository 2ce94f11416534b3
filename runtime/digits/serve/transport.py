"""Sends together what is written together."""

import asyncio
from typing import Any, cast


def join_writes(transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> asyncio.Transport:
    """A transport that sends all that is written in one turn of the event loop at once.

    uvicorn writes an answer's head and its body one after the other, and a system call for each
    is the largest part of a short answer's time.
    """
    return cast(asyncio.Transport, _Joining(transport, loop))


class _Joining:
    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self._send)
        self._parts.append(data)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._parts:
            joined, self._parts = b"".join(self._parts), []
            self._transport.write(joined)
