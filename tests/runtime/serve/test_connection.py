import json
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from digits.classifier import Classifier
from digits.errors import DigitsError
from digits.serve.app import App
from digits.serve.server import Server, bind, make_server
from digits.serve.settings import Settings
from tests.served import served

HEALTH = b"GET /v2/health/ready HTTP/1.1\r\nhost: localhost\r\n\r\n"
GET = b"GET /v2 HTTP/1.1\r\nhost: localhost\r\n\r\n"


@pytest.fixture
def idle() -> int:
    """Seconds that a connection is kept between two requests."""
    return 60


@pytest.fixture
def settings(idle: int) -> Settings:
    """A server's, which has patience; what a test is about is made short there."""
    settings = Settings(port=0, keepalive_timeout=idle, max_connections=20)
    settings.header_timeout = settings.body_timeout = settings.send_timeout = 60
    return settings


@pytest.fixture
def server(classifier: Classifier, settings: Settings) -> Iterator[tuple[Server, int]]:
    """A server and its port."""
    server = make_server(App(settings, classifier))
    with bind(settings) as listener:
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


@pytest.mark.parametrize("path", ["/predict", "/v2/models/lenet5/infer"])
def test_a_client_that_asks_first_sends_no_body_in_vain(port: int, path: str) -> None:
    with connect(port) as client:
        head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n"
        client.sendall(f"{head}content-length: {17 << 20}\r\n\r\n".encode())
        assert everything(client).startswith(b"HTTP/1.1 413 ")


def get(client: socket.socket) -> bytes:
    """The answer to GET, head and body."""
    client.sendall(GET)
    received = b""
    while not received.endswith(b"}"):
        received += client.recv(65536) or b"}"
    return received


def serves(port: int) -> bool:
    with suppress(ConnectionError), connect(port) as client:
        return get(client).startswith(b"HTTP/1.1 200")
    return False


def test_after_an_answer_half_a_head_has_its_time_too(port: int, settings: Settings) -> None:
    with connect(port) as client:
        get(client)
        settings.header_timeout = 0.5
        started = time.monotonic()
        client.sendall(b"\r\n")
        everything(client)
        assert time.monotonic() - started > 0.4


@pytest.mark.parametrize("start", [b"", b"GET", b"GET /v2 HTTP/1.1\r\nhost", b"\r\n"])
def test_half_a_head_has_its_time(port: int, settings: Settings, start: bytes) -> None:
    settings.header_timeout = 0.5
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


def test_drops_of_a_head_do_not_prolong_it(port: int, settings: Settings) -> None:
    settings.header_timeout = 0.5
    with connect(port) as client:
        client.sendall(GET[:-2])
        assert drop(client, b"x: y\r\n") == b""


def test_drops_of_a_body_do_not_prolong_it(port: int, settings: Settings) -> None:
    settings.body_timeout = 0.5
    started = time.monotonic()
    with connect(port) as client:
        client.sendall(
            b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\n"
        )
        assert drop(client, b"x").startswith(b"HTTP/1.1 408")
        assert time.monotonic() - started > 0.4
        client.settimeout(30)
        everything(client)  # it is closed


@pytest.mark.slow
@pytest.mark.parametrize("idle", [3])
def test_a_connection_is_kept_between_requests_but_not_for_ever(
    port: int, settings: Settings
) -> None:
    with connect(port) as client:
        assert get(client).startswith(b"HTTP/1.1 200")
        settings.header_timeout = 0.1
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
MUCH = b"GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n" * REQUESTS


def test_who_reads_late_gets_everything(port: int) -> None:
    with connect(port) as client:
        client.sendall(MUCH + GET[:-2] + b"connection: close\r\n\r\n")
        assert everything(client).count(b"HTTP/1.1 200") == REQUESTS + 1


def test_who_does_not_read_is_cut_off(server: tuple[Server, int], settings: Settings) -> None:
    settings.send_timeout = 0.5
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


