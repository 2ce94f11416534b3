"""What surrounds every request: time limit, security headers, host and token."""

import asyncio
import hmac
import ipaddress
import re
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ExceptionHandler, Message, Receive, Scope, Send

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
_HOST_HEADER = re.compile(r"(?:\[([0-9a-f:.]+)\]|([\w.-]+))(?::[0-9]*)?", re.ASCII)


class Application:
    """Answers requests by routes, within what is allowed and safe.

    Requests for unknown hosts are refused, which prevents DNS rebinding: a foreign page can make
    its own name resolve to this address; its requests then count as same origin, but their Host
    header still has the foreign name.

    handlers: the functions that answer exceptions, besides those of every application.
    """

    def __init__(
        self,
        routes: Sequence[Route],
        settings: Settings,
        handlers: Mapping[Any, ExceptionHandler] = MappingProxyType({}),
    ) -> None:
        self.settings = settings
        machine = socket.gethostname().lower()
        self._hosts = {"localhost", machine, f"{machine}.local", *settings.hosts}
        self._suffixes = tuple(name[1:] for name in settings.hosts if name.startswith("*."))
        self._timeout = settings.limits.body_timeout + settings.limits.answer_timeout
        self._routes = Starlette(routes=routes, exception_handlers={**HANDLERS, **handlers})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # the server starts or ends
            await self._routes(scope, receive, send)
            return
        scope["path"] = scope["path"].rstrip("/") or "/"
        has_started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal has_started
            if message["type"] == "http.response.start":
                has_started = True
                message["headers"] = [*(_HEADERS | dict(message["headers"])).items()]
            await send(message)

        answer = self._refusal(scope) or self._routes
        try:
            async with asyncio.timeout(self._timeout):
                await answer(scope, receive, send_with_headers)
        except TimeoutError:
            if not has_started:
                late = error_response(503, "the answer wasn't ready in time", {"retry-after": "10"})
                await late(scope, receive, send_with_headers)

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
