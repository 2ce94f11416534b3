"""Mutated requests to `digits serve`."""

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from urllib.parse import quote_from_bytes

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from digits.classifier import Classifier
from digits.serve.app import App
from digits.serve.server import bind, make_server
from digits.serve.settings import Settings
from tests.robustness import corpus, specimens
from tests.robustness.sandbox import harmless
from tests.runtime.serve.conftest import application

INFER = "/v2/models/lenet5/infer"
PICTURE = specimens.pictures()["PNG L"]
TENSOR = {"name": "images", "shape": [1, 1, 28, 28], "datatype": "UINT8", "data": [0, 255] * 392}
BODY = json.dumps({"id": "a", "inputs": [TENSOR], "outputs": [{"name": "probabilities"}]}).encode()
FORM = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
    b"Content-Type: image/png\r\n\r\n" + PICTURE + b"\r\n--x--\r\n"
)
FORM_TYPE = {"content-type": "multipart/form-data; boundary=x"}


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier()


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


def statuses(client: TestClient, path: str, specimen: bytes, **headers: str) -> set[bool]:
    """Return the results of `is_ok` for mutants of a body."""
    found = set()
    for name, raw in corpus.all_mutants({path: specimen}, 200):
        with harmless(name):
            found.add(is_ok(client.post(path, content=raw, headers=headers)))
    return found


@pytest.mark.parametrize(
    ("path", "body"), [("/predict", PICTURE), ("/read", PICTURE), (INFER, BODY)]
)
def test_mutated_bodies(client: TestClient, path: str, body: bytes) -> None:
    assert statuses(client, path, body) == {True, False}


def test_mutated_forms(client: TestClient) -> None:
    assert statuses(client, "/predict", FORM, **FORM_TYPE) == {True, False}


def test_mutated_binary_tensor_requests(client: TestClient) -> None:
    tensor = {key: value for key, value in TENSOR.items() if key != "data"}
    head = json.dumps({"inputs": [tensor | {"parameters": {"binary_data_size": 784}}]}).encode()
    length = {"inference-header-content-length": str(len(head))}
    assert statuses(client, INFER, head + bytes(784), **length) == {True, False}


def test_mutated_headers(client: TestClient) -> None:
    specimens = {
        "content-type": b"multipart/form-data; boundary=x; charset=utf-8",
        "inference-header-content-length": b"%d" % len(BODY),
        "content-length": b"%d" % len(FORM),
        "content-encoding": b"identity",
    }
    for header, specimen in specimens.items():
        for name, value in corpus.all_mutants({header: specimen}, 50):
            for path, content in (("/predict", FORM), (INFER, BODY)):
                with harmless(name):
                    form_type = [(key.encode(), text.encode()) for key, text in FORM_TYPE.items()]
                    headers = [*form_type, (header.encode(), value)]
                    is_ok(client.post(path, content=content, headers=headers))


def test_mutated_urls(client: TestClient) -> None:
    for name, raw in corpus.all_mutants({"address": b"/v2/models/lenet5/versions/1?a=1"}, 200):
        with harmless(name):
            is_ok(client.get("http://testserver/" + quote_from_bytes(raw[1:])))
            is_ok(client.post("/predict?frame=" + quote_from_bytes(raw), content=PICTURE))


@pytest.mark.parametrize(
    "value",
    [None, True, -1, 0, 2**63, 2**1000, 1e308, "", "\ud800", [], {}, [[]], [[[[[0]]]]], {"a": 1}],
)
def test_json_values_of_other_types(client: TestClient, value: object) -> None:
    whole = json.loads(BODY)
    for key in TENSOR:
        other = whole | {"inputs": [TENSOR | {key: value}]}
        with harmless(f"{key} {value!r}"):
            assert not is_ok(client.post(INFER, content=json.dumps(other)))
    for place in range(4):
        shape: list[object] = [1, 1, 28, 28]
        shape[place] = value
        other = whole | {"inputs": [TENSOR | {"shape": shape}]}
        with harmless(f"shape {value!r}"):
            assert not is_ok(client.post(INFER, content=json.dumps(other)))
    for key in ("id", "inputs", "outputs", "parameters"):
        with harmless(f"{key} {value!r}"):
            is_ok(client.post(INFER, content=json.dumps(whole | {key: value})))


@pytest.fixture
def settings() -> Settings:
    """Settings with a short keep-alive timeout."""
    return Settings(port=0, keepalive_timeout=1)


@pytest.fixture
def port(classifier: Classifier, settings: Settings) -> Iterator[int]:
    """The port of a running server."""
    server = make_server(App(settings, classifier))
    with bind(settings) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


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


def test_mutated_requests_on_socket(
    port: int, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Request lines are mutated, too, which the test client would write itself."""
    head = b"POST /predict?frame=true HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
    plain = head + b"content-length: %d\r\n\r\n" % len(PICTURE) + PICTURE
    chunked = head + b"transfer-encoding: chunked\r\n\r\n%x\r\n" % len(PICTURE) + PICTURE
    chunked += b"\r\n0\r\n\r\n"
    assert all(ask(port, request).startswith(b"HTTP/1.1 200") for request in (plain, chunked))
    mutants = corpus.all_mutants({"plain": plain, "chunked": chunked}, 150)
    found = set()
    with ThreadPoolExecutor(32) as clients, monkeypatch.context() as patch:
        patch.setattr(settings, "header_timeout", 0.3)
        patch.setattr(settings, "body_timeout", 0.3)
        for many in iter(lambda: list(islice(mutants, 100)), []):
            with harmless(f"{many[0][0]} and {len(many) - 1} more"):
                answers = clients.map(lambda named: ask(port, named[1]), many)
                for (name, _), answer in zip(many, answers, strict=True):
                    assert answer == b"" or answer.startswith(b"HTTP/1.1 "), name
                    assert answer[9:10] != b"5" or answer[9:12] == b"505", name  # the version
                    found.add(answer[9:10])
    assert {b"2", b"4"} <= found
    assert ask(port, plain).startswith(b"HTTP/1.1 200")
