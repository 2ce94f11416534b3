"""The Containerfile and docs/deploy: what they install, start, allow and forbid."""

import http.client
import json
import os
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from digits.web.settings import Limits
from tests.served import served
from tests.waiting import wait_until

pytestmark = pytest.mark.linux

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs" / "deploy"
UNIT = DEPLOY / "digits.service"
SEVEN = (ROOT / "tests" / "pictures" / "7.jpg").read_bytes()
UV = f"{Path(sys.executable).parent}/uv"

# Instead of pip: it keeps what it has downloaded.
FASTER = {
    "python -m venv": f"{UV} venv --quiet --python {sys.executable}",
    r"(\S+) -m pip install --no-cache-dir": rf"{UV} pip install --link-mode=copy --python \1",
}


def arguments_of(instruction: str) -> list[str]:
    """What follows an instruction in the Containerfile, each time that it is there."""
    text = re.sub(r"\\\n\s*", " ", (ROOT / "Containerfile").read_text())
    return re.findall(rf"^{instruction} (.*)$", text, re.MULTILINE)


def copied() -> list[tuple[str, str]]:
    """What the Containerfile copies from the checkout, and to where."""
    lines = [line.split() for line in arguments_of("COPY") if "--from" not in line]
    return [(source, target) for *sources, target in lines for source in sources]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in place of the image's root, after COPY and RUN."""
    if not Path(UV).exists():
        pytest.skip("uv is not installed")
    root = tmp_path_factory.mktemp("image")
    for source, target in copied():
        folder = root / target.strip("/")
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, folder)
        else:
            folder.mkdir(exist_ok=True)
            shutil.copy(ROOT / source, folder)
    for command in arguments_of("RUN"):
        moved = re.sub(r"(?<![\w.])/(?=opt/|src\b)", f"{root}/", command)
        for words, faster in FASTER.items():
            moved = re.sub(words, faster, moved)
        done = subprocess.run(moved, shell=True, capture_output=True, text=True)
        if done.returncode and "connect" in done.stderr.lower():
            pytest.skip("there is no network")
        assert done.returncode == 0, f"{command}: {done.stderr}"
    return root


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def environment(root: Path, writable: Path) -> dict[str, str]:
    """Return the variables of ENV, a free port, and a folder for all files that are written."""
    assignments = dict(each.split("=") for each in shlex.split(" ".join(arguments_of("ENV"))))
    assignments["PATH"] = f"{root}/opt/digits/bin:{os.environ['PATH']}"
    assignments["DIGITS_PORT"] = str(free_port())
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return own | assignments | {"HOME": str(writable), "TMPDIR": str(writable)}


def test_container_commands_serve_and_check_health(image: Path, tmp_path: Path) -> None:
    """Nothing is written, so that it works on a read-only file system."""
    env = environment(image, tmp_path)
    [serve] = map(json.loads, arguments_of("CMD"))
    check = json.loads(arguments_of("HEALTHCHECK")[0].partition(" CMD ")[2])

    def is_healthy() -> bool:
        return not subprocess.run(check, env=env, capture_output=True).returncode

    assert not is_healthy()
    before = set(image.rglob("*"))
    with subprocess.Popen(serve, env=env, cwd="/", stderr=subprocess.DEVNULL) as run:
        try:
            while not is_healthy():
                assert run.poll() is None
            assert f"{image}/opt" in Path(f"/proc/{run.pid}/cmdline").read_text()
            with urlopen(f"http://127.0.0.1:{env['DIGITS_PORT']}/predict", SEVEN) as answer:
                assert json.loads(answer.read())["digit"] == 7
            run.send_signal(getattr(signal, arguments_of("STOPSIGNAL")[0]))
            assert run.wait(60) == 0
        finally:
            run.kill()
    assert not is_healthy()
    assert set(image.rglob("*")) == before and not list(tmp_path.iterdir())


def test_containerfile_and_its_documentation() -> None:
    assert arguments_of("USER") == ["10001:10001"]
    assert "--interval" in arguments_of("HEALTHCHECK")[0]
    for path in (ROOT / "Containerfile", ROOT / "docs" / "serve.md"):  # or the check is lost
        commands = re.findall(r"podman build .*", path.read_text())
        assert commands and all("--format docker" in command for command in commands), path
    allowed = (ROOT / ".containerignore").read_text().splitlines()
    assert allowed[0] == "*" and {f"!{source}" for source, _ in copied()} <= set(allowed)


def test_proxies_allow_what_the_server_does() -> None:
    limits = Limits()
    nginx, caddy = ((DEPLOY / name).read_text() for name in ("nginx.conf", "Caddyfile"))
    largest = (limits.max_picture_bytes + limits.max_form_bytes) >> 10
    assert f"client_max_body_size {largest}k;" in nginx and f"max_size {largest}KiB" in caddy
    assert f"large_client_header_buffers 4 {limits.max_header_bytes >> 10}k;" in nginx
    [seconds] = re.findall(r"proxy_read_timeout (\d+)s;", nginx)
    assert int(seconds) > limits.body_timeout + limits.answer_timeout
    for words in ("limit_conn digits_connections 32;", "proxy_request_buffering off;", "deny all;"):
        assert words in nginx
    assert "events { worker_connections 4096; }" in nginx
    assert "respond @foreign_metrics 403" in caddy
    for words in ("Restart=on-failure", "Group=www-data", "UMask=0007", "DynamicUser=yes"):
        assert words in UNIT.read_text()
    for text in (nginx, caddy, UNIT.read_text()):
        assert "/run/digits/digits.sock" in text


