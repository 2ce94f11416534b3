import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from digits.classifier import Classifier
from digits.errors import DigitsError
from digits.serve.app import App
from digits.serve.connection import LimitedProtocol
from digits.serve.server import Server, bind, make_server
from digits.serve.settings import Settings
from tests.served import served

HEALTH = b"GET /v2/health/ready HTTP/1.1\r\nhost: localhost\r\n\r\n"
GET = b"GET /v2 HTTP/1.1\r\nhost: localhost\r\n\r\n"


@pytest.fixture
def idle() -> int:
    """The keep-alive timeout in seconds."""
    return 60


@pytest.fixture
def settings(idle: int) -> Settings:
    """Settings with long timeouts; each test shortens the one that it is about."""
    settings = Settings(port=0, keepalive_timeout=idle, max_connections=20)
    settings.header_timeout = settings.body_timeout = settings.send_timeout = 60
    return settings


@pytest.fixture
def server(classifier: Classifier, settings: Settings) -> Iterator[tuple[Server, int]]:
    """A running server and its port."""
    server = make_server(App(settings, classifier))
    with bind(settings) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)  # connections inherit it
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield server, listener.getsockname()[1]
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture
def port(server: tuple[Server, int]) -> int:
    return server[1]


def wait_for_connections(server: Server, count: int) -> None:
    """Wait until `count` connections are open."""
    while len(server.server_state.connections) != count:
        time.sleep(0.01)


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def receive_until_closed(client: socket.socket) -> bytes:
    """Receive until the server closes the connection."""
    received = b""
    with suppress(ConnectionError):
        while chunk := client.recv(65536):
            received += chunk
    return received


@pytest.mark.parametrize("path", ["/predict", "/v2/models/lenet5/infer"])
def test_oversized_body_with_expect_continue_returns_413(port: int, path: str) -> None:
    with connect(port) as client:
        head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n"
        client.sendall(f"{head}content-length: {17 << 20}\r\n\r\n".encode())
        assert receive_until_closed(client).startswith(b"HTTP/1.1 413 ")


def get(client: socket.socket) -> bytes:
    """Send GET; return the head and body of the response."""
    client.sendall(GET)
    received = b""
    while not received.endswith(b"}"):
        received += client.recv(65536) or b"}"
    return received


def is_serving(port: int) -> bool:
    with suppress(ConnectionError), connect(port) as client:
        return get(client).startswith(b"HTTP/1.1 200")
    return False


def test_partial_header_after_response_times_out(port: int, settings: Settings) -> None:
    with connect(port) as client:
        get(client)
        settings.header_timeout = 0.5
        started = time.monotonic()
        client.sendall(b"\r\n")
        receive_until_closed(client)
        assert time.monotonic() - started > 0.4


@pytest.mark.parametrize("start", [b"", b"GET", b"GET /v2 HTTP/1.1\r\nhost", b"\r\n"])
def test_partial_header_times_out(port: int, settings: Settings, start: bytes) -> None:
    settings.header_timeout = 0.5
    started = time.monotonic()
    with connect(port) as client, suppress(ConnectionError):
        client.sendall(start)
        receive_until_closed(client)
    assert time.monotonic() - started > 0.4


def trickle(client: socket.socket, chunk: bytes) -> bytes:
    """Send the chunk every 50 ms until a response arrives or the connection is closed.

    Returns what was received, b"" when the connection was closed.
    """
    client.settimeout(0.05)
    for _ in range(1000):
        with suppress(ConnectionError):
            client.sendall(chunk)
        try:
            return client.recv(65536)
        except TimeoutError:
            pass
        except ConnectionError:
            return b""
    pytest.fail("the server neither answered nor closed the connection")


def test_trickled_header_times_out(port: int, settings: Settings) -> None:
    settings.header_timeout = 0.5
    with connect(port) as client:
        client.sendall(GET[:-2])
        assert trickle(client, b"x: y\r\n") == b""


