"""Sockets, certificates and addresses."""

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from digits.classifier import Classifier
from digits.errors import DigitsError
from digits.serve import listener, probe
from digits.serve.settings import Settings
from tests.runtime.serve.conftest import serving
from tests.served import make_certificate

pytestmark = pytest.mark.slow  # they wait for limits of time

GET = b"GET /v2 HTTP/1.1\r\nhost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    ("address", "route", "expected"),
    [
        ("192.168.1.7", "10.0.0.2", "192.168.1.7"),
        ("0.0.0.0", "192.168.1.9", "192.168.1.9"),
        ("::", "2001:db8::7", "2001:db8::7"),
        ("0.0.0.0", "", ""),  # no network
    ],
)
def test_reachable_address(
    monkeypatch: pytest.MonkeyPatch, address: str, route: str, expected: str
) -> None:
    """route: this machine's address in the network."""

    class Socket(socket.socket):
        def connect(self, address: object) -> None:
            assert address in (("192.0.2.1", 9), ("2001:db8::1", 9))
            if not route:
                raise OSError("Network is unreachable")

        def getsockname(self) -> tuple[str, int]:
            return route, 40_000

    monkeypatch.setattr(socket, "socket", Socket)
    assert listener.reachable_address(address) == expected


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate for localhost, its key and a second key, which is encrypted."""
    folder = tmp_path_factory.mktemp("tls")
    make_certificate(folder, "localhost")
    make_certificate(folder, "localhost", "encrypted.pem", "secret")
    return folder


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"host": "nowhere.invalid"}, "can't listen on nowhere.invalid, port 0: "),
        ({"uds": "file"}, "can't listen on .*file: it exists, and is not a Unix socket"),
        ({"uds": "alive"}, "Address already in use"),
        ({"ssl_keyfile": "key.pem"}, "--ssl-keyfile needs --ssl-certfile"),
        ({"ssl_certfile": "cert.pem"}, "can't use .*cert.pem as certificate and key: "),
        ({"ssl_certfile": "key.pem", "ssl_keyfile": "cert.pem"}, "can't use .* and .*"),
        ({"ssl_certfile": "other.pem", "ssl_keyfile": "encrypted.pem"}, "is encrypted; a server"),
    ],
)
def test_unusable_address_or_certificate(
    tls: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], words: str
) -> None:
    monkeypatch.chdir(tls)
    Path("file").write_text("text")
    paths = {name: Path(value) for name, value in settings.items() if name != "host"}
    used = Settings(port=0, **settings | paths)  # type: ignore[arg-type]
    with listener.bind(Settings(uds=Path("alive"))), pytest.raises(DigitsError, match=words):
        listener.ssl_context(used)
        listener.bind(used)
    Path("alive").unlink()
    assert Path("file").read_text() == "text"


@pytest.mark.unix
def test_stale_unix_socket_is_replaced(classifier: Classifier, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as killed:
        killed.bind(str(tmp_path / "socket"))
    with (
        serving(classifier, uds=tmp_path / "socket"),
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client,
    ):
        client.connect(str(tmp_path / "socket"))
        client.sendall(GET)
        assert client.recv(65536).startswith(b"HTTP/1.1 200")


@contextmanager
def serving_tls(classifier: Classifier, tls: Path, **limits: float) -> Iterator[int]:
    """The port of a server with HTTPS."""
    files = {"ssl_certfile": tls / "cert.pem", "ssl_keyfile": tls / "key.pem"}
    with serving(classifier, **files, **limits) as (_, port):
        yield port


def get_https(tls: Path, port: int, path: str) -> bytes:
    context = ssl.create_default_context(cafile=str(tls / "cert.pem"))
    client = http.client.HTTPSConnection("localhost", port, context=context)
    client.request("GET", path)
    answer = client.getresponse()
    assert answer.status == 200
    content = answer.read()
    client.close()
    return content


def test_https_refuses_plain_http(
    classifier: Classifier, tls: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving_tls(classifier, tls) as port:
        assert b"digits" in get_https(tls, port, "/v2")
        with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
            plain.sendall(GET)
            assert b"200" not in plain.recv(65536)
        probe.check(Settings(port=port, ssl_certfile=tls / "cert.pem"))
    assert capfd.readouterr().err == ""


def test_incomplete_handshakes_time_out_and_make_room(classifier: Classifier, tls: Path) -> None:
    with serving_tls(classifier, tls, max_connections=20, header_timeout=2) as port:
        with ExitStack() as opened:
            clients = [
                opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
                for _ in range(200)
            ]
            assert b'reason="crowded_out"' in get_https(tls, port, "/metrics")
            assert all(client.recv(65536) == b"" for client in clients)
        assert b'reason="slow_head"' in get_https(tls, port, "/metrics")
