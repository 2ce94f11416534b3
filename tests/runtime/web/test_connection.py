"""HTTP on sockets: what hostile and broken clients get, and what a stopping server answers."""

import json
import select
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from digits.errors import DigitsError
from digits.web.server import Server, make_server
from tests.conftest import Patch
from tests.runtime.web.conftest import DOCUMENT, MAX_BYTES, Echo, serving
from tests.waiting import wait_until

pytestmark = pytest.mark.slow  # they wait for limits of time

Running = tuple[Server, int]

GET = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"
LONG = GET.replace(b"/health", b"/document")
CLOSE = b"connection: close\r\n\r\n"
LAST = GET[:-2] + CLOSE
POST = b"POST /echo HTTP/1.1\r\nhost: localhost\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n"
UPGRADE = b"connection: upgrade\r\nupgrade: h2c\r\n"
EMPTY_LIST = b"2\r\n[]\r\n0\r\n\r\n"
# 2 MB of answers, more than the socket buffers hold.
MANY = LONG * 170


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """A server whose limits no test exceeds."""
    with serving() as running:
        yield running


@pytest.fixture
def port(running: Running) -> int:
    return running[1]


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def receive_until_closed(client: socket.socket) -> bytes:
    received = b""
    with suppress(ConnectionError):
        while chunk := client.recv(65536):
            received += chunk
    return received


def get(client: socket.socket) -> bytes:
    """Return the head and the body of an answer."""
    client.sendall(GET)
    received = b""
    while not received.endswith(b"}"):
        received += client.recv(65536) or b"}"
    return received


def wait_for_connections(server: Server, count: int) -> None:
    wait_until(lambda: len(server.server_state.connections) == count)


def ask(port: int, *packets: bytes, half_close: bool = False) -> bytes:
    """Send packets; return everything received until the server closes the connection."""
    with connect(port) as client:
        for packet in packets:
            client.sendall(packet)
            time.sleep(0.1 * (len(packets) > 1))  # or the kernel would join them
        if half_close:
            client.shutdown(socket.SHUT_WR)
        return receive_until_closed(client)


def statuses(received: bytes) -> list[int]:
    return [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]


def is_serving(port: int) -> bool:
    return statuses(ask(port, LAST)) == [200]


@pytest.mark.parametrize(
    ("sent", "answers"),
    [
        # one Host, except in HTTP 1.0, which needs none
        ([b"GET / HTTP/1.1\r\n\r\n"], [400]),
        ([GET[:-2] + b"Host: localhost\r\n\r\n"], [400]),
        ([b"GET / HTTP/1.0\r\n\r\n"], [200]),
        # another protocol
        ([GET.replace(b" HTTP/1.1", b"")], [505]),
        ([GET.replace(b"1.1", b"1.2")], [400]),
        ([GET * 2 + GET.replace(b"1.1", b"2.0")], [200, 200, 505]),
        ([b"\r\n" + GET, b"\r", b"\n\r\n" + LAST], [200, 200]),
        (  # the second with a body that looks like a request
            [GET[:-2] + UPGRADE + b"\r\n" + POST + UPGRADE]
            + [b"content-length: %d\r\n\r\n" % len(GET) + GET + LAST],
            [200, 200, 200],
        ),
        ([CHUNKED + UPGRADE + b"\r\n" + EMPTY_LIST + LAST], [200, 200]),
        ([b"CONNECT / HTTP/1.1\r\nhost: localhost\r\n\r\n" + LAST], [400]),
        # where a body ends
        *(
            ([POST + b"transfer-encoding: " + codings + b"\r\n\r\n" + EMPTY_LIST + LAST], [400])
            for codings in (b"identity", b"gzip, chunked", b"gzip\r\ntransfer-encoding: chunked")
        ),
        ([CHUNKED + b"content-length: 3\r\n\r\n" + EMPTY_LIST + LAST], [400]),
        ([CHUNKED + b"\r\n2\r\n[]\r\n0\r\nhost: evil.example\r\n\r\n" + LAST], [200, 200]),
        ([CHUNKED + b"\r\n" + b"5\r\n     \r\n" * 100_000 + b"0\r\n\r\n" + LAST], [200, 200]),
        ([CHUNKED + b"\r\n61A80\r\n" + b"\r\n\r\n" * 100_000 + b"\r\n0\r\n\r\n"], [431]),
        # requests that follow each other
        ([MANY + LAST], [200] * 171),
        (
            [GET * 200 + POST + b"content-length: 600000\r\n\r\n" + b" " * 600_000 + LAST],
            [200] * 202,
        ),
        *(
            ([GET * count + GET[:-2] + b"x: " + b"a" * size + b"\r\n\r\n"], [200] * count + [431])
            for count, size in ((0, 32_768), (2, 32_768))
        ),
        # headers without an end
        *(
            ([start + b"x" * 40_000], [431])
            for start in (GET[:-2], CHUNKED + b"\r\n0\r\nx: ", CHUNKED + b"\r\n1;x=")
        ),
        # too large: refused before it is sent
        (
            [POST + b"expect: 100-continue\r\n"]
            + [b"content-length: %d\r\n\r\n" % (MAX_BYTES + 1)],
            [413],
        ),
    ],
)
def test_answers(port: int, sent: list[bytes], answers: list[int]) -> None:
    received = ask(port, *sent)
    assert statuses(received) == answers
    if answers == [400]:
        head, _, body = received.partition(b"\r\n\r\n")
        assert b"application/json" in head and list(json.loads(body)) == ["error"]
    assert is_serving(port)


