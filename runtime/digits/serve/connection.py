"""An HTTP protocol that closes connections which are too slow, too large or too many."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from digits.serve.access import HEALTH
from digits.serve.limits import Limits
from digits.serve.metrics import Metrics
from digits.serve.middleware import HEADERS, RequestMiddleware
from digits.serve.refusals import error_response

_PIPELINED = 100  # requests that are sent before the first of them is answered; browsers send one

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
_LARGE_HEAD = _raw_response(
    "431 Request Header Fields Too Large", "the request's headers are too large"
)


async def _refuse_connection(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer on a spare connection, except for health."""
    scope["digits.refusal"] = "too_many_connections"
    headers = {"connection": "close", "retry-after": "1"}
    await error_response(503, _TOO_MANY, headers)(scope, receive, send)


class LimitedProtocol(HttpToolsProtocol):
    """An HTTP connection.

    max_connections: how many there may be. idle: those of this server that wait for a head, longest
    first.
    """

    def __init__(
        self,
        *arguments: Any,
        limits: Limits,
        metrics: Metrics,
        max_connections: int,
        idle: "IdleConnections",
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self._refuse_connection = RequestMiddleware(_refuse_connection, limits, metrics)
        self._limits, self._metrics = limits, metrics
        self._max_connections, self._idle = max_connections, idle
        self._spare = False
        self._extra = 0  # bytes of this request that are not its body
        self._deadline = 0.0  # of the head that is being sent
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # pause_writing: there is something unsent. asyncio's TLS takes 0 for always, and hangs.
        transport.set_write_buffer_limits(high=1, low=0)
        if len(self.connections) > self._max_connections and self._idle:
            # Clients that hold idle connections must not keep out others.
            next(iter(self._idle))._abort("crowded_out")
        self._spare = len(self.connections) > self._max_connections
        if len(self.connections) <= self._max_connections + _SPARE:
            self._await_head()
        else:
            self._close("too_many_connections", _TOO_MANY_CONNECTIONS)

    def data_received(self, data: bytes) -> None:
        self._extra += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._extra > self._limits.max_header_bytes:
            self._close("large_head", _LARGE_HEAD)
        elif self.cycle is None or self.cycle.response_complete:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._idle.pop(self, None)
        super().connection_lost(exc)
        self.resume_writing()

    def pause_writing(self) -> None:
        super().pause_writing()
        # Closing would wait for the client to read.
        self._unread = self.loop.call_later(self._limits.send_timeout, self._abort, "unread_answer")

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread:
            self._unread.cancel()
            self._unread = None

    def send_400_response(self, msg: str) -> None:
        if not self.transport.is_closing():
            self._close("no_http", _NOT_HTTP)

    def on_headers_complete(self) -> None:
        head = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if head > self._limits.max_header_bytes:
            self._close("large_head", _LARGE_HEAD)
            raise ValueError("nothing more is read")
        if len(self.pipeline) >= _PIPELINED:
            raise ValueError("too many requests at once")  # which uvicorn answers with 400
        self._deadline = 0.0
        self._idle.pop(self, None)
        if self._spare and not self.url.startswith(HEALTH.encode()):
            self.app = self._refuse_connection
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._extra -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._extra = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing() and self.cycle.response_complete:
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
        self._metrics.count_refusal(reason)
        self.transport.write(answer)
        self.transport.close()

    def _abort(self, reason: str) -> None:
        self._metrics.count_refusal(reason)
        self._idle.pop(self, None)
        self.connections.discard(self)  # it makes room at once
        self.transport.abort()


IdleConnections = dict[LimitedProtocol, None]  # the longest idle first
