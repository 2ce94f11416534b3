"""A request's body, the picture in it, and how a request is refused.

Bodies are read within limits: nothing goes to disk, and slow clients have their time.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
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

_MAX_PARTS = 8  # of a form: a picture, and a few other fields
_MAX_PART_HEAD = 8192  # bytes of a part's headers
_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"]+)"|([^\s;"]+))', re.IGNORECASE | re.ASCII)
_DISPOSITION = re.compile(rb"content-disposition:[ \t]*form-data[ \t]*(;.*)", re.IGNORECASE)
_PARAMETER = re.compile(rb';[ \t]*([\w-]+)=(?:"((?:\\"|[^"])*)"|([^\s;"]*))')


def error_response(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error as JSON: {"error": message}."""
    return Response(json.dumps({"error": message}), status, headers, "application/json")


async def _refuse(_: Request, error: Exception) -> Response:
    """Answer a request that was refused, here or by Starlette."""
    assert isinstance(error, HTTPException)
    return error_response(error.status_code, error.detail, error.headers)


async def _answer_model_error(_: Request, error: Exception) -> Response:
    """Log the message, which names a file: the client needn't know where it is."""
    print_stderr(f"error: {error}")
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

        Raises HTTPException: 400 when the client goes away, 408 when it takes too long, 413 when
        the body is longer than max_bytes, 415 when it is compressed, 429 when no memory is left.
        """
        body = bytearray()
        try:
            try:
                async with asyncio.timeout(self._limits.body_timeout):
                    async for chunk in _chunks(request, max_bytes):
                        body += chunk
                        self._count(len(chunk))
            except TimeoutError as error:
                raise HTTPException(408, "the request didn't arrive in time", _CLOSE) from error
            except ClientDisconnect as error:
                raise HTTPException(400, "the client went away") from error
            yield bytes(body)
        finally:
            self._bytes_in_memory -= len(body)

    def _count(self, size: int) -> None:
        """Add bytes to those in memory. Raises HTTPException (429) if they are too many."""
        self._bytes_in_memory += size
        if self._bytes_in_memory > self._limits.max_total_bytes:
            headers = _CLOSE | {"retry-after": "1"}
            raise HTTPException(429, "too many requests at the same time", headers)


async def _chunks(request: Request, max_bytes: int) -> AsyncIterator[bytes]:
    """Yield the body in pieces.

    Raises HTTPException if it is compressed, and if it is too large, after it has received as
    much as `_DRAIN_FACTOR` says.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        headers = _CLOSE | {"accept-encoding": "identity"}
        raise HTTPException(415, "compressed requests are not read", headers)
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received <= max_bytes:
            yield chunk
        elif received > _DRAIN_FACTOR * max_bytes:
            break
    if received > max_bytes:
        raise HTTPException(413, f"at most {max_bytes:,} bytes are read", _CLOSE)


class SentFile(NamedTuple):
    """A file that a client has sent.

    name: the file's own, not the name of its field in the form; it may be empty.
    """

    name: str
    content: bytes


def read_file(content_type: str, body: bytes) -> SentFile:
    """Return the only file of a form. A body that is no form is itself the file.

    A form is multipart/form-data, RFC 7578. It is parsed on the event loop, so in time
    proportional to the body, which may be full of what is nearly a boundary. Names are UTF-8: no
    codec is looked up by a name that a client sends.

    Raises HTTPException: 400 for a broken form, 422 for one without a file or with several.
    """
    if not content_type.lower().startswith("multipart/form-data"):
        return SentFile("", body)
    boundary = _BOUNDARY.search(content_type)
    if not boundary:
        raise _broken("it has no boundary")
    delimiter = b"\r\n--" + (boundary[1] or boundary[2]).encode("latin-1")
    _, *parts = (b"\r\n" + body).split(delimiter, _MAX_PARTS + 1)
    if not parts or not parts.pop().startswith(b"--"):
        raise _broken(f"it has no end, or over {_MAX_PARTS} parts")
    files = []
    for part in parts:
        head, separator, content = part.partition(b"\r\n\r\n")
        if not separator or len(head) > _MAX_PART_HEAD:
            raise _broken("a part has no end of its headers, or too many")
        name = _file_name(head)
        if name is not None:
            files.append(SentFile(name, content))
    if len(files) != 1:
        raise HTTPException(422, f"the form must have one file, not {len(files)}")
    return files[0]


def _file_name(head: bytes) -> str | None:
    """The name of a part's file, or None for a part that is no file."""
    for line in head.split(b"\r\n"):
        if disposition := _DISPOSITION.fullmatch(line):
            for name, quoted, plain in _PARAMETER.findall(disposition[1]):
                if name.lower() == b"filename":
                    text: bytes = quoted.replace(b'\\"', b'"') or plain
                    return text.decode("utf-8", "replace")
    return None


def _broken(reason: str) -> HTTPException:
    return HTTPException(400, f"the form is broken: {reason}")
