from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from digits.classifier import Classifier
from digits.serve import pictures
from digits.serve.app import App
from digits.serve.settings import Settings
from tests.in_process import InProcess


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    return Classifier()


def application(classifier: Classifier, **settings: Any) -> ASGIApp:
    """The app, reading pictures in this process and accepting the host of TestClient."""

    def worker(classifier: Classifier) -> pictures.PictureWorker:
        return InProcess(partial(pictures.answer, classifier, chosen.max_pixels))

    chosen = Settings(**{"allowed_hosts": "testserver"} | settings)
    return App(chosen, classifier, worker)


@pytest.fixture
def client(classifier: Classifier) -> Iterator[TestClient]:
    """Call the app without sockets or processes; raises the exceptions of its bugs."""
    with TestClient(application(classifier)) as client:
        yield client