def busy(port: int) -> socket.socket:
    """A connection whose request waits for its body."""
    client = connect(port)
    client.sendall(b"POST /read HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n")
    client.sendall(b"content-length: 9\r\n\r\n")
    assert client.recv(65536).startswith(b"HTTP/1.1 100")
    return client


def test_only_so_many_connections_may_be_busy(server: tuple[Server, int]) -> None:
    running, port = server
    clients = [busy(port) for _ in range(20)]
    with connect(port) as one_more:
        one_more.sendall(GET)
        answer = everything(one_more)
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"\r\nx-content-type-options: nosniff\r\n" in answer
    with connect(port) as probe:  # which is answered all the same
        probe.sendall(HEALTH)
        assert probe.recv(65536).startswith(b"HTTP/1.1 200")
    for client in clients:
        client.close()
    until_connected(running, 0)
    assert serves(port)


@pytest.mark.parametrize("start", [b"", b"GET /v2/hea", GET])
def test_who_holds_connections_in_silence_keeps_nobody_out(
    server: tuple[Server, int], start: bytes
) -> None:
    running, port = server
    clients = [connect(port) for _ in range(20)]
    for client in clients:
        client.sendall(start)
    until_connected(running, 20)
    if start == GET:
        assert all(client.recv(65536).startswith(b"HTTP/1.1 200") for client in clients)
    for _ in range(5):
        assert serves(port)
    assert b"" in [received(client) for client in clients]
    metrics = running.app.metrics.render().decode()
    assert 'digits_refusals_total{reason="crowded_out"} ' in metrics


def received(client: socket.socket) -> bytes:
    """What is there already; nothing where the connection is closed."""
    client.setblocking(False)
    try:
        return client.recv(65536)
    except BlockingIOError:
        return b"nothing yet"
    except ConnectionError:
        return b""


@pytest.mark.slow
def test_a_probe_is_answered_beside_a_thousand_half_open_connections() -> None:
    with served() as server:
        halves = [connect(server.port) for _ in range(1000)]
        for half in halves:
            half.sendall(b"GET / HTTP/1.1\r\nhost: localh")
        with connect(server.port) as probe:
            probe.sendall(HEALTH)
            assert probe.recv(65536).startswith(b"HTTP/1.1 200")
        for half in halves:
            half.close()


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
        make_server(App(Settings(), classifier))


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x00" * 100,
        b"PRI * HTTP/2.0\r\n\r\n",
    ],
)
def test_what_is_not_http(
    port: int, monkeypatch: pytest.MonkeyPatch, settings: Settings, nonsense: bytes
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(settings, "header_timeout", 0.5)  # after the first line, more might come
        with connect(port) as client:
            client.sendall(nonsense)
            answer = everything(client)
    assert answer[:12] in (b"HTTP/1.1 400", b"")
    assert serves(port)


def test_a_malformed_request_is_refused_in_json(port: int) -> None:
    with connect(port) as client:
        client.sendall(b"GET  HTTP/1.1\r\n\r\n")
        head, _, body = everything(client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400") and b"application/json" in head
    assert json.loads(body) == {"error": "this is no request in HTTP"}


def test_a_large_head_is_refused_although_it_comes_at_once(
    port: int, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr(settings, "max_header_bytes", 200)
    with connect(port) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"x" * 1000 + b"\r\n\r\n")
        answer = everything(client)
    assert answer[:12] == b"HTTP/1.1 431"
    assert "head" in json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert serves(port)


def test_requests_in_one_packet_are_answered_in_their_order(port: int) -> None:
    with connect(port) as client:
        client.sendall(
            GET.replace(b"/v2", b"/none") + GET * 30 + GET[:-2] + b"connection: close\r\n\r\n"
        )
        received = everything(client)
        assert received.startswith(b"HTTP/1.1 404")
        assert received.count(b"HTTP/1.1 200") == 31
