"""A request's body, the files in it, and how a request is refused.

Bodies are read within limits: nothing goes to disk, and slow clients have their time.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from digits.errors import ModelError
from digits.terminal import print_stderr
from digits.web.settings import Limits

# Most clients report an answer in the middle of their body as a network error. So a body that is
# too large is received and thrown away first, up to this many times the limit.
_DRAIN_FACTOR = 8
_CLOSE = {"connection": "close"}

_MAX_PARTS = 108  # of a form: files, and a few other fields
_MAX_PART_HEAD = 8192  # bytes of a part's headers
_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"]+)"|([^\s;"]+))', re.IGNORECASE | re.ASCII)
_DISPOSITION = re.compile(rb"content-disposition:[ \t]*form-data[ \t]*(;.*)", re.IGNORECASE)
_PARAMETER = re.compile(rb';[ \t]*([\w-]+)=(?:"((?:\\"|[^"])*)"|([^\s;"]*))')


class Refused(HTTPException):
    """Refuses a request by a status, with a sentence, and with headers if need be."""


def error_response(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error as JSON: {"error": message}."""
    return Response(json.dumps({"error": message}), status, headers, "application/json")


async def _refuse(_: Request, error: Exception) -> Response:
    """Answer a request that was refused, here or by Starlette."""
    assert isinstance(error, HTTPException)
    return error_response(error.status_code, error.detail, error.headers)


async def _answer_model_error(request: Request, error: Exception) -> Response:
    """Log the message, which names a file: the client needn't know where it is."""
    print_stderr(f"error: {error} (request {request.scope['digits.id']})")
    return error_response(500, "the model failed; see the server's log")


async def _answer_bug(_: Request, error: Exception) -> Response:
    """Answer after a bug, whose traceback uvicorn prints to stderr."""
    return error_response(500, "internal error; see the server's log")


HANDLERS: dict[int | type[Exception], ExceptionHandler] = {
    HTTPException: _refuse,
    ModelError: _answer_model_error,
    Exception: _answer_bug,
}


class BodyReader:
    """Reads bodies; all those in memory at the same time share `max_total_bytes`."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._bytes_in_memory = 0

    @asynccontextmanager
    async def read(self, request: Request, max_bytes: int) -> AsyncIterator[bytes]:
        """The body, which counts as in memory as long as the context lasts.

        Raises Refused: 400 when the client goes away, 408 when it takes too long, 413 when the
        body is longer than max_bytes, 415 when it is compressed, 429 when no memory is left.
        """
        body = bytearray()
        try:
            try:
                async with asyncio.timeout(self._limits.body_timeout):
                    async for chunk in _chunks(request, max_bytes):
                        body += chunk
                        self._count(len(chunk))
            except TimeoutError as error:
                raise Refused(408, "the request didn't arrive in time", _CLOSE) from error
            except ClientDisconnect as error:
                raise Refused(400, "the client went away") from error
            yield bytes(body)
        finally:
            self._bytes_in_memory -= len(body)

    def _count(self, size: int) -> None:
        """Add bytes to those in memory. Raises Refused (429) if they are too many."""
        self._bytes_in_memory += size
        if self._bytes_in_memory > self._limits.max_total_bytes:
            headers = _CLOSE | {"retry-after": "1"}
            raise Refused(429, "too many requests at the same time", headers)


async def _chunks(request: Request, max_bytes: int) -> AsyncIterator[bytes]:
    """Yield the body in pieces.

    Raises Refused if it is compressed, and if it is too large, after it has received as much as
    `_DRAIN_FACTOR` says.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        headers = _CLOSE | {"accept-encoding": "identity"}
        raise Refused(415, "compressed requests are not read", headers)
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received <= max_bytes:
            yield chunk
        elif received > _DRAIN_FACTOR * max_bytes:
            break
    if received > max_bytes:
        raise Refused(413, f"at most {max_bytes:,} bytes are read", _CLOSE)


class SentFile(NamedTuple):
    """A file that a client has sent.

    name: the file's own, not the name of its field in the form; it may be empty.
    """

    name: str
    content: memoryview


def is_multipart(content_type: str) -> bool:
    """Whether a body of this type is a form, which may have several files."""
    return content_type.partition(";")[0].strip().lower() == "multipart/form-data"


def read_files(content_type: str, body: bytes) -> list[SentFile]:
    """Return the files in a form, at least one. A body that is no form is itself the only file.

    A form is multipart/form-data, RFC 7578. It is parsed on the event loop, so in time
    proportional to the body, which may be full of what is nearly a boundary. Names are UTF-8: no
    codec is looked up by a name that a client sends.

    Raises Refused: 400 for a broken form, 413 for one of too many parts, 422 for one without files.
    """
    if not is_multipart(content_type):
        return [SentFile("", memoryview(body))]
    boundary = _BOUNDARY.search(content_type)
    if not boundary:
        raise _broken("it has no boundary")
    parts = _parts(body, (boundary[1] or boundary[2]).encode("latin-1"))
    named = ((_file_name(head), content) for head, content in parts)
    files = [SentFile(name, content) for name, content in named if name is not None]
    if not files:
        raise Refused(422, "the form has no file")
    return files


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the headers and the content of each part of a form."""
    delimiter = b"\r\n--" + boundary
    start = 0 if body.startswith(delimiter[2:]) else body.find(delimiter) + 2
    if start == 1:
        raise _broken("its boundary is missing")
    for _ in range(_MAX_PARTS + 1):
        start += len(delimiter) - 2
        if body.startswith(b"--", start):
            return
        line = body.find(b"\r\n", start, start + _MAX_PART_HEAD)
        if line < 0 or body[start:line].strip(b" \t"):
            raise _broken("it ends too early, or its boundary is within a part")
        head = body.find(b"\r\n\r\n", line, line + _MAX_PART_HEAD)
        end = body.find(delimiter, head + 2)
        if head < 0 or end < 0:
            raise _broken("it ends too early, or a part's headers are too large")
        yield body[line:head], memoryview(body)[head + 4 : end]
        start = end + 2
    raise Refused(413, f"a form may have at most {_MAX_PARTS} parts")


def _file_name(head: bytes) -> str | None:
    """The name of a part's file, or None for a part that is no file."""
    for line in head.split(b"\r\n"):
        if disposition := _DISPOSITION.fullmatch(line):
            parameters = {
                name.lower(): (quoted.replace(b'\\"', b'"') or plain).decode("utf-8", "replace")
                for name, quoted, plain in _PARAMETER.findall(disposition[1])
            }
            if b"name" in parameters:
                return parameters.get(b"filename")
    raise _broken("a part has no name")


def _broken(reason: str) -> Refused:
    return Refused(400, f"the form is broken: {reason}")
