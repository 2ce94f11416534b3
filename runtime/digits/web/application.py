"""What surrounds every request: time limit, id, security headers, host, token and log."""

import asyncio
import hmac
import ipaddress
import json
import re
import secrets
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, ExceptionHandler, Message, Receive, Scope, Send

from digits.terminal import print_stderr
from digits.web.pages import ASSETS
from digits.web.requests import HANDLERS, error_response
from digits.web.settings import Settings

HEALTH = "/health"  # answered under any host name, and without a token
OPENAPI = "/openapi.json"

_WITHOUT_TOKEN = ("/", OPENAPI)
# The page loads everything from this server, and no other page may embed or read it.
_HEADERS = {
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; script-src 'self'; style-src 'self';"
    b" img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none';"
    b" frame-ancestors 'none'",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
}
_ID_HEADER = "x-request-id"
_HOST_HEADER = re.compile(r"(?:\[([0-9a-f:.]+)\]|([\w.-]+))(?::[0-9]*)?", re.ASCII)


class Application:
    """Answers requests by routes, within what is allowed and safe.

    Requests for unknown hosts are refused, which prevents DNS rebinding: a foreign page can make
    its own name resolve to this address; its requests then count as same origin, but their Host
    header still has the foreign name.

    A subclass with metrics overrides `count_request`.

    handlers: the functions that answer exceptions, besides those of every application.
    """

    def __init__(
        self,
        routes: Sequence[Route],
        settings: Settings,
        handlers: Mapping[Any, ExceptionHandler] = MappingProxyType({}),
    ) -> None:
        self.settings = settings
        self.in_progress = 0  # requests not yet answered
        machine = socket.gethostname().lower()
        self._hosts = {"localhost", machine, f"{machine}.local", *settings.hosts}
        self._suffixes = tuple(name[1:] for name in settings.hosts if name.startswith("*."))
        self._timeout = settings.limits.body_timeout + settings.limits.answer_timeout
        self._routes = Starlette(routes=routes, exception_handlers={**HANDLERS, **handlers})
        self._checked_routes: ASGIApp = self._answer_by_routes
        if settings.origins:
            self._checked_routes = CORSMiddleware(
                self._answer_by_routes,
                allow_origins=settings.origins,
                allow_methods=["GET", "POST"],
                allow_headers=["authorization", "content-type", _ID_HEADER],
                expose_headers=["retry-after", _ID_HEADER],
            )

    def count_request(self, endpoint: str, status: int, seconds: float) -> None:
        """Called after each answer. endpoint: the name of the route's function, or "none"."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # the server starts or ends
            await self._routes(scope, receive, send)
            return
        start, status, sent_bytes = time.perf_counter(), 0, 0
        scope["path"] = scope["path"].rstrip("/") or "/"
        scope["digits.id"] = Headers(scope=scope).get(_ID_HEADER) or secrets.token_hex(8)

        async def send_watched(message: Message) -> None:
            nonlocal status, sent_bytes
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = _HEADERS | dict(message["headers"])
                headers[_ID_HEADER.encode()] = scope["digits.id"].encode("latin-1")
                message["headers"] = [*headers.items()]
            else:
                sent_bytes += len(message.get("body", b""))
            await send(message)

        self.in_progress += 1
        try:
            async with asyncio.timeout(self._timeout):
                await self._checked_routes(scope, receive, send_watched)
        except TimeoutError:
            if not status:
                message, headers = "the answer wasn't ready in time", {"retry-after": "10"}
                await error_response(503, message, headers)(scope, receive, send_watched)
        finally:
            self.in_progress -= 1
            self._record(scope, status, sent_bytes, time.perf_counter() - start)

    async def _answer_by_routes(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._refusal(scope) or self._routes
        await answer(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        """The answer if the host is a foreign one or the token is missing, else None."""
        path, headers = scope["path"], Headers(scope=scope)
        if path == HEALTH:
            return None
        if not self._is_allowed_host(headers.get("host", "")):  # h11 refuses several
            return error_response(421, "this host is not allowed; see serve --allowed-hosts")
        if path in _WITHOUT_TOKEN or path.startswith(ASSETS) or self._has_token(headers):
            return None
        message = "a token is required: Authorization: Bearer TOKEN"
        return error_response(401, message, {"www-authenticate": "Bearer"})

    def _is_allowed_host(self, header: str) -> bool:
        host = _HOST_HEADER.fullmatch(header.lower())
        name = (host[1] or host[2]).removesuffix(".") if host else ""
        if "*" in self._hosts or name in self._hosts or name.endswith(self._suffixes):
            return True
        with suppress(ValueError):
            ipaddress.ip_address(name)
            return True
        return False

    def _has_token(self, headers: Headers) -> bool:
        """Whether a request has the token, or none is needed."""
        if self.settings.token is None:
            return True
        scheme, _, token = headers.get("authorization", "").partition(" ")
        sent_token = token.strip().encode("latin-1")
        is_token = hmac.compare_digest(sent_token, self.settings.token.encode())
        return scheme.lower() == "bearer" and is_token

    def _record(self, scope: Scope, status: int, sent_bytes: int, seconds: float) -> None:
        """Count an answer, and log it."""
        endpoint = getattr(scope.get("endpoint"), "__name__", "none")
        self.count_request(endpoint, status, seconds)
        if self.settings.access_log:
            client = scope.get("client")
            line = {
                "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "id": scope["digits.id"],
                "client": client[0] if client else None,
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "seconds": round(seconds, 6),
                "bytes": sent_bytes,
            }
            print_stderr(json.dumps(line))
