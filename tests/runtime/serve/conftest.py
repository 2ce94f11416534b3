from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from digits.classifier import Classifier
from digits.serve import app


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    return Classifier()


@pytest.fixture
def client(classifier: Classifier) -> Iterator[TestClient]:
    """Talks to the application without a socket; a bug shows as its exception."""
    with TestClient(app.create(classifier)) as client:
        yield client
