"""Reads what a client sends, within bounds: nothing goes to disk, slow clients have their time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from digits.serve import limits

# A client that sends too much learns so when it has sent it all: an answer in the middle, and the
# connection closed, is an error of the network to most of them. There is an end to that too.
_DRAINED = 8
_CLOSE = {"connection": "close"}


class Bodies:
    """The bodies of all requests that are in memory at the same time."""

    def __init__(self) -> None:
        self._free = limits.BODIES_BYTES

    @asynccontextmanager
    async def read(self, request: Request, most: int) -> AsyncIterator[bytes]:
        """The body, which counts as long as the context lasts.

        Raises HTTPException: 400 when the client goes away, 408 when it takes too long, 413 when it
        is longer than `most` bytes, 415 when it is compressed, 429 when there is no memory left.
        """
        body = bytearray()
        try:
            try:
                async with asyncio.timeout(limits.BODY_SECONDS):
                    await self._receive(request, body, most)
            except TimeoutError as error:
                raise HTTPException(408, "the request didn't arrive in time", _CLOSE) from error
            except ClientDisconnect as error:
                raise HTTPException(400, "the client went away") from error
            yield bytes(body)
        finally:
            self._free += len(body)

    async def _receive(self, request: Request, body: bytearray, most: int) -> None:
        if request.headers.get("content-encoding", "identity") != "identity":
            raise HTTPException(415, "compressed requests are not read", _CLOSE)
        too_long = HTTPException(413, f"at most {most:,} bytes are read", _CLOSE)
        announced = request.headers.get("content-length", "0")
        if announced.isdigit() and int(announced) > _DRAINED * most:
            raise too_long
        received = 0
        async for chunk in request.stream():
            received += len(chunk)
            if received > _DRAINED * most:
                raise too_long
            if received > most:
                self._free += len(body)
                body.clear()
                continue
            body += chunk
            self._free -= len(chunk)
            if self._free < 0:
                raise HTTPException(
                    429, "too many pictures at the same time", _CLOSE | {"retry-after": "1"}
                )
        if received > most:
            raise too_long
