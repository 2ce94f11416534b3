"""Hostile and broken clients neither block the server nor make it leak memory."""

import io
import random
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from tests.served import Served, served


def blank_like(page: bytes) -> bytes:
    """A JPEG without ink, as large as another picture."""
    file = io.BytesIO()
    Image.new("L", Image.open(io.BytesIO(page)).size, 200).save(file, "JPEG")
    return file.getvalue()


PAGE = (Path(__file__).parent.parent / "pictures" / "2.jpg").read_bytes()
BLANK = blank_like(PAGE)
HEAD = "POST {} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n"
INFER = "/v2/models/lenet5/infer"
UPLOADS = 5000
MAX_GROWTH = 20e6  # bytes; so many leaked uploads would take 35e6


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served("--workers", "1") as server:  # the second would start at any time
        for _ in range(2):  # to reach its peak of memory
            abort_uploads(server)
            wait_for_read(server)
            # Where there seem to be no digits, the page is looked at more closely.
            assert ask(server, head("/read", len(BLANK)) + BLANK) == 200
        yield server


@pytest.fixture(autouse=True)
def server_still_serves(server: Served) -> Iterator[None]:
    before = server.resident
    yield
    wait_for_read(server)
    assert server.resident - before < MAX_GROWTH


def wait_for_read(server: Served) -> None:
    while (status := ask(server, head("/read", len(PAGE)) + PAGE)) == 503:  # still at its limit
        time.sleep(0.1)
    assert status == 200


def head(path: str, length: int) -> bytes:
    return HEAD.format(path, length).encode()


def connect(server: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=60)


def ask(server: Served, request: bytes) -> int:
    """Return the status, or 0 if the connection is closed without an answer."""
    with connect(server) as client, suppress(ConnectionError):
        client.sendall(request)
        answer = client.recv(65536)
        return int(answer.split()[1]) if answer else 0
    return 0


def test_aborted_uploads_leak_no_memory(server: Served) -> None:
    abort_uploads(server)


def abort_uploads(server: Served) -> None:
    noise = random.Random(0)
    for number in range(UPLOADS):
        if number % 50 == 0:  # wait until it has accepted the others: its backlog is limited
            ask(server, b"GET /v2 HTTP/1.1\r\nhost: localhost\r\n\r\n")
        with connect(server) as client:
            client.sendall(head("/predict", len(PAGE)) + PAGE[: noise.randrange(len(PAGE))])
            if number % 2:  # reset the connection
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