def test_trickled_body_returns_408(port: int, settings: Settings) -> None:
    settings.body_timeout = 0.5
    started = time.monotonic()
    with connect(port) as client:
        client.sendall(
            b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\n"
        )
        assert trickle(client, b"x").startswith(b"HTTP/1.1 408")
        assert time.monotonic() - started > 0.4
        client.settimeout(30)
        receive_until_closed(client)  # returns because the server closes


@pytest.mark.slow
@pytest.mark.parametrize("idle", [3])
def test_idle_connection_closes_after_keepalive_timeout(port: int, settings: Settings) -> None:
    with connect(port) as client:
        assert get(client).startswith(b"HTTP/1.1 200")
        settings.header_timeout = 0.1
        for _ in range(2):
            time.sleep(0.3)  # longer than header_timeout
            assert get(client).startswith(b"HTTP/1.1 200")
        assert receive_until_closed(client) == b""


@pytest.mark.parametrize(
    "start",
    [
        b"GET /",
        b"GET / HTTP/1.1\r\nx: ",
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 100_000,
        b"POST /predict HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: ",
        b"POST /predict HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1;x=",
    ],
)
def test_endless_header_closes_connection(port: int, start: bytes) -> None:
    with connect(port) as client, suppress(ConnectionError):
        client.sendall(start)
        for _ in range(1000):  # 64 MB
            client.sendall(b"x" * 65536)
        pytest.fail("the server accepted 64 MB")
    assert is_serving(port)


REQUEST_COUNT = 90
# 2 MB of responses, more than the socket buffers hold.
MANY_REQUESTS = b"GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n" * REQUEST_COUNT


def test_slow_reader_receives_all_responses(port: int) -> None:
    with connect(port) as client:
        client.sendall(MANY_REQUESTS + GET[:-2] + b"connection: close\r\n\r\n")
        assert receive_until_closed(client).count(b"HTTP/1.1 200") == REQUEST_COUNT + 1


def test_stalled_reader_is_disconnected(server: tuple[Server, int], settings: Settings) -> None:
    settings.send_timeout = 0.5
    running, port = server
    with connect(port) as client:
        wait_for_connections(running, 1)
        client.sendall(MANY_REQUESTS)
        wait_for_connections(running, 0)
        assert receive_until_closed(client).count(b"HTTP/1.1 200") < REQUEST_COUNT
    assert is_serving(port)


def test_a_thousand_pipelined_requests_are_answered(port: int) -> None:
    paths = [b"/v2/health/ready", b"/v2/health/live"] * 500
    requests = [HEALTH.replace(b"/v2/health/ready", path) for path in paths]
    requests[-1] = requests[-1][:-2] + b"connection: close\r\n\r\n"
    with connect(port) as client:
        client.sendall(b"".join(requests))
        received = receive_until_closed(client)
    assert statuses(received) == [200] * 1000
    answers = received.split(b"HTTP/1.1 200")[1:]
    assert all(
        (b"ready" if path.endswith(b"ready") else b"live") in answer
        for path, answer in zip(paths, answers, strict=True)
    )


def test_pipelined_requests_wait_in_the_socket(server: tuple[Server, int]) -> None:
    """They take no more memory than one packet of them, however many there are."""
    running, port = server
    sent = 0
    with connect(port) as client:
        client.settimeout(0.5)
        with suppress(TimeoutError):  # as it reads no answer
            while True:
                sent += client.send(GET * 1000)
        [connection] = running.server_state.connections
        assert isinstance(connection, LimitedProtocol)
        assert sent < 32 << 20
        assert len(connection.pipeline) < 100


def test_body_of_a_pipelined_request_is_received(port: int) -> None:
    """The last request has a body, which is longer than what is parsed at a time."""
    body = b" " * 600_000
    post = INFER + b"content-length: %d\r\n\r\n" % len(body) + body
    assert statuses(ask(port, GET * 200 + post + GET * 200 + CLOSE)) == [
        *[200] * 200,
        400,
        *[200] * 201,
    ]


