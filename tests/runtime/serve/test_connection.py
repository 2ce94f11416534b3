import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from digits.classifier import Classifier
from digits.errors import DigitsError
from digits.serve import limits
from digits.serve.server import configured, listening
from tests.served import served

GET = b"GET /v2 HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.fixture
def port(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server that has less patience than it usually has."""
    monkeypatch.setattr(limits, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.5)
    monkeypatch.setattr(limits, "IDLE_SECONDS", 2)
    monkeypatch.setattr(limits, "READ_SECONDS", 0.5)
    monkeypatch.setattr(limits, "CONNECTIONS", 20)
    server = configured(classifier)
    with listening("127.0.0.1", 0) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)  # of its connections too
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


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


def test_after_an_answer_half_a_head_has_its_time_too(port: int) -> None:
    with connect(port) as client:
        get(client)
        client.sendall(b"\r\n")
        started = time.monotonic()
        everything(client)
        assert 0.3 < time.monotonic() - started < 1.5


@pytest.mark.parametrize("start", [b"", b"GET", b"GET /v2 HTTP/1.1\r\nhost", b"\r\n"])
def test_half_a_head_has_its_time(port: int, start: bytes) -> None:
    with connect(port) as client:
        client.sendall(start)
        started = time.monotonic()
        everything(client)
        assert 0.3 < time.monotonic() - started < 1.5


def test_drops_of_a_head_do_not_prolong_it(port: int) -> None:
    with connect(port) as client:
        started = time.monotonic()
        client.settimeout(0.1)
        closed = False
        while not closed and time.monotonic() - started < 5:
            try:
                client.sendall(b"x: y\r\n" if time.monotonic() - started > 0.2 else b"")
                if time.monotonic() - started < 0.05:
                    client.sendall(GET[:-2])
                closed = client.recv(100) == b""
            except TimeoutError:
                pass
            except ConnectionError:
                closed = True
        assert time.monotonic() - started < 1.5


def test_drops_of_a_body_do_not_prolong_it(port: int) -> None:
    with connect(port) as client:
        client.sendall(b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n")
        started = time.monotonic()
        client.settimeout(0.1)
        received = b""
        while b"\r\n\r\n" not in received:
            client.sendall(b"x")
            with suppress(TimeoutError):
                received += client.recv(65536)
        assert received.startswith(b"HTTP/1.1 408")
        assert 0.3 < time.monotonic() - started < 1.5
        client.settimeout(10)
        everything(client)  # it is closed


def test_a_connection_is_kept_between_requests_but_not_for_ever(port: int) -> None:
    with connect(port) as client:
        for _ in range(3):
            assert get(client).startswith(b"HTTP/1.1 200")
            time.sleep(0.7)  # longer than a head may take
        started = time.monotonic()
        assert everything(client) == b""
        assert time.monotonic() - started < 3


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


@pytest.mark.parametrize(("seconds", "all_of_it"), [(0, True), (1.5, False)])
def test_who_does_not_read_is_cut_off(port: int, seconds: float, all_of_it: bool) -> None:
    requests = 90  # 2 MB of answers, more than the system keeps for a client
    get = b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n"
    with connect(port) as client:
        client.sendall(get * requests)
        time.sleep(seconds)
        assert (everything(client).count(b"HTTP/1.1 200") == requests) == all_of_it
    assert serves(port)


def test_only_so_many_requests_may_wait_for_an_answer(port: int) -> None:
    with connect(port) as client:
        client.sendall(GET * 5000)
        assert everything(client).count(b"HTTP/1.1 200") < 200
    assert serves(port)


def test_there_are_only_so_many_connections(port: int) -> None:
    clients = [connect(port) for _ in range(20)]
    time.sleep(0.1)
    with connect(port) as one_more:
        answer = everything(one_more)
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"\r\nx-content-type-options: nosniff\r\n" in answer
    for client in clients:
        client.close()
    time.sleep(0.1)
    assert serves(port)


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
def test_what_is_not_http(port: int, nonsense: bytes) -> None:
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
