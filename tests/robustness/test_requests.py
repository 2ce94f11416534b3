"""Mutated requests to `digits serve`."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from urllib.parse import quote_from_bytes

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from digits.classifier import Classifier
from digits.errors import DigitsError
from tests.robustness import specimens
from tests.robustness.mutants import Door, mutants
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
FORM_TYPE = {"content-type": "multipart/form-data; boundary=x"}


@cache
def client() -> TestClient:
    """Calls the app without a socket, so that bugs raise their exceptions."""
    return TestClient(application(Classifier()))


def check_answer(path: Path, answer: Response) -> None:
    """Any status but 200 must be a client error with a message."""
    assert answer.status_code < 500
    if answer.status_code != 200:
        [(key, message)] = answer.json().items()
        assert key == "error" and message
        raise DigitsError(f"{path}: {message}")


def post(path: Path, url: str, headers: dict[str, str] | None = None) -> None:
    check_answer(path, client().post(url, content=path.read_bytes(), headers=headers))


def send_header(path: Path, header: str) -> None:
    headers = {**FORM_TYPE, header: path.read_bytes().decode("latin-1")}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    for url, content in (("/predict", FORM), (INFER, BODY)):
        check_answer(path, client().post(url, content=content, headers=raw))


def post_query(path: Path) -> None:
    query = quote_from_bytes(path.read_bytes(), "=&%")
    check_answer(path, client().post(f"/read?{query}", content=PICTURE))


PNG = {"picture": PICTURE}
QUERY = rb"frame=true&length=1-2&pattern=\d+&check=&range=0-9"
BINARY_LENGTH = {"inference-header-content-length": str(len(HEAD))}
DOORS = {
    "POST /predict": Door(PNG, partial(post, url="/predict"), 50),
    "POST /read": Door(PNG, partial(post, url="/read"), 50),
    "form": Door({"form": FORM}, partial(post, url="/predict", headers=FORM_TYPE), 80),
    "infer": Door({"infer": BODY}, partial(post, url=INFER), 80),
    "tensor": Door({"": HEAD + bytes(784)}, partial(post, url=INFER, headers=BINARY_LENGTH), 80),
    "query": Door({"query": QUERY}, post_query, 50),
    **{
        header: Door({header: value}, partial(send_header, header=header), 50, taken=taken)
        for header, value, taken in (
            ("content-type", b"multipart/form-data; boundary=x; charset=utf-8", {True, False}),
            ("inference-header-content-length", b"%d" % len(BODY), {False}),
            ("content-length", b"%d" % len(FORM), {True, False}),
            ("content-encoding", b"identity", {False}),
        )
    },
}


@pytest.mark.parametrize("name", DOORS)
def test_mutants_are_answered(name: str, tmp_path: Path) -> None:
    DOORS[name].check(tmp_path)


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


def test_mutated_requests_on_socket(classifier: Classifier) -> None:
    """Request lines are mutated, too, which the test client would write itself."""
    head = b"POST /predict?frame=true HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
    plain = head + b"content-length: %d\r\n\r\n" % len(PICTURE) + PICTURE
    chunked = head + b"transfer-encoding: chunked\r\n\r\n%x\r\n" % len(PICTURE) + PICTURE
    requests = {"plain": plain, "chunked": chunked + b"\r\n0\r\n\r\n"}
    mutated = [raw for _, raw in mutants(requests, 150)]
    short = {"keepalive_timeout": 1, "header_timeout": 1, "body_timeout": 1}
    with serving(classifier, **short) as (_, port), ThreadPoolExecutor(100) as clients:
        ask_here = partial(ask, port)
        assert all(ask_here(raw).startswith(b"HTTP/1.1 200") for raw in requests.values())
        with harmless("requests"):
            answers = [*clients.map(ask_here, mutated)]
        assert ask_here(plain).startswith(b"HTTP/1.1 200")
    for raw, answer in zip(mutated, answers, strict=True):
        assert answer == b"" or answer.startswith(b"HTTP/1.1 "), raw
        assert answer[9:10] != b"5" or answer[9:12] == b"505", raw  # the version
    assert {b"2", b"4"} <= {answer[9:10] for answer in answers}
