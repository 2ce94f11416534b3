"""An HTTP protocol that closes connections which are too slow, too large or too many."""

import asyncio
import json
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httptools
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from digits.serve.access import HEALTH
from digits.serve.limits import Limits
from digits.serve.metrics import Metrics
from digits.serve.middleware import HEADERS, RequestMiddleware
from digits.serve.refusals import error_response
from digits.serve.transport import join_writes

_PARSED = 2048  # bytes at a time, so that no packet begins more than a hundred requests

_SPARE = 50  # connections beyond the limit, on which health is answered


def _raw_response(status: str, error: str, headers: Mapping[str, str] = HEADERS) -> bytes:
    """The answer of a connection that is closed before a request reaches the application."""
    lines = (f"{name}: {value}" for name, value in headers.items())
    answer = [f"HTTP/1.1 {status}", "connection: close", "content-type: application/json", *lines]
    return "\r\n".join([*answer, "", json.dumps({"error": error})]).encode()


_TOO_MANY = "too many connections"
_TOO_MANY_CONNECTIONS = _raw_response(
    "503 Service Unavailable", _TOO_MANY, {**HEADERS, "retry-after": "1"}
)
_NOT_HTTP = _raw_response("400 Bad Request", "not an HTTP request")
_VERSION = _raw_response("505 HTTP Version Not Supported", "only HTTP 1.1 and 1.0 are supported")
_HOST = _raw_response("400 Bad Request", "a request must have exactly one Host header")
_LARGE_HEAD = _raw_response(
    "431 Request Header Fields Too Large", "the request's headers are too large"
)


