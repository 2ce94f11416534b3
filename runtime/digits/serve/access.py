"""Access control: the host that a request is for, and its token."""

import hmac
import ipaddress
import re
import socket
from collections.abc import Collection
from functools import lru_cache

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from digits.serve.pages import ASSETS
from digits.serve.refusals import error_response

_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([\w.-]+))(?::[0-9]*)?", re.ASCII)

HEALTH = "/v2/health/"  # needs no known host and no token


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
        self._any = "*" in names
        self._knows = lru_cache(64)(self._knows_header)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._any and not scope["path"].startswith(HEALTH):
            hosts = [value for name, value in scope["headers"] if name == b"host"]
            if not all(map(self._knows, hosts)):
                message = "this host is not allowed; see --allowed-hosts"
                await error_response(421, message)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _knows_header(self, header: bytes) -> bool:
        found = _HOST.fullmatch(header.decode("latin-1").lower())
        if not found:
            return False
        name = (found[1] or found[2]).removesuffix(".")
        return name in self._names or name.endswith(self._suffixes) or _is_address(name)


class BearerToken:
    """Refuse requests without the token. public: paths that need none."""

    def __init__(self, app: ASGIApp, token: str, public: Collection[str]) -> None:
        self._app, self._public = app, frozenset(public)
        self._expected = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._is_public(scope["path"]):
            scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
            known = hmac.compare_digest(token.strip().encode("latin-1"), self._expected)
            if scheme.lower() != "bearer" or not known:
                message = "a token is required: Authorization: Bearer TOKEN"
                refusal = error_response(401, message, {"www-authenticate": "Bearer"})
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_public(self, path: str) -> bool:
        return path.startswith((HEALTH, ASSETS)) or path in self._public


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
