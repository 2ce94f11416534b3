"""Mutated requests to `digits serve`."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from urllib.parse import quote_from_bytes

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from digits.classifier import Classifier
from tests.robustness import corpus, specimens
from tests.robustness.sandbox import harmless
from tests.runtime.serve.conftest import application, serving

INFER = "/v2/models/lenet5/infer"
PICTURE = specimens.pictures()["PNG L"]
BINARY = {"name": "images", "shape": [1, 1, 28, 28], "datatype": "UINT8"}
TENSOR = BINARY | {"data": [0, 255] * 392}
BODY = json.dumps({"id": "a", "inputs": [TENSOR], "outputs": [{"name": "probabilities"}]}).encode()
HEAD = json.dumps({"inputs": [BINARY | {"parameters": {"binary_data_size": 784}}]}).encode()
FORM = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
    b"Content-Type: image/png\r\n\r\n" + PICTURE + b"\r\n--x--\r\n"
)
FORM_TYPE = "multipart/form-data; boundary=x"


@pytest.fixture(scope="module")
def client(classifier: Classifier) -> Iterator[TestClient]:
    """A client that calls the app without a socket, so that bugs raise their exceptions."""
    with TestClient(application(classifier)) as client:
        for path, content in (("/predict", PICTURE), ("/read", PICTURE), (INFER, BODY)):
            assert client.post(path, content=content).status_code == 200
        yield client


def is_ok(answer: Response) -> bool:
    """Return whether the status is 200; otherwise it must be a client error with a message."""
    assert answer.status_code < 500
    if answer.status_code == 200:
        return True
    [(key, message)] = answer.json().items()
    assert key == "error" and message and "\n" not in message
    return False


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("/predict", PICTURE, {}),
        ("/read", PICTURE, {}),
        ("/predict", FORM, {"content-type": FORM_TYPE}),
        (INFER, BODY, {}),
        (INFER, HEAD + bytes(784), {"inference-header-content-length": str(len(HEAD))}),
    ],
    ids=["predict", "read", "form", "infer", "binary tensor"],
)
def test_mutated_bodies(
    client: TestClient, path: str, body: bytes, headers: dict[str, str]
) -> None:
    statuses = set()
    for name, raw in corpus.all_mutants({path: body}, 200):
        with harmless(name):
            statuses.add(is_ok(client.post(path, content=raw, headers=headers)))
    assert statuses == {True, False}


def test_mutated_headers(client: TestClient) -> None:
    headers = {
        "content-type": b"multipart/form-data; boundary=x; charset=utf-8",
        "inference-header-content-length": b"%d" % len(BODY),
        "content-length": b"%d" % len(FORM),
        "content-encoding": b"identity",
    }
    for header in headers:
        for name, value in corpus.all_mutants({header: headers[header]}, 50):
            for path, content in (("/predict", FORM), (INFER, BODY)):
                with harmless(name):
                    both = [(b"content-type", FORM_TYPE.encode()), (header.encode(), value)]
                    is_ok(client.post(path, content=content, headers=both))


def test_mutated_urls(client: TestClient) -> None:
    for name, raw in corpus.all_mutants({"address": b"/v2/models/lenet5/versions/1?a=1"}, 200):
        with harmless(name):
            is_ok(client.get("http://testserver/" + quote_from_bytes(raw[1:])))
            is_ok(client.post("/predict?frame=" + quote_from_bytes(raw), content=PICTURE))


@pytest.fixture
def port(classifier: Classifier) -> Iterator[int]:
    """The port of a running server, with short timeouts."""
    with serving(classifier, keepalive_timeout=1, header_timeout=1, body_timeout=1) as (_, port):
        yield port


def ask(port: int, request: bytes) -> bytes:
    """Return everything received until the server closes the connection."""
    received = b""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=60) as client,
        suppress(ConnectionError),
    ):
        client.sendall(request)
        while part := client.recv(65536):
            received += part
    return received


def test_mutated_requests_on_socket(port: int) -> None:
    """Request lines are mutated, too, which the test client would write itself."""
    head = b"POST /predict?frame=true HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
    plain = head + b"content-length: %d\r\n\r\n" % len(PICTURE) + PICTURE
    chunked = head + b"transfer-encoding: chunked\r\n\r\n%x\r\n" % len(PICTURE) + PICTURE
    chunked += b"\r\n0\r\n\r\n"
    assert all(ask(port, request).startswith(b"HTTP/1.1 200") for request in (plain, chunked))
    mutants = corpus.all_mutants({"plain": plain, "chunked": chunked}, 150)
    statuses = set()
    with ThreadPoolExecutor(100) as clients:
        for batch in iter(lambda: list(islice(mutants, 100)), []):
            with harmless(f"{batch[0][0]} and {len(batch) - 1} more"):
                answers = clients.map(lambda named: ask(port, named[1]), batch)
                for (name, _), answer in zip(batch, answers, strict=True):
                    assert answer == b"" or answer.startswith(b"HTTP/1.1 "), name
                    assert answer[9:10] != b"5" or answer[9:12] == b"505", name  # the version
                    statuses.add(answer[9:10])
    assert {b"2", b"4"} <= statuses
    assert ask(port, plain).startswith(b"HTTP/1.1 200")
