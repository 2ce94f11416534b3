"""Reads what a client sends, within limits: nothing goes to disk, slow clients have their time."""

import asyncio
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request

from digits.serve.limits import Limits
from digits.serve.refusals import Refused

# Most clients report an answer in the middle of their body as a network error. So a body that is
# too large is received and thrown away first, up to this many times the limit, unless the client
# asked before it sent.
_DRAIN_FACTOR = 8
_CODINGS = ("identity", "gzip", "deflate")
_PIECE = 256 << 10  # bytes that are inflated in less time than others would notice
_CLOSE = {"connection": "close"}


class BodyReader:
    """Reads bodies; all those in memory at the same time share `max_total_bytes`.

    One client gets at most half of it, so that it can't keep out others.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held: Counter[str] = Counter()  # bytes by client; forgets those that hold none

    @asynccontextmanager
    async def read(self, request: Request, max_bytes: int) -> AsyncIterator[bytes]:
        """The body, which counts as long as the context lasts.

        Raises Refused: 400 when the client goes away, 408 when it takes too long, 413 when the
        body is longer than max_bytes, as it was sent or when it is inflated, 415 when it is
        compressed in another way than gzip or deflate, 429 when no memory is left.
        """
        body, client = bytearray(), client_of(request)
        try:
            try:
                async with asyncio.timeout(self._limits.body_timeout):
                    async for piece in _pieces(request, max_bytes):
                        body += piece
                        self._hold(client, len(piece), max_bytes)
            except TimeoutError as error:
                raise Refused(408, "the request didn't arrive in time", _CLOSE) from error
            except ClientDisconnect as error:
                raise Refused(400, "the client went away", reason="client_gone") from error
            yield bytes(body)
        finally:
            self._held[client] -= len(body)
            self._held = +self._held

    def _hold(self, client: str, size: int, max_bytes: int) -> None:
        self._held[client] += size
        total = self._limits.max_total_bytes
        if self._held.total() > total or self._held[client] > max(total // 2, max_bytes):
            message = "too many requests at the same time"
            raise Refused(429, message, _CLOSE | {"retry-after": "1"}, "memory_full")


def client_of(request: Request) -> str:
    """The address that a request comes from, or "" on a Unix socket."""
    return request.client.host if request.client else ""


async def _pieces(request: Request, max_bytes: int) -> AsyncIterator[bytes]:
    """The body, inflated. Raises Refused, after it has received as much as `_DRAIN_FACTOR` says."""
    coding = request.headers.get("content-encoding", "identity").lower()
    if coding not in _CODINGS:
        headers = _CLOSE | {"accept-encoding": "gzip, deflate"}
        raise Refused(415, "requests may be compressed with gzip or deflate only", headers)
    # It tells one from the other by the header.
    inflater = None if coding == "identity" else zlib.decompressobj(zlib.MAX_WBITS | 32)
    asks = request.headers.get("expect", "").lower() == "100-continue"
    max_drained = max_bytes if asks else _DRAIN_FACTOR * max_bytes
    length = request.headers.get("content-length", "")
    received = inflated = 0
    is_too_large = False
    if length.isdigit() and int(length) > max_drained:
        raise _too_large(max_bytes)
    async for chunk in request.stream():
        received += len(chunk)
        if received > max_drained:
            raise _too_large(max_bytes)
        is_too_large = is_too_large or received > max_bytes
        for piece in _inflate(inflater, chunk) if not is_too_large else ():
            inflated += len(piece)
            if inflated > max_bytes:
                is_too_large = True
                break
            yield piece
            if inflater:
                await asyncio.sleep(0)  # others take turns with a bomb
    if is_too_large:
        raise _too_large(max_bytes)
    if inflater and not inflater.eof:
        raise Refused(400, "the compressed request ends too early")


def _too_large(max_bytes: int) -> Refused:
    return Refused(413, f"at most {max_bytes:,} bytes are read", _CLOSE)


def _inflate(inflater: "zlib._Decompress | None", chunk: bytes) -> Iterator[bytes]:
    """What has arrived, inflated if it is compressed."""
    if inflater is None:
        yield chunk
        return
    while chunk:
        try:
            yield inflater.decompress(chunk, _PIECE)
        except zlib.error as error:
            raise Refused(400, "the compressed request is damaged", _CLOSE) from error
        if inflater.unused_data:
            raise Refused(400, "the compressed request is followed by more bytes", _CLOSE)
        chunk = inflater.unconsumed_tail
