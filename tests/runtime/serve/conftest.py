import io
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from digits.classifier import Classifier
from digits.serve import pictures
from digits.serve.app import App
from digits.serve.limits import Limits
from digits.serve.listener import bind
from digits.serve.server import Server, make_server
from digits.serve.settings import Settings
from tests.in_process import InProcess

LIMITS = {field.name for field in fields(Limits)}


def application(classifier: Classifier, **settings: Any) -> App:
    """The app, reading pictures in this process. settings: of Settings and of its Limits."""
    limits = Limits(**{name: settings.pop(name) for name in LIMITS & settings.keys()})

    def worker(classifier: Classifier) -> pictures.PictureWorker:
        return InProcess(partial(pictures.answer, classifier, limits.max_pixels))

    chosen = Settings(**{"allowed_hosts": "testserver"} | settings, limits=limits)
    return App(chosen, classifier, worker)


def png(width: int, height: int, mode: str = "1") -> bytes:
    """A blank picture."""
    file = io.BytesIO()
    Image.new(mode, (width, height), 1).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="session")
def client(classifier: Classifier) -> Iterator[TestClient]:
    """Call the app without sockets or processes; raises the exceptions of its bugs."""
    with TestClient(application(classifier)) as client:
        yield client


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@contextmanager
def serving(classifier: Classifier, **settings: Any) -> Iterator[tuple[Server, int]]:
    """A running server in this process and its port, 0 for a Unix socket."""
    app = application(classifier, **{"port": 0} | settings)
    server = make_server(app)
    with bind(app.settings) as listener:
        # Connections inherit it: what a client doesn't read soon fills it.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield server, 0 if app.settings.uds else listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(60)
            assert not thread.is_alive()