def open_busy_connection(port: int) -> socket.socket:
    """Open a connection whose request has been accepted and still lacks its body."""
    client = connect(port)
    client.sendall(b"POST /read HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n")
    client.sendall(b"content-length: 9\r\n\r\n")
    assert client.recv(65536).startswith(b"HTTP/1.1 100")
    return client


def test_too_many_busy_connections_return_503(server: tuple[Server, int]) -> None:
    running, port = server
    clients = [open_busy_connection(port) for _ in range(20)]
    with connect(port) as one_more:
        one_more.sendall(GET)
        answer = receive_until_closed(one_more)
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"\r\nx-content-type-options: nosniff\r\n" in answer
    with connect(port) as probe:  # health checks are exempt
        probe.sendall(HEALTH)
        assert probe.recv(65536).startswith(b"HTTP/1.1 200")
    for client in clients:
        client.close()
    wait_for_connections(running, 0)
    assert is_serving(port)


@pytest.mark.parametrize("start", [b"", b"GET /v2/hea", GET])
def test_idle_connections_are_evicted_when_full(server: tuple[Server, int], start: bytes) -> None:
    running, port = server
    clients = [connect(port) for _ in range(20)]
    for client in clients:
        client.sendall(start)
    wait_for_connections(running, 20)
    if start == GET:
        assert all(client.recv(65536).startswith(b"HTTP/1.1 200") for client in clients)
    for _ in range(5):
        assert is_serving(port)
    assert b"" in [receive_available(client) for client in clients]
    metrics = running.app.metrics.render().decode()
    assert 'digits_refusals_total{reason="crowded_out"} ' in metrics


def receive_available(client: socket.socket) -> bytes:
    """Receive without waiting; b"" when the connection is closed."""
    client.setblocking(False)
    try:
        return client.recv(65536)
    except BlockingIOError:
        return b"no data yet"
    except ConnectionError:
        return b""


@pytest.mark.unix
@pytest.mark.slow
def test_health_probe_amid_1000_half_open_connections() -> None:
    with served() as server:
        halves = [connect(server.port) for _ in range(1000)]
        for half in halves:
            half.sendall(b"GET / HTTP/1.1\r\nhost: localh")
        with connect(server.port) as probe:
            probe.sendall(HEALTH)
            assert probe.recv(65536).startswith(b"HTTP/1.1 200")
        for half in halves:
            half.close()


@pytest.mark.unix
@pytest.mark.slow
def test_more_connections_than_open_files_recovers() -> None:
    """asyncio once accepted every connection, ran out of files and never recovered."""
    with served(files=310) as server:
        for client in [connect(server.port) for _ in range(400)]:
            client.close()
        for _ in range(200):  # until the server has noticed that the others are closed
            if is_serving(server.port):
                return
            time.sleep(0.05)
        pytest.fail("the server has not recovered")


@pytest.mark.unix
def test_too_few_open_files_raise_digits_error(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda of: (64, 64))
    monkeypatch.setattr("resource.setrlimit", lambda of, to: None)
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
def test_non_http_bytes_are_refused(
    port: int, monkeypatch: pytest.MonkeyPatch, settings: Settings, nonsense: bytes
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(settings, "header_timeout", 0.5)  # more might follow the first line
        with connect(port) as client:
            client.sendall(nonsense)
            answer = receive_until_closed(client)
    assert answer[:12] in (b"HTTP/1.1 400", b"")
    assert is_serving(port)


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"GET /v2 HTTP/1.1\r\n", 400),
        (b"GET /v2/health/live HTTP/1.1\r\n", 400),
        (b"GET /v2 HTTP/1.1\r\nhost: localhost\r\nHost: localhost\r\n", 400),
        (b"GET /v2 HTTP/1.0\r\nhost: localhost\r\nhost: localhost\r\n", 400),
        (b"GET /v2 HTTP/1.1\r\nhost: localhost\r\n", 200),
        (b"GET /v2 HTTP/1.0\r\n", 200),
        (b"GET /v2 HTTP/1.0\r\nhost: localhost\r\n", 200),
        (b"GET /v2 HTTP/2.0\r\nhost: localhost\r\n", 505),
        (b"GET /v2 HTTP/0.9\r\nhost: localhost\r\n", 505),
        (b"GET /v2\r\nhost: localhost\r\n", 505),
        (b"GET /v2 HTTP/3.1\r\nhost: localhost\r\n", 400),
        (b"GET /v2 HTTP/1.2\r\nhost: localhost\r\n", 400),
    ],
)
def test_version_and_host_are_checked(port: int, request_head: bytes, status: int) -> None:
    received = ask(port, request_head + b"connection: close\r\n\r\n")
    assert statuses(received) == [status]
    assert b"content-security-policy" in received
    assert statuses(ask(port, GET * 2 + request_head + b"connection: close\r\n\r\n")) == [
        200,
        200,
        status,
    ]