@contextmanager
def behind(proxy: str, text: str, folder: Path, *arguments: str) -> Iterator[None]:
    """Serve on a Unix socket, and run a proxy in front of it until the context ends.

    text: the proxy's configuration. arguments: those that name the file `proxy.conf` in the folder.
    """
    uds, config = folder / "digits.sock", folder / "proxy.conf"
    config.write_text(text.replace("/run/digits/digits.sock", str(uds)))
    variables = os.environ | {"HOME": str(folder)}
    with (
        served("--uds", str(uds), "--allowed-hosts", "digits.example.org"),
        (folder / "log").open("w") as log,
        subprocess.Popen([proxy, *arguments], cwd=folder, env=variables, stderr=log) as run,
    ):
        try:
            yield
        finally:
            run.terminate()
            assert run.wait(60) == 0, (folder / "log").read_text()


def assert_answers(client: http.client.HTTPConnection) -> None:
    """The page's own machine may read the metrics, too; each answer has an identifier."""
    for method, path, content in (("POST", "/predict", SEVEN), ("GET", "/metrics", None)):
        client.request(method, path, content, {"host": "digits.example.org"})
        answer = client.getresponse()
        body = answer.read()
        assert answer.status == 200 and answer.getheader("x-request-id")
        assert path == "/metrics" or json.loads(body)["digit"] == 7


def is_listening(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
def test_caddy(tmp_path: Path) -> None:
    if not shutil.which("caddy"):
        pytest.skip("caddy is not installed")
    port, text = free_port(), (DEPLOY / "Caddyfile").read_text()
    text = text.replace("digits.example.org {", f"http://digits.example.org:{port} {{")
    with behind(
        *("caddy", f"{{\n\tadmin off\n}}\n{text}", tmp_path),
        *("run", "--config", "proxy.conf", "--adapter", "caddyfile"),
    ):
        wait_until(lambda: is_listening(port))
        assert_answers(http.client.HTTPConnection("127.0.0.1", port))


SLOW = [  # what a slow client sends, and whether by TLS
    (b"GET / HTTP/1.1\r\nhost:", False),
    (b"GET / HTTP/1.1\r\nhost:", True),
    (b"POST /read HTTP/1.1\r\nhost: digits.example.org\r\ncontent-length: 9\r\n\r\n1", True),
]
MAIN = """user root;
worker_rlimit_nofile 8192;
daemon off;
pid nginx.pid;
events { worker_connections 4096; }
http { access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
uwsgi_temp_path uwsgi; scgi_temp_path scgi;
"""


@pytest.mark.slow
def test_nginx_answers_beside_1500_slow_clients(tmp_path: Path) -> None:
    if not (shutil.which("nginx") and shutil.which("openssl")):
        pytest.skip("nginx or openssl is not installed")
    version = subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr
    if [*map(int, re.findall(r"\d+", version))] < [1, 25, 1]:
        pytest.skip("nginx is too old")
    import resource  # which Windows lacks

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        pytest.skip("too few files may be open")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    make_certificate = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=digits.example.org"
    files = ["-keyout", "privkey.pem", "-out", "fullchain.pem"]
    subprocess.run([*make_certificate.split(), *files], cwd=tmp_path, check=True)
    plain, encrypted = free_port(), free_port()
    text = (DEPLOY / "nginx.conf").read_text()
    for name, value in (
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443 ", f"listen 127.0.0.1:{encrypted} "),
        ("/etc/ssl/digits", str(tmp_path)),
        ("client_header_timeout 10s;", "client_header_timeout 600s;"),  # none leaves early
    ):
        assert name in text
        text = text.replace(name, value)
    context = ssl.create_default_context(cafile=str(tmp_path / "fullchain.pem"))
    context.check_hostname = False  # the address is that of this machine
    arguments = ["-p", f"{tmp_path}/", "-c", "proxy.conf", "-e", "stderr"]
    with behind("nginx", f"{MAIN}{text}}}", tmp_path, *arguments), ExitStack() as clients:
        wait_until(lambda: is_listening(encrypted))
        for number in range(1500):
            start, is_encrypted = SLOW[number % len(SLOW)]
            address = "127.0.0.1", encrypted if is_encrypted else plain
            client = socket.create_connection(address, 60, ("127.0.0.2", 0))
            if is_encrypted:
                client = context.wrap_socket(client)
            clients.enter_context(client)
            client.sendall(start)
        for _ in range(10):
            assert_answers(
                http.client.HTTPSConnection("127.0.0.1", encrypted, timeout=60, context=context)
            )


def test_unit_is_valid_and_confined(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd is not installed")
    unit = tmp_path / "digits.service"
    digits = Path(sys.executable).parent / "digits"
    unit.write_text(UNIT.read_text().replace("/opt/digits/bin/digits", str(digits)))
    for command in (["verify"], ["security", "--offline=true", "--threshold=5"]):  # 0.5 of 10
        run = ["systemd-analyze", *command, str(unit)]
        done = subprocess.run(run, capture_output=True, text=True, env={**os.environ, "PAGER": ""})
        assert done.returncode == 0, done.stdout + done.stderr
        assert command != ["verify"] or done.stderr == ""