async def _refuse_connection(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer on a spare connection, except for health."""
    scope["digits.refusal"] = "too_many_connections"
    headers = {"connection": "close", "retry-after": "1"}
    await error_response(503, _TOO_MANY, headers)(scope, receive, send)


@dataclass
class Shared:
    """What the connections of a server share.

    idle: those that wait for a head, the longest idle first. is_stopping: whether each answer is
    the last on its connection.
    """

    idle: dict["LimitedProtocol", None] = field(default_factory=dict)
    is_stopping: bool = False


class _Flow(FlowControl):
    """Reads on only while nothing that has been received waits to be parsed."""

    def __init__(self, transport: asyncio.Transport, is_behind: Callable[[], bool]) -> None:
        super().__init__(transport)
        self._is_behind = is_behind

    def resume_reading(self) -> None:
        if not self._is_behind():
            super().resume_reading()


class LimitedProtocol(HttpToolsProtocol):
    """An HTTP connection. max_connections: how many there may be."""

    def __init__(
        self,
        *arguments: Any,
        limits: Limits,
        metrics: Metrics,
        max_connections: int,
        shared: Shared,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self._refuse_connection = RequestMiddleware(_refuse_connection, limits, metrics)
        self._limits, self._metrics = limits, metrics
        self._max_connections, self._shared, self._idle = max_connections, shared, shared.idle
        self._spare = False
        self._unparsed = memoryview(b"")  # what follows a request that waits for its turn
        self._extra = 0  # bytes of this request that are not its body
        self._deadline = 0.0  # of the head that is being sent
        self._refusal = b""  # of what can't be read, to be sent after the answers before it
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        admitted = self in self.connections
        transport = join_writes(transport, self.loop)
        super().connection_made(transport)
        self.flow = _Flow(transport, lambda: bool(self._unparsed))
        # pause_writing: there is something unsent. asyncio's TLS takes 0 for always, and hangs.
        transport.set_write_buffer_limits(high=1, low=0)
        if not admitted:
            self.admit(transport)

    def admit(self, transport: asyncio.Transport) -> None:
        """Count the connection, and make room for it or close it if there are too many."""
        self.transport = transport
        self.connections.add(self)
        if len(self.connections) > self._max_connections and self._idle:
            # Clients that hold idle connections must not keep out others.
            next(iter(self._idle))._abort("crowded_out")
        self._spare = len(self.connections) > self._max_connections
        if len(self.connections) <= self._max_connections + _SPARE:
            self._await_head()
        else:
            self._close("too_many_connections", _TOO_MANY_CONNECTIONS)

    def data_received(self, data: bytes) -> None:
        if self._refusal:
            return
        self._unset_keepalive_if_required()
        self._unparsed = memoryview(bytes(self._unparsed) + data if self._unparsed else data)
        self._parse_on()
        if not (self._refusal or self.transport.is_closing() or self.is_busy()):
            self._await_head()

    def _parse_on(self) -> None:
        """Parse what has been received, until a request has to wait for the one before it."""
        while self._unparsed and not self.pipeline:
            part, self._unparsed = self._unparsed[:_PARSED], self._unparsed[_PARSED:]
            self._extra += len(part)
            self._parse(part)
            if not self._refusal and self._extra > self._limits.max_header_bytes:
                self._close("large_head", _LARGE_HEAD)
            if self._refusal or self.transport.is_closing():
                self._unparsed = memoryview(b"")
        if self._unparsed:
            self.flow.pause_reading()

    def _parse(self, data: bytes | memoryview) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            # llhttp takes what follows for another protocol. A server may ignore the offer (RFC
            # 9110, 7.8): the request is read again without it.
            start = f"{self.scope['method']} ".encode() + self.url
            lines = [f"HTTP/{self.parser.get_http_version()}".encode()]
            lines += [name + b": " + value for name, value in self.headers if name != b"upgrade"]
            self.parser = httptools.HttpRequestParser(self)
            self._parse(start + b" " + b"\r\n".join([*lines, b"", data[offer.args[0] :]]))
        except httptools.HttpParserError:
            if not self._refusal and not self.transport.is_closing():
                self._close("no_http", _NOT_HTTP)

    def is_busy(self) -> bool:
        """Whether a request hasn't been answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def eof_received(self) -> bool:  # type: ignore[override]
        """Return whether it stays open: a client that has sent all still gets its answers."""
        if self.is_busy() and not self.cycle.more_body:
            self.cycle.keep_alive = False
            return True
        if not self._refusal:
            self.transport.close()  # after what waits to be sent
        return bool(self._refusal)

    def connection_lost(self, exc: Exception | None) -> None:
        self._idle.pop(self, None)
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        if self._unread:
            self._unread.cancel()

    def pause_writing(self) -> None:
        super().pause_writing()
        # Closing would wait for the client to read.
        self._unread = self.loop.call_later(self._limits.send_timeout, self._abort, "unread_answer")

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread:
            self._unread.cancel()
            self._unread = None

    def on_headers_complete(self) -> None:
        if refusal := self._refuse_head():
            self._close(*refusal)
            raise ValueError("nothing more is read")
        if self.parser.should_upgrade():
            self.scope["method"] = self.parser.get_method().decode()
            return
        self._deadline = 0.0
        self._idle.pop(self, None)
        if self._spare and not self.url.startswith(HEALTH.encode()):
            self.app = self._refuse_connection
        super().on_headers_complete()
        if self._shared.is_stopping:
            self.cycle.keep_alive = False
        self.headers = []  # trailers are no headers

    def _refuse_head(self) -> tuple[str, bytes] | None:
        """The reason and the answer, if the request's headers have to be refused."""
        if (
            len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            > self._limits.max_header_bytes
        ):
            return "large_head", _LARGE_HEAD
        if self.parser.get_http_version() not in ("1.0", "1.1"):
            return "http_version", _VERSION
        codings = b",".join(value for name, value in self.headers if name == b"transfer-encoding")
        method = self.parser.get_method()
        if codings.strip().lower() not in (b"", b"chunked") or method == b"CONNECT":
            return "no_http", _NOT_HTTP
        hosts = sum(name == b"host" for name, _ in self.headers)
        is_known = hosts == 1 or not hosts and self.parser.get_http_version() == "1.0"
        return None if is_known else ("no_host", _HOST)

    def on_body(self, body: bytes) -> None:
        # Twice: each byte may bring one of chunks' framing.
        self._extra = max(0, self._extra - 2 * len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():
            self._extra = 0
            super().on_message_complete()

    def on_response_complete(self) -> None:
        is_last = not self.pipeline
        super().on_response_complete()
        if self.transport.is_closing():
            return
        if self._unparsed:
            self._parse_on()
            self.flow.resume_reading()
        if is_last and self._refusal:
            self.transport.write(self._refusal)
            self.transport.close()
        elif self.cycle.response_complete:
            self._idle[self] = None

    def timeout_keep_alive_handler(self) -> None:
        if self._deadline:
            self._metrics.count_refusal("slow_head")
        super().timeout_keep_alive_handler()

    def _await_head(self) -> None:
        """Limit the time for the next request's headers; uvicorn does so only between requests."""
        self._idle.setdefault(self)
        self._unset_keepalive_if_required()
        self._deadline = self._deadline or self.loop.time() + self._limits.header_timeout
        self.timeout_keep_alive_task = self.loop.call_at(
            self._deadline, self.timeout_keep_alive_handler
        )

    def _close(self, reason: str, answer: bytes) -> None:
        """Refuse what has arrived last, after the answers to the requests before it."""
        self._metrics.count_refusal(reason)
        if self.pipeline:
            if self.pipeline[0][0].more_body:  # this is the request
                self.pipeline.popleft()
        elif self.cycle is None or self.cycle.more_body or self.cycle.response_complete:
            self.transport.write(answer)
            self.transport.close()
            return
        self._refusal = answer

    def _abort(self, reason: str) -> None:
        self._metrics.count_refusal(reason)
        self._idle.pop(self, None)
        self.connections.discard(self)  # it makes room at once
        self.transport.abort()


class TlsProtocol(SSLProtocol):
    """The TLS of an HTTP connection, which counts before the handshake, unlike asyncio's own."""

    max_size = 64 << 10  # bytes of a buffer, which asyncio gives 256 KB

    def __init__(self, context: ssl.SSLContext, **options: Any) -> None:
        self._http = http = LimitedProtocol(**options)
        super().__init__(http.loop, http, context, None, server_side=True)  # type: ignore[arg-type]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._http.admit(transport)
        if not transport.is_closing():
            super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:  # type: ignore[override]
        if self._http.flow is None:  # there was no handshake
            self._http.connection_lost(exc)
        super().connection_lost(exc)
