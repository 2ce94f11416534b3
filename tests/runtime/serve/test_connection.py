import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from uvicorn import Server

from digits.classifier import Classifier
from digits.errors import DigitsError
from digits.serve import limits
from digits.serve.server import configured, listening
from tests.served import served

GET = b"GET /v2 HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.fixture
def idle() -> int:
    """Seconds that a connection is kept between two requests."""
    return 60


@pytest.fixture
def server(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch, idle: int
) -> Iterator[tuple[Server, int]]:
    """A server and its port. It has patience; what a test is about is made short there."""
    for name in ("HEAD_SECONDS", "BODY_SECONDS", "READ_SECONDS"):
        monkeypatch.setattr(limits, name, 60)
    monkeypatch.setattr(limits, "IDLE_SECONDS", idle)
    monkeypatch.setattr(limits, "CONNECTIONS", 20)
    server = configured(classifier)
    with listening("127.0.0.1", 0) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)  # of its connections too
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield server, listener.getsockname()[1]
        server.should_exit = True
        thread.join(60)
        assert not thread.is_alive()


@pytest.fixture
def port(server: tuple[Server, int]) -> int:
    return server[1]


def until_connected(server: Server, count: int) -> None:
    """Wait until so many connections are open."""
    while len(server.server_state.connections) != count:
        time.sleep(0.01)


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def everything(client: socket.socket) -> bytes:
    """What comes until the server closes the connection."""
    received = b""
    with suppress(ConnectionError):
        while chunk := client.recv(65536):
            received += chunk
    return received


def get(client: socket.socket) -> bytes:
    """The answer to GET, head and body."""
    client.sendall(GET)
    received = b""
    while not received.endswith(b"}"):
        received += client.recv(65536) or b"}"
    return received


def serves(port: int) -> bool:
    with connect(port) as client:
        return get(client).startswith(b"HTTP/1.1 200")


def test_after_an_answer_half_a_head_has_its_time_too(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(port) as client:
        get(client)
        monkeypatch.setattr(limits, "HEAD_SECONDS", 0.5)
        started = time.monotonic()
        client.sendall(b"\r\n")
        everything(client)
        assert time.monotonic() - started > 0.4


@pytest.mark.parametrize("start", [b"", b"GET", b"GET /v2 HTTP/1.1\r\nhost", b"\r\n"])
def test_half_a_head_has_its_time(port: int, monkeypatch: pytest.MonkeyPatch, start: bytes) -> None:
    monkeypatch.setattr(limits, "HEAD_SECONDS", 0.5)
    started = time.monotonic()
    with connect(port) as client, suppress(ConnectionError):
        client.sendall(start)
        everything(client)
    assert time.monotonic() - started > 0.4


def drop(client: socket.socket, drops: bytes) -> bytes:
    """Send them again and again, until something comes or the connection is closed."""
    client.settimeout(0.05)
    for _ in range(1000):
        with suppress(ConnectionError):
            client.sendall(drops)
        try:
            return client.recv(65536)
        except TimeoutError:
            pass
        except ConnectionError:
            return b""
    pytest.fail("it waits for ever")


def test_drops_of_a_head_do_not_prolong_it(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HEAD_SECONDS", 0.5)
    with connect(port) as client:
        client.sendall(GET[:-2])
        assert drop(client, b"x: y\r\n") == b""


def test_drops_of_a_body_do_not_prolong_it(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.5)
    started = time.monotonic()
    with connect(port) as client:
        client.sendall(b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n")
        assert drop(client, b"x").startswith(b"HTTP/1.1 408")
        assert time.monotonic() - started > 0.4
        client.settimeout(30)
        everything(client)  # it is closed


@pytest.mark.slow
@pytest.mark.parametrize("idle", [3])
def test_a_connection_is_kept_between_requests_but_not_for_ever(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(port) as client:
        assert get(client).startswith(b"HTTP/1.1 200")
        monkeypatch.setattr(limits, "HEAD_SECONDS", 0.1)
        for _ in range(2):
            time.sleep(0.3)  # longer than a head may take
            assert get(client).startswith(b"HTTP/1.1 200")
        assert everything(client) == b""


@pytest.mark.parametrize(
    "start",
    [
        b"GET /",  # and no end
        b"GET / HTTP/1.1\r\nx: ",
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 100_000,
        b"POST /predict HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: ",
        b"POST /predict HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1;x=",
    ],
)
def test_a_head_has_a_limit(port: int, start: bytes) -> None:
    with connect(port) as client, suppress(ConnectionError):
        client.sendall(start)
        for _ in range(1000):  # 64 MB
            client.sendall(b"x" * 65536)
        pytest.fail("it took everything")
    assert serves(port)


REQUESTS = 90
# 2 MB of answers, more than the system keeps for a client.
MUCH = b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n" * REQUESTS


def test_who_reads_late_gets_everything(port: int) -> None:
    with connect(port) as client:
        client.sendall(MUCH + GET[:-2] + b"connection: close\r\n\r\n")
        assert everything(client).count(b"HTTP/1.1 200") == REQUESTS + 1


def test_who_does_not_read_is_cut_off(
    server: tuple[Server, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "READ_SECONDS", 0.5)
    running, port = server
    with connect(port) as client:
        until_connected(running, 1)
        client.sendall(MUCH)
        until_connected(running, 0)
        assert everything(client).count(b"HTTP/1.1 200") < REQUESTS
    assert serves(port)


def test_only_so_many_requests_may_wait_for_an_answer(port: int) -> None:
    with connect(port) as client:
        with suppress(ConnectionError):
            client.sendall(GET * 5000)
        assert everything(client).count(b"HTTP/1.1 200") < 200
    assert serves(port)


def test_there_are_only_so_many_connections(server: tuple[Server, int]) -> None:
    running, port = server
    clients = [connect(port) for _ in range(20)]
    until_connected(running, 20)
    with connect(port) as one_more:
        answer = everything(one_more)
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"\r\nx-content-type-options: nosniff\r\n" in answer
    for client in clients:
        client.close()
    until_connected(running, 0)
    assert serves(port)


@pytest.mark.slow
def test_more_connections_than_open_files() -> None:
    """asyncio once took all that waited, for which there were no files, and never recovered."""
    with served(files=310) as server:
        for client in [connect(server.port) for _ in range(400)]:
            client.close()
        attempts = (serves(server.port) or time.sleep(0.05) for _ in range(200))
        assert any(attempts)  # as soon as it has seen that the others are closed


def test_too_few_open_files_are_an_error(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda of: (64, 64))
    monkeypatch.setattr(resource, "setrlimit", lambda of, to: None)
    with pytest.raises(DigitsError, match=r"only 64 are allowed: raise `ulimit -n`"):
        configured(classifier)


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x00" * 100,
        b"PRI * HTTP/2.0\r\n\r\n",
    ],
)
def test_what_is_not_http(port: int, monkeypatch: pytest.MonkeyPatch, nonsense: bytes) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(limits, "HEAD_SECONDS", 0.5)  # after the first line, more might come
        with connect(port) as client:
            client.sendall(nonsense)
            assert everything(client)[:12] in (b"HTTP/1.1 400", b"")
    assert serves(port)


def test_requests_in_one_packet_are_answered_in_their_order(port: int) -> None:
    with connect(port) as client:
        client.sendall(
            GET.replace(b"/v2", b"/none") + GET * 30 + GET[:-2] + b"connection: close\r\n\r\n"
        )
        received = everything(client)
        assert received.startswith(b"HTTP/1.1 404")
        assert received.count(b"HTTP/1.1 200") == 31