def test_client_that_sends_no_more_gets_its_answers(running: Running) -> None:
    server, port = running
    for count in (1, 3):
        assert statuses(ask(port, GET * count, half_close=True)) == [200] * count
    assert ask(port, GET[:-2], half_close=True) == b""
    assert ask(port, POST + b"content-length: 9\r\n\r\n[", half_close=True) == b""
    wait_for_connections(server, 0)


def test_pipelined_requests_wait_in_the_socket(port: int) -> None:
    """They take no more memory than one packet of them, however many there are."""
    sent = 0
    with connect(port) as client:
        client.settimeout(0.5)
        with suppress(TimeoutError):  # as it reads no answer
            while sent < 32 << 20:
                sent += client.send(GET * 1000)
    assert sent < 32 << 20


@pytest.fixture(scope="module")
def impatient() -> Iterator[Running]:
    """A server that waits half a second for a request."""
    with serving(header_timeout=0.5, body_timeout=0.5) as running:
        yield running


@pytest.mark.parametrize(
    ("start", "chunk", "answers"),
    [
        (b"", b"", []),
        (GET[:-2], b"x: y\r\n", []),
        (GET + b"GET", b"", [200]),
        (POST + b"content-length: 100000\r\n\r\n", b"x", [408]),
    ],
)
def test_slow_request(impatient: Running, start: bytes, chunk: bytes, answers: list[int]) -> None:
    server, port = impatient
    started = time.monotonic()
    with connect(port) as client:
        client.sendall(start)
        with suppress(ConnectionError):
            for _ in range(1200):  # for a minute, if it weren't disconnected
                if select.select([client], [], [], 0.05)[0]:
                    break
                client.sendall(chunk)
        received = receive_until_closed(client)
    assert statuses(received) == answers and time.monotonic() - started > 0.4
    wait_for_connections(server, 0)


def test_unread_answers_outlast_a_slow_header(impatient: Running) -> None:
    """The last answer to one of the clients is the first that its socket can't hold."""
    server, port = impatient
    connections: Any = server.server_state.connections

    def is_stuck(connection: Any) -> bool:
        is_left = connection.is_busy or connection.transport.is_closing()
        return bool(is_left and connection.transport.get_write_buffer_size())

    with ExitStack() as opened, ThreadPoolExecutor(50) as threads:
        clients = [opened.enter_context(connect(port)) for _ in range(50)]
        for count, client in enumerate(clients):
            client.sendall(LONG * count + b"GET")
        wait_until(lambda: len(connections) > 0 and all(map(is_stuck, [*connections])))
        received = threads.map(receive_until_closed, clients)
        assert [answers.count(DOCUMENT) for answers in received] == list(range(50))


