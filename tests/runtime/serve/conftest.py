import io
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from digits.recognize import Reader
from digits.serve import worker
from digits.serve.api import Api
from tests.in_process import InProcess
from tests.runtime.web.conftest import settings


def application(reader: Reader, **values: Any) -> Api:
    """The app, reading pictures in this process. values: of Settings and of its Limits."""
    app_settings = settings(**values)
    answer = partial(worker.answer, reader, app_settings.limits.max_pixels)
    return Api(app_settings, reader, start_worker=partial(InProcess, answer))


def png(width: int, height: int, mode: str = "1") -> bytes:
    """A blank picture."""
    file = io.BytesIO()
    Image.new(mode, (width, height), 1).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="session")
def client(reader: Reader) -> Iterator[TestClient]:
    """Call the app without sockets or processes; raises the exceptions of its bugs."""
    with TestClient(application(reader)) as client:
        yield client
