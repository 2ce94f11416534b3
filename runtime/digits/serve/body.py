"""Reads what a client sends, within limits: nothing goes to disk, slow clients have their time."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
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
        self._limits, self._free = limits, limits.max_total_bytes

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
                    await self._receive(request, body, max_bytes)
            except TimeoutError as error:
                raise Refused(408, "the request didn't arrive in time", _CLOSE) from error
            except ClientDisconnect as error:
                raise Refused(400, "the client went away", reason="client_gone") from error
            yield bytes(body)
        finally:
            self._free += len(body)

    async def _receive(self, request: Request, body: bytearray, max_bytes: int) -> None:
        if request.headers.get("content-encoding", "identity") != "identity":
            raise Refused(415, "compressed requests are not read", _CLOSE)
        too_large = Refused(413, f"at most {max_bytes:,} bytes are read", _CLOSE)
        announced = request.headers.get("content-length", "0")
        asks = request.headers.get("expect", "").lower() == "100-continue"
        max_drained = max_bytes if asks else _DRAIN_FACTOR * max_bytes
        if announced.isdigit() and int(announced) > max_drained:
            raise too_large
        received = 0
        async for chunk in request.stream():
            received += len(chunk)
            if received > max_drained:
                raise too_large
            if received > max_bytes:
                self._free += len(body)
                body.clear()
                continue
            body += chunk
            self._free -= len(chunk)
            if self._free < 0:
                message = "too many requests at the same time"
                raise Refused(429, message, _CLOSE | {"retry-after": "1"}, "memory_full")
        if received > max_bytes:
            raise too_large


async def read_upload(request: Request, body: bytes) -> tuple[str, bytes]:
    """The name of the picture's file, which may be empty, and the picture: the body or a form's.

    Raises Refused: 400 for a broken form, 422 for one that doesn't have one file.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        return "", body

    async def stream() -> AsyncGenerator[bytes]:
        yield body

    parser = MultiPartParser(request.headers, stream(), max_files=1, max_fields=8)
    parser.spool_max_size = len(body)  # a larger file would go to the disk
    try:
        form = await parser.parse()
    except (MultiPartException, ValueError) as error:
        raise Refused(400, f"the form is broken: {error}") from error
    files = [value for value in form.values() if isinstance(value, UploadFile)]
    if not files and not body.rstrip().endswith(b"--"):
        raise Refused(400, "the form is broken: it ends too early")
    if not files:
        raise Refused(422, "the form has no file")
    return files[0].filename or "", await files[0].read()
