"""The Containerfile and docs/deploy: what they install, start, allow and forbid."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from digits.web.settings import Limits

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


def environment(root: Path, writable: Path) -> dict[str, str]:
    """Return the variables of ENV, a free port, and a folder for all files that are written."""
    assignments = dict(each.split("=") for each in shlex.split(" ".join(arguments_of("ENV"))))
    assignments["PATH"] = f"{root}/opt/digits/bin:{os.environ['PATH']}"
    with socket.create_server(("127.0.0.1", 0)) as free:
        assignments["DIGITS_PORT"] = str(free.getsockname()[1])
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
    assert "respond @foreign_metrics 403" in caddy
    for words in ("Restart=on-failure", "Group=www-data", "UMask=0007", "DynamicUser=yes"):
        assert words in UNIT.read_text()
    for text in (nginx, caddy, UNIT.read_text()):
        assert "/run/digits/digits.sock" in text


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
