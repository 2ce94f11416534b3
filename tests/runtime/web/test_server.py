"""The sockets that a server listens on, the addresses that it prints, and its limits."""

import socket

import pytest

from digits.errors import DigitsError
from digits.web import server
from digits.web.settings import Settings
from tests.conftest import Patch
from tests.runtime.web.conftest import serving
from tests.waiting import wait_until


@pytest.mark.parametrize(
    ("address", "route", "expected"),
    [
        ("192.168.1.7", "10.0.0.2", "192.168.1.7"),
        ("0.0.0.0", "192.168.1.9", "192.168.1.9"),
        ("::", "2001:db8::7", "2001:db8::7"),
        ("0.0.0.0", "", ""),  # no network
    ],
)
def test_reachable_address(monkeypatch: Patch, address: str, route: str, expected: str) -> None:
    """route: this machine's address in the network."""

    def connect(_: socket.socket, address: object) -> None:
        assert address in (("192.0.2.1", 9), ("2001:db8::1", 9))
        if not route:
            raise OSError("Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket.socket, "getsockname", lambda _: (route, 40_000))
    assert server.reachable_address(address) == expected


@pytest.mark.parametrize("host", ["nowhere.invalid", "127.0.0.1"])
def test_unusable_address(host: str) -> None:
    with server.bind(Settings(port=0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(DigitsError, match=f"can't listen on {host}, port {port}: "):
            server.bind(Settings(host=host, port=port))


POST = b"POST /echo HTTP/1.1\r\nhost: localhost\r\nconnection: close"


def exchange(port: int, request: bytes) -> tuple[int, bytes]:
    """Send a request, and return the status and the body of its answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(request)
        with client.makefile("rb") as file:
            head, _, body = file.read().partition(b"\r\n\r\n")
    return int(head.split()[1]), body


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        # Java's client offers HTTP/2 with each request.
        (b", upgrade\r\nupgrade: h2c\r\ncontent-length: 2\r\n\r\n[]", 200),
        (b"\r\nx: " + bytes(40_000).replace(b"\0", b"x"), 400),
    ],
)
def test_headers(headers: bytes, status: int) -> None:
    with serving() as (_, port):
        answer = exchange(port, POST + headers)
    assert answer[0] == status
    assert status == 400 or answer[1] == b'{"length":2}'


def test_silent_connection_gives_way_and_busy_ones_stay() -> None:
    with serving(max_connections=2) as (server, port):
        with socket.create_connection(("127.0.0.1", port)) as silent:
            wait_until(lambda: server.server_state.connections)
            assert exchange(port, POST + b"\r\n\r\n")[0] == 200
            assert silent.recv(1) == b""
        wait_until(lambda: not server.server_state.tasks)
        with socket.create_connection(("127.0.0.1", port)) as busy:
            busy.sendall(POST + b"\r\ncontent-length: 2\r\n\r\n")
            wait_until(lambda: server.server_state.tasks)
            assert exchange(port, POST + b"\r\n\r\n")[0] == 503
            busy.sendall(b"[]")
            assert busy.recv(65536).startswith(b"HTTP/1.1 200")
        wait_until(lambda: not server.server_state.connections)
        assert exchange(port, POST + b"\r\n\r\n")[0] == 200
