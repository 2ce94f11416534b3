"""What holds for every request: it ends in time, it is counted, and its answer is safe to show."""

import asyncio
import json
import time
from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digits.serve import limits
from digits.serve.metrics import Metrics

# The page takes all it needs from this server, and no other page may look into it.
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_RAW_HEADERS = [(name.encode(), value.encode()) for name, value in HEADERS.items()]


class Guard:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_RAW_HEADERS]
            await send(message)

        self._metrics.in_progress.inc()
        try:
            async with asyncio.timeout(limits.BODY_SECONDS + limits.ANSWER_SECONDS):
                await self._app(scope, receive, watched)
        except TimeoutError:
            if not status:
                late = failed(503, "the answer wasn't ready in time", {"retry-after": "10"})
                await late(scope, receive, watched)
        except asyncio.CancelledError:  # a second Ctrl-C
            if not status:
                await failed(503, "the server ends")(scope, receive, watched)
        finally:
            self._metrics.in_progress.dec()
            endpoint = getattr(scope.get("endpoint"), "__name__", "none")
            self._metrics.requests.labels(endpoint, status).inc()
            self._metrics.seconds.labels(endpoint).observe(time.perf_counter() - start)


def failed(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error, in the form of the Open Inference Protocol."""
    return Response(json.dumps({"error": sentence}), status, headers, "application/json")
