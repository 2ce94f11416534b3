"""The proxies' configurations in docs/deploy: each in front of a server on a Unix socket."""

import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from digits.serve.limits import Limits
from tests.served import Served, make_certificate, served

pytestmark = [pytest.mark.slow, pytest.mark.unix]

ROOT = Path(__file__).parents[2]
SEVEN = (ROOT / "tests" / "pictures" / "7.jpg").read_bytes()
HOST = "digits.example.org"


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    content: bytes


class Proxy(NamedTuple):
    """A running proxy. folder: it has the certificate."""

    name: str
    port: int
    folder: Path

    def connect(self, source: str = "127.0.0.1") -> ssl.SSLSocket:
        """Open a connection over TLS. source: the client's address."""
        context = ssl.create_default_context(cafile=str(self.folder / "cert.pem"))
        plain = socket.create_connection(("127.0.0.1", self.port), 60, (source, 0))
        return context.wrap_socket(plain, server_hostname=HOST)

    def ask(
        self, path: str, content: bytes | None = None, source: str = "127.0.0.1", **headers: str
    ) -> Answer:
        connection = http.client.HTTPConnection(HOST)
        connection.sock = self.connect(source)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with suppress(BrokenPipeError, ConnectionResetError):  # refused before all was sent
            connection.request("POST" if content is not None else "GET", path, content, named)
        response = connection.getresponse()
        answer = Answer(response.status, response.headers, response.read())
        connection.close()
        return answer

    def is_ready(self) -> bool:
        with suppress(ConnectionRefusedError):
            return self.ask("/v2/health/ready").status == 200
        return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("proxy")
    make_certificate(folder, HOST)
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Served]:
    options = ["--uds", str(folder / "digits.sock"), "--access-log"]
    with served(*options, complains=True, DIGITS_ALLOWED_HOSTS=HOST) as server:
        yield server


def example(name: str, folder: Path, changes: dict[str, str]) -> str:
    """An example, with what a test must change; all of that occurs in it."""
    text = (ROOT / "docs" / "deploy" / name).read_text()
    changes["/run/digits/digits.sock"] = f"{folder}/digits.sock"
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def nginx(folder: Path, port: int) -> list[str]:
    """Write the configuration, and return the command."""
    changes = {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "listen 80": f"listen 127.0.0.1:{free_port()}",
        "/etc/ssl/digits/fullchain.pem": f"{folder}/cert.pem",
        "/etc/ssl/digits/privkey.pem": f"{folder}/key.pem",
    }
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    user = "user root;" if os.getuid() == 0 else ""  # so that it may use the socket
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/nginx.pid; error_log stderr warn; events {{}}\n"
        f"http {{ access_log off;\n{paths}\n{example('nginx.conf', folder, changes)}}}"
    )
    return ["nginx", "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def caddy(folder: Path, port: int) -> list[str]:
    """As `nginx`."""
    certificate = f"tls {folder}/cert.pem {folder}/key.pem"
    changes = {f"{HOST} {{": f"https://{HOST}:{port} {{\n\t{certificate}"}
    start = "{\n\tadmin off\n\tauto_https disable_redirects\n}\n"
    (folder / "Caddyfile").write_text(start + example("Caddyfile", folder, changes))
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


@pytest.fixture(scope="module", params=[nginx, caddy], ids=["nginx", "caddy"])
def proxy(request: pytest.FixtureRequest, folder: Path) -> Iterator[Proxy]:
    port = free_port()
    name, *arguments = request.param(folder, port)
    executable = shutil.which(name, path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    if not executable:
        pytest.skip(f"{name} is not installed")
    request.getfixturevalue("server")
    log, running = folder / f"{name}.log", Proxy(name, port, folder)
    environment = os.environ | {"HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    with (
        log.open("w") as file,
        subprocess.Popen(
            [executable, *arguments], stdout=file, stderr=file, env=environment
        ) as process,
    ):
        try:
            while not running.is_ready():
                assert process.poll() is None, log.read_text()
                time.sleep(0.05)
            yield running
        finally:
            process.terminate()


def test_page_and_api_through_proxy(proxy: Proxy, server: Served) -> None:
    page = proxy.ask("/")
    assert page.status == 200 and b"<h1>Draw digits" in page.content
    again = proxy.ask("/", If_None_Match=page.headers["etag"])
    assert (again.status, again.content) == (304, b"")
    [script] = re.findall(rb'<script type="module" src="([^"]+)"', page.content)
    asset = proxy.ask(f"/{script.decode()}", Accept_Encoding="gzip")
    assert asset.status == 200 and asset.headers["content-encoding"] == "gzip"
    assert "immutable" in asset.headers["cache-control"]
    answer = proxy.ask("/predict", SEVEN, X_Request_ID="of-the-client")
    assert answer.status == 200 and json.loads(answer.content)["digit"] == 7
    number = answer.headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f-]{32,36}", number)
    line = json.loads(server.wait_for(f'"id": "{number}"').splitlines()[-1])
    assert line["path"] == "/predict" and line["client"] is None


def test_limits_of_proxy(proxy: Proxy) -> None:
    largest = proxy.ask("/predict", bytes(Limits.max_picture_bytes))
    assert largest.status == 422 and json.loads(largest.content)["error"]
    for size in (Limits.max_picture_bytes + 1, Limits.max_picture_bytes + (1 << 20)):
        assert proxy.ask("/predict", bytes(size)).status == 413
    log = (proxy.folder / f"{proxy.name}.log").read_text()
    assert "temporary file" not in log  # no picture is written
    numbers = "+".join(map(str, range(100_000, 104_000)))
    assert proxy.ask(f"/read?list={numbers}", SEVEN).status == 200
    assert proxy.ask("/metrics").status == 200
    assert proxy.ask("/metrics", source="127.0.0.2").status == 403
    assert proxy.ask("/v2", source="127.0.0.2").status == 200


def test_connections_are_limited_by_address(proxy: Proxy) -> None:
    if proxy.name == "caddy":
        pytest.skip("Caddy has no limit of its own")
    head = f"POST /predict HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 99\r\n\r\n"
    with ExitStack() as opened:
        assert proxy.ask("/v2", source="127.0.0.3").status == 200
        for _ in range(32):
            opened.enter_context(proxy.connect("127.0.0.3")).sendall(head.encode())
        assert proxy.ask("/v2", source="127.0.0.3").status == 429
        assert proxy.ask("/v2", source="127.0.0.4").status == 200