def test_malformed_request_returns_400_as_json(port: int) -> None:
    with connect(port) as client:
        client.sendall(b"GET  HTTP/1.1\r\n\r\n")
        head, _, body = receive_until_closed(client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400") and b"application/json" in head
    assert json.loads(body) == {"error": "not an HTTP request"}


def test_oversized_header_in_one_packet_returns_431(
    port: int, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr(settings, "max_header_bytes", 200)
    with connect(port) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"x" * 1000 + b"\r\n\r\n")
        answer = receive_until_closed(client)
    assert answer[:12] == b"HTTP/1.1 431"
    assert "head" in json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert is_serving(port)


def test_pipelined_requests_are_answered_in_order(port: int) -> None:
    with connect(port) as client:
        client.sendall(
            GET.replace(b"/v2", b"/none") + GET * 30 + GET[:-2] + b"connection: close\r\n\r\n"
        )
        received = receive_until_closed(client)
        assert received.startswith(b"HTTP/1.1 404")
        assert received.count(b"HTTP/1.1 200") == 31


CLOSE = GET[:-2] + b"connection: close\r\n\r\n"
INFER = b"POST /v2/models/lenet5/infer HTTP/1.1\r\nhost: localhost\r\n"


def ask(port: int, *packets: bytes, half_close: bool = False) -> bytes:
    """Send packets; return everything received until the server closes the connection."""
    with connect(port) as client:
        for number, packet in enumerate(packets):
            if number:
                time.sleep(0.1)  # or the kernel would join them
            client.sendall(packet)
        if half_close:
            client.shutdown(socket.SHUT_WR)
        return receive_until_closed(client)


def statuses(received: bytes) -> list[int]:
    return [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
@pytest.mark.parametrize("split", [False, True])
def test_offered_upgrade_is_ignored(port: int, protocol: bytes, split: bool) -> None:
    """llhttp leaves the body to the other protocol, and uvicorn reads it as the next request."""
    upgrade = b"connection: upgrade\r\nupgrade: " + protocol + b"\r\n"
    post = INFER + upgrade + b"content-length: %d\r\n\r\n" % len(GET)
    packets = [GET[:-2] + upgrade + b"\r\n" + post, GET + CLOSE]
    received = ask(port, *packets) if split else ask(port, b"".join(packets))
    assert statuses(received) == [200, 400, 200]
    assert b"the request is not JSON" in received  # GET is not JSON
    chunked = post.replace(b"content-length: %d" % len(GET), b"transfer-encoding: chunked")
    received = ask(port, chunked + b"2\r\n[]\r\n0\r\n\r\n" + CLOSE)
    assert statuses(received) == [422, 200] and b"must be an object" in received


@pytest.mark.parametrize("target", [b"localhost:80", b"/v2"])
def test_connect_is_refused(port: int, target: bytes) -> None:
    assert statuses(ask(port, b"CONNECT " + target + b" HTTP/1.1\r\n\r\n")) == [400]
    assert is_serving(port)


def test_trailers_are_no_headers(port: int) -> None:
    head = INFER + b"transfer-encoding: chunked\r\n\r\n"
    trailers = b"host: evil.example\r\nx-request-id: trailer\r\nexpect: 100-continue\r\n"
    received = ask(port, head + b"2\r\n[]\r\n0\r\n" + trailers + b"\r\n" + CLOSE)
    assert statuses(received) == [422, 200]
    assert b"trailer" not in received


@pytest.mark.parametrize(
    "codings",
    [
        b"",
        b"gzip, chunked",
        b"chunked, chunked",
        b"gzip\r\ntransfer-encoding: chunked",
        b"identity",
    ],
)
def test_unknown_transfer_coding_is_refused(port: int, codings: bytes) -> None:
    head = INFER + b"transfer-encoding: " + codings + b"\r\n\r\n"
    assert statuses(ask(port, head + b"2\r\n[]\r\n0\r\n\r\n" + CLOSE)) == [400]


@pytest.mark.parametrize(
    ("malformed", "status"),
    [
        (b"\0\1 nonsense\r\n\r\n", 400),
        (INFER + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        (INFER + b"transfer-encoding: chunked\r\n\r\nnonsense\r\n", 400),
        (b"GET / HTTP/1.1\r\nx: " + b"a" * 300_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nx: " + b"a" * 300_000, 431),
    ],
)
def test_malformed_request_leaves_the_answers_before_it(
    port: int, malformed: bytes, status: int
) -> None:
    for count in (1, 3):
        assert statuses(ask(port, GET * count + malformed)) == [200] * count + [status]


@pytest.mark.parametrize("count", [1, 3])
def test_client_that_sends_no_more_gets_its_answers(port: int, count: int) -> None:
    assert statuses(ask(port, GET * count, half_close=True)) == [200] * count
    assert statuses(ask(port, GET[:-2], half_close=True)) == []


def test_client_that_sends_half_a_body_is_gone(server: tuple[Server, int]) -> None:
    running, port = server
    ask(port, INFER + b"content-length: 9\r\n\r\n[", half_close=True)
    wait_for_connections(running, 0)
    assert is_serving(port)


@pytest.mark.parametrize("size", [5, 64])
def test_small_chunks_are_no_headers(port: int, size: int) -> None:
    chunks = b"%x\r\n%s\r\n" % (size, b" " * size) * (600_000 // size)
    head = CLOSE.replace(b"GET /v2", INFER.split(b" HTTP")[0])[:-2]
    received = ask(port, head + b"transfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
    assert statuses(received) == [400]
    assert b"not JSON" in received


@pytest.fixture
def long_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a stopping server wait for its clients as long as a test may take."""
    monkeypatch.setattr("digits.serve.server._GRACE", 60)


def wait_until_stopping(server: Server) -> None:
    server.should_exit = True
    while not server._shared.is_stopping:
        time.sleep(0.01)


@pytest.mark.usefixtures("long_grace")
def test_stopping_server_answers_each_connection_once_more(server: tuple[Server, int]) -> None:
    running, port = server
    idle, silent, busy = connect(port), connect(port), open_busy_connection(port)
    assert b"connection: close" not in get(idle)
    wait_for_connections(running, 3)
    wait_until_stopping(running)
    for client in (idle, silent, connect(port)):  # of which the last comes too late
        client.sendall(GET)
        answer = receive_until_closed(client)
        assert statuses(answer) == [200]
        assert b"\r\nconnection: close\r\n" in answer
    busy.sendall(b"no number")
    answer = receive_until_closed(busy)
    assert statuses(answer) == [422]
    assert b"\r\nconnection: close\r\n" in answer


def test_stopping_server_closes_idle_connections(
    server: tuple[Server, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digits.serve.server._GRACE", 0.01)
    running, port = server
    client = connect(port)
    get(client)
    wait_until_stopping(running)
    assert receive_until_closed(client) == b""


@pytest.mark.usefixtures("long_grace")
def test_stopping_server_without_connections_ends(server: tuple[Server, int]) -> None:
    running, port = server
    with connect(port) as client:
        get(client)
    wait_for_connections(running, 0)
    wait_until_stopping(running)  # the fixture waits for the end, less long than the grace
