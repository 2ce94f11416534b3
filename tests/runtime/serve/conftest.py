from collections.abc import Iterator
from functools import partial

import pytest
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from digits.classifier import Classifier
from digits.serve import app, pictures
from tests.in_process import InProcess


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    return Classifier()


def application(classifier: Classifier) -> ASGIApp:
    """The application, which reads pictures in this process."""
    return app.create(classifier, lambda: InProcess(partial(pictures.answer, classifier)))


@pytest.fixture
def client(classifier: Classifier) -> Iterator[TestClient]:
    """Talks to the application without a socket or processes; a bug shows as its exception."""
    with TestClient(application(classifier)) as client:
        yield client
