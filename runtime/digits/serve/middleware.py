"""What applies to every request: time limit, metrics, id, security headers, host and token."""

import asyncio
import hmac
import ipaddress
import json
import re
import secrets
import socket
import time
from collections.abc import Collection
from datetime import UTC, datetime
from itertools import count

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digits.serve.metrics import Metrics
from digits.serve.pages import ASSETS
from digits.serve.refusals import default_reason, error_response
from digits.serve.settings import Settings
from digits.terminal import print_stderr

HEALTH = "/v2/health/"  # needs no known host and no token

# The page loads everything from this server, and no other page may embed or read it.
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self' blob:; connect-src 'self'; manifest-src 'self'; worker-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_RAW_HEADERS = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
_ID = b"x-request-id"
_SAFE_ID = re.compile(rb"[\w.:+/=@-]{1,128}", re.ASCII)  # of a proxy, if safe to log
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([\w.-]+))(?::[0-9]*)?", re.ASCII)

_START, _NUMBERS = secrets.token_hex(4), count(1)  # distinguish them from other processes'


class RequestMiddleware:
    """Wraps the application, for metrics, time limits and headers."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self._app, self.settings, self.metrics = app, settings, metrics
        self._timeout = settings.limits.body_timeout + settings.limits.answer_timeout
        self._is_stopping = False

    def stop(self) -> None:
        """Make each answer from now on the last on its connection."""
        self._is_stopping = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start, request = time.perf_counter(), request_id(scope)
        status = sent = 0

        async def send_watched(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                given = {name for name, _ in message["headers"]}
                added = [header for header in _RAW_HEADERS if header[0] not in given]
                message["headers"] = [*message["headers"], *added, (_ID, request.encode())]
                if self._is_stopping:
                    message["headers"].append((b"connection", b"close"))
            else:
                sent += len(message.get("body", b""))
            await send(message)

        self.metrics.in_progress.inc()
        try:
            refusal = await self._answer(scope, receive, send_watched)
            if refusal and not status:
                await refusal(scope, receive, send_watched)
        finally:
            self.metrics.in_progress.dec()
            self._count(scope, status, sent, time.perf_counter() - start)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> Response | None:
        """Let the application answer. Returns the answer if there is none in time."""
        if scope.get("state", {}).get("is_spare") and not scope["path"].startswith(HEALTH):
            scope["digits.refusal"] = "too_many_connections"
            headers = {"connection": "close", "retry-after": "1"}
            return error_response(503, "too many connections", headers)
        try:
            async with asyncio.timeout(self._timeout):
                await self._app(scope, receive, send)
        except TimeoutError:
            return error_response(503, "the answer wasn't ready in time", {"retry-after": "10"})
        except asyncio.CancelledError:  # a second Ctrl-C
            return error_response(503, "the server is shutting down")
        return None

    def _count(self, scope: Scope, status: int, sent: int, seconds: float) -> None:
        endpoint = getattr(scope.get("endpoint"), "__name__", "none")
        self.metrics.count_request(endpoint, status, seconds)
        if status >= 400:
            self.metrics.count_refusal(scope.get("digits.refusal") or default_reason(status))
        if self.settings.access_log:
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
            print_stderr(json.dumps(line))


def request_id(scope: Scope) -> str:
    """The request's id in the logs and in its answer: the proxy's, or a new one."""
    known: str | None = scope.get("digits.id")
    if known is None:
        given = next((value for name, value in scope["headers"] if name == _ID), b"")
        known = given.decode() if _SAFE_ID.fullmatch(given) else f"{_START}-{next(_NUMBERS)}"
        scope["digits.id"] = known
    return known


class AllowedHosts:
    """Refuse requests for unknown hosts, which prevents DNS rebinding.

    A foreign page can make its own name resolve to this address; its requests then count as same
    origin, but their Host header still has the foreign name.

    names: without ports; *.example.org allows all subdomains, * any name. IP addresses, localhost
    and this machine's name are always allowed.
    """

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        machine = socket.gethostname().lower()
        self._app = app
        self._names = {"localhost", machine, f"{machine}.local", *names}
        self._suffixes = tuple(name[1:] for name in names if name.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if scope["path"].startswith(HEALTH) or all(map(self._is_known, hosts)):
            await self._app(scope, receive, send)
        else:
            refusal = error_response(421, "this host is not allowed; see serve --allowed-hosts")
            await refusal(scope, receive, send)

    def _is_known(self, header: bytes) -> bool:
        if "*" in self._names:
            return True
        host = _HOST.fullmatch(header.decode("latin-1").lower())
        if not host:
            return False
        name = (host[1] or host[2]).removesuffix(".")
        return name in self._names or name.endswith(self._suffixes) or _is_address(name)


class BearerToken:
    """Refuse requests without the token. public: paths that need none."""

    def __init__(self, app: ASGIApp, token: str, public: Collection[str]) -> None:
        self._app, self._public, self._token = app, frozenset(public), token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        is_token = hmac.compare_digest(token.strip().encode("latin-1"), self._token)
        is_public = scope["path"].startswith((HEALTH, ASSETS)) or scope["path"] in self._public
        if is_public or (scheme.lower() == "bearer" and is_token):
            await self._app(scope, receive, send)
        else:
            message = "a token is required: Authorization: Bearer TOKEN"
            refusal = error_response(401, message, {"www-authenticate": "Bearer"})
            await refusal(scope, receive, send)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
