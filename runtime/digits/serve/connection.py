"""Closes connections that are too slow, too long or too many, which uvicorn leaves open."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from digits.serve import limits
from digits.serve.guard import HEADERS

_PIPELINED = 100  # requests that are sent before the first of them is answered; browsers send one

_FULL = "\r\n".join(
    [
        "HTTP/1.1 503 Service Unavailable",
        "connection: close",
        "retry-after: 1",
        "content-type: application/json",
        *(f"{name}: {value}" for name, value in HEADERS.items()),
        "",
        '{"error": "too many connections"}',
    ]
).encode()


class Connection(HttpToolsProtocol):
    """An HTTP connection."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._extra = 0  # bytes of this request that are not its body
        self._deadline = 0.0  # of the head that is being sent
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # pause_writing: there is something unsent
        if self.limit_concurrency and len(self.connections) >= self.limit_concurrency:
            transport.write(_FULL)
            transport.close()
        else:
            self._await_head()

    def data_received(self, data: bytes) -> None:
        self._extra += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._extra > limits.HEAD_BYTES:
            self.transport.close()
        elif self.cycle is None or self.cycle.response_complete:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.resume_writing()

    def pause_writing(self) -> None:
        super().pause_writing()
        # Closing would wait for the client to read.
        self._unread = self.loop.call_later(limits.READ_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread:
            self._unread.cancel()
            self._unread = None

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= _PIPELINED:
            raise ValueError("too many requests at once")  # which uvicorn answers with 400
        self._deadline = 0.0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._extra -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._extra = 0
        super().on_message_complete()

    def _await_head(self) -> None:
        """Give the client time for the next head; uvicorn does so only between two requests."""
        self._unset_keepalive_if_required()
        self._deadline = self._deadline or self.loop.time() + limits.HEAD_SECONDS
        self.timeout_keep_alive_task = self.loop.call_at(
            self._deadline, self.timeout_keep_alive_handler
        )
