"""What applies to every request: a time limit, metrics, an id, and security headers."""

import asyncio
import json
import logging
import re
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digits.serve.limits import Limits
from digits.serve.metrics import Metrics
from digits.serve.refusals import default_reason, error_response

# The page loads everything from this server, and no other page may embed or read it.
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self' blob:; connect-src 'self'; manifest-src 'self'; worker-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_RAW_HEADERS = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
_ID = b"x-request-id"
_SAFE_ID = re.compile(rb"[\w.:+/=@-]{1,128}", re.ASCII)  # of a proxy, if safe to log

_START, _NUMBERS = secrets.token_hex(4), count(1)  # distinguish them from other processes'

ACCESS = logging.getLogger("digits.serve.access")
LOG = logging.getLogger("digits.serve")


class RequestMiddleware:
    """Wraps the application, for metrics, time limits and headers."""

    def __init__(self, app: ASGIApp, limits: Limits, metrics: Metrics) -> None:
        self._app, self._metrics, self._limits = app, metrics, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        request = request_id(scope)
        status = sent = 0

        async def watched(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                given = {name for name, _ in message["headers"]}
                added = [header for header in _RAW_HEADERS if header[0] not in given]
                message["headers"] = [*message["headers"], *added, (_ID, request.encode())]
            else:
                sent += len(message.get("body", b""))
            await send(message)

        self._metrics.in_progress.inc()
        try:
            await self._answer(scope, receive, watched, lambda: bool(status))
        finally:
            self._metrics.in_progress.dec()
            self._count(scope, status, sent, time.perf_counter() - start)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, begun: Callable[[], bool]
    ) -> None:
        try:
            async with asyncio.timeout(self._limits.body_timeout + self._limits.answer_timeout):
                await self._app(scope, receive, send)
        except TimeoutError:
            if not begun():
                late = error_response(503, "the answer wasn't ready in time", {"retry-after": "10"})
                await late(scope, receive, send)
        except asyncio.CancelledError:  # a second Ctrl-C
            if not begun():
                await error_response(503, "the server is shutting down")(scope, receive, send)

    def _count(self, scope: Scope, status: int, sent: int, seconds: float) -> None:
        endpoint = getattr(scope.get("endpoint"), "__name__", "none")
        self._metrics.count_request(endpoint, status, seconds)
        if status >= 400:
            reason = scope.get("digits.refusal") or default_reason(status)
            self._metrics.count_refusal(reason)
            LOG.info("%s was refused: %d, %s", request_id(scope), status, reason)
        if ACCESS.isEnabledFor(logging.INFO):
            client = scope.get("client")
            line = {
                "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "id": request_id(scope),
                "client": client[0] if client else None,
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "seconds": round(seconds, 6),
                "bytes": sent,
            }
            ACCESS.info(json.dumps(line))


def request_id(scope: Scope) -> str:
    """The request's id in the logs and in its answer: the proxy's, or a new one."""
    known: str | None = scope.get("digits.id")
    if known is None:
        given = next((value for name, value in scope["headers"] if name == _ID), b"")
        known = given.decode() if _SAFE_ID.fullmatch(given) else f"{_START}-{next(_NUMBERS)}"
        scope["digits.id"] = known
    return known
