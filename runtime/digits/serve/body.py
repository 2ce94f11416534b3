"""Reads what a client sends, within limits: nothing goes to disk, slow clients have their time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request

from digits.serve.limits import Limits
from digits.serve.refusals import Refused

# Most clients report an answer in the middle of their body as a network error. So a body that is
# too large is received and thrown away first, up to this many times the limit, unless the client
# asked before it sent.
_DRAIN_FACTOR = 8
_CLOSE = {"connection": "close"}


class BodyReader:
    """Reads bodies; all those in memory at the same time share `max_total_bytes`."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held = 0  # bytes

    @asynccontextmanager
    async def read(self, request: Request, max_bytes: int) -> AsyncIterator[bytes]:
        """The body, which counts as long as the context lasts.

        Raises Refused: 400 when the client goes away, 408 when it takes too long, 413 when the
        body is longer than max_bytes, 415 when it is compressed, 429 when no memory is left.
        """
        body = bytearray()
        try:
            try:
                async with asyncio.timeout(self._limits.body_timeout):
                    async for chunk in _chunks(request, max_bytes):
                        body += chunk
                        self._hold(len(chunk))
            except TimeoutError as error:
                raise Refused(408, "the request didn't arrive in time", _CLOSE) from error
            except ClientDisconnect as error:
                raise Refused(400, "the client went away", reason="client_gone") from error
            yield bytes(body)
        finally:
            self._held -= len(body)

    def _hold(self, size: int) -> None:
        self._held += size
        if self._held > self._limits.max_total_bytes:
            message = "too many requests at the same time"
            raise Refused(429, message, _CLOSE | {"retry-after": "1"}, "memory_full")


async def _chunks(request: Request, max_bytes: int) -> AsyncIterator[bytes]:
    """The body. Raises Refused, after it has received as much as `_DRAIN_FACTOR` says."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        headers = _CLOSE | {"accept-encoding": "identity"}
        raise Refused(415, "compressed requests are not read", headers)
    asks = request.headers.get("expect", "").lower() == "100-continue"
    max_drained = max_bytes if asks else _DRAIN_FACTOR * max_bytes
    too_large = Refused(413, f"at most {max_bytes:,} bytes are read", _CLOSE)
    length, received = request.headers.get("content-length", ""), 0
    if length.isdigit() and int(length) > max_drained:
        raise too_large
    async for chunk in request.stream():
        received += len(chunk)
        if received <= max_bytes:
            yield chunk
        elif received > max_drained:
            raise too_large
    if received > max_bytes:
        raise too_large
