"""The Containerfile and docs/deploy: what they allow and forbid."""

import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from digits.web.settings import Limits
from tests.served import served
from tests.waiting import wait_until

pytestmark = pytest.mark.linux

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs" / "deploy"
UNIT = DEPLOY / "digits.service"
SEVEN = (ROOT / "tests" / "pictures" / "7.jpg").read_bytes()


def arguments_of(instruction: str) -> list[str]:
    """What follows an instruction in the Containerfile, each time that it is there."""
    text = re.sub(r"\\\n\s*", " ", (ROOT / "Containerfile").read_text())
    return re.findall(rf"^{instruction} (.*)$", text, re.MULTILINE)


def test_containerfile_and_its_documentation() -> None:
    assert arguments_of("USER") == ["10001:10001"]
    assert "--interval" in arguments_of("HEALTHCHECK")[0]
    for path in (ROOT / "Containerfile", ROOT / "docs" / "serve.md"):  # or the check is lost
        commands = re.findall(r"podman build .*", path.read_text())
        assert commands and all("--format docker" in command for command in commands), path
    lines = [line.split()[:-1] for line in arguments_of("COPY") if "--from" not in line]
    allowed = (ROOT / ".containerignore").read_text().splitlines()
    assert allowed[0] == "*" and {f"!{source}" for line in lines for source in line} <= {*allowed}


def test_nginx_allows_what_the_server_does() -> None:
    limits, nginx = Limits(), (DEPLOY / "nginx.conf").read_text()
    largest = (limits.max_picture_bytes + limits.max_form_bytes) >> 10
    assert f"client_max_body_size {largest}k;" in nginx
    assert f"large_client_header_buffers 4 {limits.max_header_bytes >> 10}k;" in nginx
    [seconds] = re.findall(r"proxy_read_timeout (\d+)s;", nginx)
    assert int(seconds) > limits.body_timeout + limits.answer_timeout


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


MAIN = """user root;
daemon off;
pid nginx.pid;
events { worker_connections 4096; }
http { access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
uwsgi_temp_path uwsgi; scgi_temp_path scgi;
"""


@contextmanager
def nginx(folder: Path, plain: int, encrypted: int) -> Iterator[ssl.SSLContext]:
    """Serve, and run nginx in front of the server on these ports until the context ends.

    Returns what a client needs to trust it.
    """
    make_certificate = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=digits.example.org"
    files = ["-keyout", "privkey.pem", "-out", "fullchain.pem"]
    subprocess.run([*make_certificate.split(), *files], cwd=folder, check=True)
    port, text = free_port(), (DEPLOY / "nginx.conf").read_text()
    for name, value in (
        ("127.0.0.1:8000", f"127.0.0.1:{port}"),
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443 ", f"listen 127.0.0.1:{encrypted} "),
        ("/etc/ssl/digits", str(folder)),
        ("client_header_timeout 10s;", "client_header_timeout 600s;"),  # none leaves early
    ):
        assert name in text
        text = text.replace(name, value)
    (folder / "proxy.conf").write_text(f"{MAIN}{text}}}")
    context = ssl.create_default_context(cafile=str(folder / "fullchain.pem"))
    context.check_hostname = False  # the address is that of this machine
    command = ["nginx", "-p", f"{folder}/", "-c", "proxy.conf", "-e", "stderr"]
    with (
        served("--port", str(port), "--allowed-hosts", "digits.example.org"),
        subprocess.Popen(command, stderr=subprocess.DEVNULL) as run,
    ):
        try:
            yield context
        finally:
            run.terminate()
            assert run.wait(60) == 0


def is_listening(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
def test_nginx_answers_beside_slow_clients(tmp_path: Path) -> None:
    if not (shutil.which("nginx") and shutil.which("openssl")):
        pytest.skip("nginx or openssl is not installed")
    version = subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr
    if [*map(int, re.findall(r"\d+", version))] < [1, 25, 1]:
        pytest.skip("nginx is too old")
    plain, encrypted = free_port(), free_port()
    with nginx(tmp_path, plain, encrypted) as context, ExitStack() as clients:
        wait_until(lambda: is_listening(encrypted))
        for number in range(300):
            address = "127.0.0.1", encrypted if number % 2 else plain
            client = socket.create_connection(address, 60, ("127.0.0.2", 0))
            if number % 2:
                client = context.wrap_socket(client)
            clients.enter_context(client)
            client.sendall(b"GET / HTTP/1.1\r\nhost:")
        https = http.client.HTTPSConnection("127.0.0.1", encrypted, timeout=60, context=context)
        https.request("POST", "/predict", SEVEN, {"host": "digits.example.org"})
        answer = https.getresponse()
        assert answer.status == 200 and json.loads(answer.read())["digit"] == 7


def test_unit_is_valid_and_confined(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd is not installed")
    unit = tmp_path / "digits.service"
    digits = Path(sys.executable).parent / "digits"
    unit.write_text(UNIT.read_text().replace("/opt/digits/bin/digits", str(digits)))
    for command in (["verify"], ["security", "--offline=true", "--threshold=10"]):  # 1 of 10
        run = ["systemd-analyze", *command, str(unit)]
        done = subprocess.run(run, capture_output=True, text=True, env={**os.environ, "PAGER": ""})
        assert done.returncode == 0, done.stdout + done.stderr
        assert command != ["verify"] or done.stderr == ""