def test_stalled_reader_is_disconnected() -> None:
    with serving(send_timeout=0.5) as (server, port), connect(port) as client:
        wait_for_connections(server, 1)
        client.sendall(MANY * 4)
        wait_for_connections(server, 0)
        assert len(statuses(receive_until_closed(client))) < 680
        assert is_serving(port)


@pytest.fixture(scope="module")
def crowded() -> Iterator[Running]:
    """A server that accepts 20 connections."""
    with serving(max_connections=20, header_timeout=60) as running:
        yield running


def open_busy_connection(port: int) -> socket.socket:
    """Open a connection whose request has been accepted and still lacks its body."""
    client = connect(port)
    client.sendall(POST + b"expect: 100-continue\r\ncontent-length: 9\r\n\r\n")
    assert client.recv(65536).startswith(b"HTTP/1.1 100")
    return client


def test_too_many_busy_connections_return_503(crowded: Running) -> None:
    server, port = crowded
    with ExitStack() as clients:
        for _ in range(20):
            clients.enter_context(open_busy_connection(port))
        assert statuses(ask(port, LONG)) == [503]
        assert is_serving(port)  # the health check
    wait_for_connections(server, 0)
    assert is_serving(port)


@pytest.mark.parametrize("start", [b"GET /hea", GET])
def test_idle_connections_are_evicted_when_full(crowded: Running, start: bytes) -> None:
    server, port = crowded
    wait_for_connections(server, 0)
    with ExitStack() as opened:
        clients = [opened.enter_context(connect(port)) for _ in range(20)]
        for client in clients:
            if start == GET:
                get(client)
            else:
                client.sendall(start)
        wait_for_connections(server, 20)
        for _ in range(5):
            assert is_serving(port)
        [closed, *_] = select.select(clients, [], [], 60)[0]
        assert closed is clients[0] and receive_until_closed(closed) == b""


@pytest.mark.unix
def test_too_few_open_files_raise_digits_error(monkeypatch: Patch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda of: (300, 300))
    monkeypatch.setattr("resource.setrlimit", lambda of, to: None)
    with pytest.raises(DigitsError, match=r"only 300 are allowed: raise `ulimit -n`"):
        make_server(Echo())


def test_stopping_server_answers_each_connection_once_more() -> None:
    with serving() as (server, port), ExitStack() as opened:
        idle, silent, busy = connect(port), connect(port), open_busy_connection(port)
        for client in (idle, silent, busy):
            opened.enter_context(client)
        assert b"connection: close" not in get(idle)
        wait_for_connections(server, 3)
        server.grace, server.should_exit = 60, True
        wait_until(lambda: b"connection: close" in get(opened.enter_context(connect(port))))
        for client in (idle, silent, connect(port)):  # of which the last comes too late
            client.sendall(GET)
            answer = receive_until_closed(client)
            assert statuses(answer) == [200] and b"\r\nconnection: close\r\n" in answer
        busy.sendall(b"no number")
        answer = receive_until_closed(busy)
        assert statuses(answer) == [200] and b"\r\nconnection: close\r\n" in answer


def test_stopping_server_accepts_what_waits(monkeypatch: Patch) -> None:
    with serving() as (server, port), ExitStack() as opened:
        clients, begin = [], server.app.stop

        def open_connections_and_begin() -> None:
            for _ in range(100):
                clients.append(opened.enter_context(connect(port)))
                clients[-1].sendall(GET)
            begin()

        assert is_serving(port)
        wait_for_connections(server, 0)
        monkeypatch.setattr(server.app, "stop", open_connections_and_begin)
        server.grace, server.should_exit = 60, True
        wait_until(lambda: len(clients) == 100)
        assert all(statuses(receive_until_closed(client)) == [200] for client in clients)
