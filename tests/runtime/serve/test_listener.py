"""Sockets, certificates and addresses, and the health check of a container."""

import http.client
import socket
import ssl
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from digits.classifier import Classifier
from digits.errors import DigitsError
from digits.serve import listener, probe
from digits.serve.settings import Settings
from tests.conftest import Capsys, Patch
from tests.runtime.serve.conftest import serving


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
    assert listener.reachable_address(address) == expected


LOCAL = """\
serving http://127.0.0.1:{0}/ until Ctrl-C
the API requires the token; the page asks for it, or takes it from /#token=TOKEN
"""
PUBLIC = """\
serving http://0.0.0.0:{0}/ until Ctrl-C
from other devices: http://[2001:db8::7]:{0}/
warning: no TLS; requests can be read on the way (--ssl-certfile)
warning: no token; anyone who can reach it can use it (--token)
"""


@pytest.mark.parametrize(
    ("host", "token", "words"), [("127.0.0.1", "secret", LOCAL), ("0.0.0.0", None, PUBLIC)]
)
def test_announcement(
    monkeypatch: Patch, capsys: Capsys, host: str, token: str | None, words: str
) -> None:
    monkeypatch.setattr(listener, "reachable_address", lambda address: "2001:db8::7")
    settings = Settings(host=host, port=0, token=token)
    with listener.bind(settings) as bound:
        listener.announce(bound, settings)
        assert capsys.readouterr().err == words.format(bound.getsockname()[1])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"host": "nowhere.invalid"}, "can't listen on nowhere.invalid, port 0: "),
        ({"uds": "file"}, "can't listen on .*file: it exists, and is not a Unix socket"),
        ({"uds": "alive"}, "Address already in use"),
        ({"ssl_keyfile": "key.pem"}, "--ssl-keyfile needs --ssl-certfile"),
        ({"ssl_certfile": "cert.pem"}, "can't use .*cert.pem as certificate and key: "),
        ({"ssl_certfile": "other.pem", "ssl_keyfile": "encrypted.pem"}, "is encrypted; a server"),
    ],
)
def test_unusable_address_or_certificate(
    tls: Path, monkeypatch: Patch, settings: dict[str, str], words: str
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


@pytest.mark.slow
def test_https_bears_plain_http_and_incomplete_handshakes(
    classifier: Classifier, tls: Path, capfd: Capsys
) -> None:
    """Handshakes that never end make room for others, and time out."""
    certificate = tls / "cert.pem"
    files = {"ssl_certfile": certificate, "ssl_keyfile": tls / "key.pem"}
    context = ssl.create_default_context(cafile=str(certificate))

    def metrics() -> bytes:
        client = http.client.HTTPSConnection("localhost", port, context=context)
        client.request("GET", "/metrics", headers={"connection": "close"})
        return client.getresponse().read()

    with serving(classifier, **files, max_connections=20, header_timeout=1) as (_, port):
        with ExitStack() as opened:
            clients = [
                opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
                for _ in range(100)
            ]
            assert b'reason="crowded_out"' in metrics()
            assert all(client.recv(65536) == b"" for client in clients)
        assert b'reason="slow_head"' in metrics()
        with socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
            plain.sendall(b"GET /v2 HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert b"200" not in plain.recv(65536)
        probe.check(Settings(port=port, ssl_certfile=certificate))
    assert capfd.readouterr().err == ""


@pytest.mark.unix
def test_ready_server_on_a_unix_socket(
    classifier: Classifier, tmp_path: Path, monkeypatch: Patch, capsys: Capsys
) -> None:
    """It replaces the socket of a server that was killed."""
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    with serving(classifier, uds=path):
        monkeypatch.setenv("DIGITS_UDS", str(path))
        probe.main()
    assert capsys.readouterr().err == ""


def test_server_that_is_not_ready(monkeypatch: Patch, capsys: Capsys) -> None:
    def check() -> str:
        with pytest.raises(SystemExit) as stopped:
            probe.main()
        assert stopped.value.code == 1
        return capsys.readouterr().err

    monkeypatch.setenv("DIGITS_HOST", "0.0.0.0")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            with listener.accept()[0] as client:
                client.recv(65536)
                client.sendall(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n")

        threading.Thread(target=refuse, daemon=True).start()
        monkeypatch.setenv("DIGITS_PORT", str(listener.getsockname()[1]))
        assert check() == "error: the server is not ready\n"
    monkeypatch.setenv("DIGITS_HOST", "127.0.0.2")
    assert check().startswith("error: ")  # none listens
    monkeypatch.setenv("DIGITS_WORKERS", "many")
    assert check().startswith("error: ")
