"""`digits serve` in production: TLS, Unix sockets, reloading the model, logs."""

import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from digits.inference import metadata
from digits.inference.model_file import BUNDLED
from tests.e2e.conftest import Run
from tests.served import Served, served

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost, and its key."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost", "-out", files[0], "-keyout", files[1]),
        ],
        check=True,
        capture_output=True,
    )
    return files


def test_https_serves_and_rejects_plain_http(
    certificate: tuple[Path, Path], pictures: list[Path]
) -> None:
    cert, key = map(str, certificate)
    with served("--ssl-certfile", cert, DIGITS_SSL_KEYFILE=key) as server:
        context = ssl.create_default_context(cafile=cert)
        client = http.client.HTTPSConnection("localhost", server.port, context=context)
        client.request("POST", "/predict", pictures[7].read_bytes())
        assert json.loads(client.getresponse().read())["digit"] == 7
        with socket.create_connection(("127.0.0.1", server.port)) as plain:
            plain.sendall(b"GET /v2 HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert b"200" not in plain.recv(65536)
        client.request("GET", "/v2/health/live")
        assert client.getresponse().status == 200
        client.close()


def test_incomplete_tls_handshake_times_out(certificate: tuple[Path, Path]) -> None:
    cert, key = map(str, certificate)
    options = ("--ssl-certfile", cert, "--ssl-keyfile", key, "--header-timeout", "0.5")
    with (
        served(*options) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=30) as silent,
    ):
        assert silent.recv(65536) == b""


def test_connections_without_handshake_count(certificate: tuple[Path, Path]) -> None:
    """They make room for others, and none of them is left."""
    cert, key = map(str, certificate)
    options = ("--ssl-certfile", cert, "--ssl-keyfile", key, "--max-connections", "20")
    with served(*options) as server, ExitStack() as silent:
        clients = [
            silent.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
            for _ in range(200)
        ]
        client = http.client.HTTPSConnection(
            "localhost", server.port, context=ssl.create_default_context(cafile=cert)
        )
        client.request("GET", "/metrics")
        assert b'reason="crowded_out"' in client.getresponse().read()
        client.close()
        assert all(one.recv(65536) == b"" for one in clients[:100])


@pytest.mark.parametrize("files", [("cert",), ("key", "key"), ("none", "key"), ("key", "cert")])
def test_serve_rejects_invalid_certificate(
    run_digits: Run, certificate: tuple[Path, Path], tmp_path: Path, files: tuple[str, ...]
) -> None:
    named = {"cert": certificate[0], "key": certificate[1], "none": tmp_path / "none"}
    options = ["--ssl-certfile", str(named[files[0]])]
    if len(files) > 1:
        options += ["--ssl-keyfile", str(named[files[1]])]
    done = run_digits("serve", "--port", "0", *options)
    assert done.returncode == 1
    assert done.stderr.startswith("error: can't use ") and done.stderr.count("\n") == 1


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(self.path))


def test_unix_socket_is_served_and_stale_one_replaced(tmp_path: Path, run_digits: Run) -> None:
    path = tmp_path / "digits.sock"
    for _ in range(2):  # the second time, with the socket of a killed server
        with served("--uds", str(path), "--access-log", complains=True) as server:
            client = UnixConnection(path)
            client.request("GET", "/v2")
            assert json.loads(client.getresponse().read())["name"] == "digits"
            done = run_digits("serve", "--uds", str(path))
            assert done.returncode == 1 and "Address already in use" in done.stderr
            assert '"client": null' in server.wait_for('"path": "/v2"')
            client.close()
        assert not path.exists()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
            left.bind(str(path))


def test_uds_does_not_replace_file_or_folder(tmp_path: Path, run_digits: Run) -> None:
    path = tmp_path / "important"
    path.write_text("text")
    for taken in (path, tmp_path):
        done = run_digits("serve", "--uds", str(taken))
        assert done.returncode == 1
        assert f"can't listen on {taken}: it exists, and is not a Unix socket" in done.stderr
    assert path.read_text() == "text"


@contextmanager
def send_requests(server: Served, picture: bytes) -> Iterator[list[int]]:
    """Send requests from three threads without a pause; yields the list of their statuses."""
    statuses: list[int] = []
    stop = threading.Event()

    def ask() -> None:
        client = http.client.HTTPConnection("127.0.0.1", server.port)
        while not stop.is_set():
            client.request("POST", "/predict", picture)
            answer = client.getresponse()
            answer.read()
            statuses.append(answer.status)
        client.close()

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    yield statuses
    stop.set()
    for thread in threads:
        thread.join()


def recipe_of(server: Served) -> str:
    client = http.client.HTTPConnection("127.0.0.1", server.port)
    client.request("GET", "/v2/models/lenet5")
    described = json.loads(client.getresponse().read())
    client.close()
    return str(described["parameters"]["recipe"])


def test_sighup_reloads_model_without_dropped_request(tmp_path: Path, pictures: list[Path]) -> None:
    path, content = tmp_path / "model.onnx", Path(BUNDLED).read_bytes()
    path.write_bytes(content)
    other = metadata.add_metadata(content, replace(metadata.read(content, ""), recipe="another"))
    options = ("--model", str(path), "--log-level", "info")
    with (
        served(*options, complains=True) as server,
        send_requests(server, pictures[7].read_bytes()) as got,
    ):
        assert recipe_of(server) != "another"
        for new, words in (
            (other, "the model was reloaded"),
            (other[:-1], "the model was not reloaded"),
        ):
            (tmp_path / "new").write_bytes(new)
            os.replace(tmp_path / "new", path)
            server.process.send_signal(signal.SIGHUP)
            server.wait_for(words)
            count = len(got)
            while len(got) < count + 20:
                assert server.process.poll() is None
        assert recipe_of(server) == "another"
    assert set(got) == {200}
