"""Connections that hostile clients can't use up.

While 2,000 connections send headers byte by byte, and 1,024 open files are allowed, this answers
each of 20 health checks in 10 ms, and after 10 s none of the 2,000 is left; uvicorn alone, whatever
its limit_concurrency, answers none for as long as they go on.

Of uvicorn's two parsers, h11 would bound headers and pipelined requests itself, but stops the
server for a second to parse 256 KB in chunks of a byte; httptools takes 15 ms.
"""

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from digits.web.settings import Limits

_BEGIN = re.compile(rb"[\r\n]*([A-Z]|$)")  # of a head
_END = b"\r\n\r\n"  # of a head, and of a body in chunks
# Bytes of framing that each counts for: a body full of them is parsed in parts of four bytes.
_END_COST = 32
# A server may ignore the offer of another protocol (RFC 9110, 7.8), but httptools doesn't.
_UPGRADE = re.compile(rb"\r\nupgrade:[^\r\n]*", re.IGNORECASE)
_HEADERS = b"connection: close\r\ncontent-type: application/json\r\n\r\n"
_NO_HTTP = 400, "no_http", "not an HTTP request"
_LARGE_HEAD = 431, "large_head", "the request's headers are too large"


class Connection(HttpToolsProtocol):
    """An HTTP connection whose client has limited time to send headers and to read answers.

    count_refusal: called with the reason of each refusal. max_connections: how many there may be.
    Beyond them, the one that has been idle longest is closed; if none is idle, the state of its
    requests says `is_spare`.
    """

    def __init__(
        self,
        limits: Limits,
        count_refusal: Callable[[str], None],
        max_connections: int,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._limits, self._count_refusal = limits, count_refusal
        self._max_header_bytes, self._max_connections = limits.max_header_bytes, max_connections
        self._timers: dict[str, asyncio.TimerHandle] = {}  # by the reason to close
        self._last_active = self.loop.time()
        self._received = bytearray()  # and not yet parsed
        self._in_head = True  # what comes next belongs to headers
        self._body_left = 0  # bytes, if the headers say how many
        self._framing = 0  # bytes of the request that are not its body

    @property
    def is_busy(self) -> bool:
        """Whether a request hasn't been answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # pause_writing: there is something unsent
        self._start_timer("slow_head", self._limits.header_timeout)
        if len(self.connections) > self._max_connections:
            self._make_room()

    def _make_room(self) -> None:
        """Close the connection that has been idle longest: none may keep out others."""
        idle = [
            connection
            for connection in self.connections - {self}
            if isinstance(connection, Connection) and not connection.is_busy
        ]
        if idle:
            min(idle, key=lambda connection: connection._last_active)._abort("crowded_out")
        else:
            self.app_state = {"is_spare": True}

    def _start_timer(self, reason: str, seconds: float) -> None:
        """Limit the seconds until `_stop_timer`."""
        if reason not in self._timers:
            self._timers[reason] = self.loop.call_later(seconds, self._abort, reason)

    def _stop_timer(self, reason: str) -> None:
        if timer := self._timers.pop(reason, None):
            timer.cancel()

    def _abort(self, reason: str) -> None:
        self._count_refusal(reason)
        if reason == "slow_head" and "unread_answer" in self._timers:
            self.transport.close()  # when the client has read all, or that timer ends
        else:
            self.connections.discard(self)  # it makes room at once
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self._received += data
            self._parse()

    def _parse(self) -> None:
        """Parse what has been received, but no request before the last one has been answered."""
        self._unset_keepalive_if_required()
        while not (self._is_answering or self.transport.is_closing()) and (part := self._take()):
            self._framing += len(part)
            try:
                self.parser.feed_data(part)
            except (httptools.HttpParserError, httptools.HttpParserUpgrade):
                self._refuse(*_NO_HTTP)
            if self._framing > self._max_header_bytes:
                self._refuse(*_LARGE_HEAD)
        if self.is_busy:
            self._last_active = self.loop.time()
            self._stop_timer("slow_head")
        elif not self.transport.is_closing():  # uvicorn limits the time only between requests
            self._start_timer("slow_head", self._limits.header_timeout)
        if self._is_answering and self._received:
            self.transport.pause_reading()
        elif not self.flow.read_paused:
            self.transport.resume_reading()

    @property
    def _is_answering(self) -> bool:
        return self.is_busy and self._in_head

    def _take(self) -> bytes:
        """Take out of what has been received, as httptools can't stop where a request ends.

        Returns the headers of a request, or a part of its body; b"" to wait for more.
        """
        received = self._received
        if self._body_left:
            end = self._body_left
        elif (end_of_head := received.find(_END)) >= 0:
            end = end_of_head + len(_END)
            self._framing += _END_COST
        elif self._in_head and len(received) <= self._max_header_bytes and _BEGIN.match(received):
            end = 0
        else:
            end = max(0, len(received) - len(_END) + 1)  # with the rest, _END may begin
        part = bytes(received[:end])
        del received[:end]
        return _UPGRADE.sub(b"", part) if self._in_head else part

    def on_headers_complete(self) -> None:
        version = self.parser.get_http_version()
        hosts = self._values(b"host")
        codings = [coding.strip().lower() for coding in self._values(b"transfer-encoding")]
        if self._framing > self._max_header_bytes:
            self._refuse(*_LARGE_HEAD)
        elif version not in ("1.0", "1.1"):
            self._refuse(505, "http_version", "only HTTP 1.1 and 1.0 are supported")
        elif len(hosts) != 1 and (hosts or version == "1.1"):
            self._refuse(400, "no_host", "a request must have exactly one Host header")
        elif codings not in ([], [b"chunked"]) or self.parser.should_upgrade():  # CONNECT
            self._refuse(*_NO_HTTP)
        if self.transport.is_closing():
            raise ValueError("nothing more is read")
        super().on_headers_complete()
        self._in_head = False
        self._body_left = sum(map(int, self._values(b"content-length")))  # at most one
        self.headers = []  # trailers are no headers

    def _values(self, header: bytes) -> list[bytes]:
        return [value for name, value in self.headers if name == header]

    def on_body(self, body: bytes) -> None:
        self._body_left = max(0, self._body_left - len(body))
        # Twice: each byte may bring one of chunks' framing.
        self._framing = max(0, self._framing - 2 * len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_head, self._framing = True, 0
        super().on_message_complete()
        self.flow.resume_reading()  # which would go on at any time; _parse decides from now on

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._received:
            self._parse()

    def _refuse(self, status: int, reason: str, message: str) -> None:
        """Answer what the application can't, and read no more."""
        if self.transport.is_closing():
            return
        self._count_refusal(reason)
        if not self.is_busy or not self.cycle.response_started:
            content = json.dumps({"error": message}).encode()
            self.transport.write(STATUS_LINE[status] + _HEADERS + content)
        self.transport.close()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Return whether it stays open: a client that has sent all still gets its answers."""
        self.timeout_keep_alive = 0
        return self._is_answering

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_timer("unread_answer", self._limits.send_timeout)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_timer("unread_answer")

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        for reason in list(self._timers):
            self._stop_timer(reason)
