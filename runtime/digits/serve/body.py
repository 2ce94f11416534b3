"""Reads what a client sends, within bounds: nothing goes to disk, slow clients have their time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request

from digits.serve.limits import Limits
from digits.serve.refusals import Refused

# A client that sends too much, and didn't ask before, learns so when it has sent it all: an answer
# in the middle, and the connection closed, is an error of the network to most of them. There is an
# end to that too.
_DRAINED = 8
_CLOSE = {"connection": "close"}


class Bodies:
    """The bodies of all requests that are in memory at the same time."""

    def __init__(self, limits: Limits) -> None:
        self._limits, self._free = limits, limits.max_total_bytes

    @asynccontextmanager
    async def read(self, request: Request, most: int) -> AsyncIterator[bytes]:
        """The body, which counts as long as the context lasts.

        Raises Refused: 400 when the client goes away, 408 when it takes too long, 413 when it
        is longer than `most` bytes, 415 when it is compressed, 429 when there is no memory left.
        """
        body = bytearray()
        try:
            try:
                async with asyncio.timeout(self._limits.body_timeout):
                    await self._receive(request, body, most)
            except TimeoutError as error:
                raise Refused(408, "the request didn't arrive in time", _CLOSE) from error
            except ClientDisconnect as error:
                raise Refused(400, "the client went away", reason="client_gone") from error
            yield bytes(body)
        finally:
            self._free += len(body)

    async def _receive(self, request: Request, body: bytearray, most: int) -> None:
        if request.headers.get("content-encoding", "identity") != "identity":
            raise Refused(415, "compressed requests are not read", _CLOSE)
        too_long = Refused(413, f"at most {most:,} bytes are read", _CLOSE)
        announced = request.headers.get("content-length", "0")
        asks = request.headers.get("expect", "").lower() == "100-continue"
        if announced.isdigit() and int(announced) > (most if asks else _DRAINED * most):
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
                sentence = "too many pictures at the same time"
                raise Refused(429, sentence, _CLOSE | {"retry-after": "1"}, "memory_full")
        if received > most:
            raise too_long
