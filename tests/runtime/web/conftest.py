import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from digits.web.application import HEALTH, OPENAPI, Application
from digits.web.pages import Page
from digits.web.requests import BodyReader
from digits.web.server import Server, bind, make_server
from digits.web.settings import Limits, Settings

LIMITS = {field.name for field in fields(Limits)}
MAX_BYTES = 1 << 20
DOCUMENT = b"A line.\n" * 1500


def settings(**values: Any) -> Settings:
    """values: of Settings and of its Limits."""
    limits = Limits(**{name: values.pop(name) for name in LIMITS & values.keys()})
    settings = Settings(**{"allowed_hosts": "testserver"} | values)
    settings.limits = limits
    return settings


class Echo(Application):
    """An application without networks: it answers a body with its length.

    error: what requests for /fail raise; None: they take ten seconds. values: as for `settings`.
    """

    def __init__(self, error: Exception | None = None, **values: Any) -> None:
        app_settings = settings(**values)
        self._bodies, self._error = BodyReader(app_settings.limits), error
        routes = [
            Route(HEALTH, JSONResponse({"status": "ok"})),
            Route("/echo", self.echo, methods=["POST"]),
            *(Route(path, Response(DOCUMENT)) for path in ("/document", OPENAPI)),
            *Page("digits.review").routes(),
            Route("/fail", self.fail),
        ]
        super().__init__(routes, app_settings)

    async def echo(self, request: Request) -> Response:
        async with self._bodies.read(request, MAX_BYTES) as body:
            return JSONResponse({"length": len(body)})

    async def fail(self, _: Request) -> Response:
        if self._error:
            raise self._error
        await asyncio.sleep(10)
        return Response()


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(Echo())


@contextmanager
def serving(**values: Any) -> Iterator[tuple[Server, int]]:
    """A running server in this process, and its port."""
    app = Echo(**{"port": 0} | values)
    server = make_server(app)
    with bind(app.settings) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield server, listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(60)
            assert not thread.is_alive()
