"""The Containerfile and docs/deploy/digits.service: what they install, start and forbid."""

import http.client
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.linux]

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "docs" / "deploy" / "digits.service"
SEVEN = (ROOT / "tests" / "pictures" / "7.jpg").read_bytes()
PYTHON = "/usr/bin/python3"  # one that services may run: they see no home
SYSTEMD = "/lib/systemd/systemd"
UV = f"{Path(sys.executable).parent}/uv"
ENGINE = shutil.which("podman") or shutil.which("docker")

# Instead of pip: it keeps what it has downloaded, and its environments can be moved.
FASTER = {
    "python -m venv": f"{UV} venv --quiet --relocatable --python {PYTHON}",
    r"(\S+) -m pip install --no-cache-dir": rf"{UV} pip install --link-mode=copy --python \1",
}

# Hides from systemd what it would change or start on this machine.
BOOT = """
set -e
mount -t tmpfs tmpfs /run
mount -t proc proc /proc
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /var/lib
mount --bind {folder}/opt /opt
export container=test SYSTEMD_UNIT_PATH={folder}/units:/usr/lib/systemd/system
exec {systemd} --system --unit=digits.service --log-target=console --show-status=no
"""


def arguments_of(instruction: str) -> list[str]:
    """What follows an instruction in the Containerfile, each time that it is there."""
    text = re.sub(r"\\\n\s*", " ", (ROOT / "Containerfile").read_text())
    return re.findall(rf"^{instruction} (.*)$", text, re.MULTILINE)


def exec_form(arguments: str) -> list[str]:
    """A command that needs no shell in the image."""
    words: list[str] = json.loads(arguments[arguments.index("[") :])
    return words


def copied() -> list[tuple[str, str]]:
    """What the Containerfile copies from the checkout, and to where."""
    lines = [line.split() for line in arguments_of("COPY") if "--from" not in line]
    return [(source, target) for *sources, target in lines for source in sources]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in place of the image's root, after COPY and RUN."""
    if not (Path(UV).exists() and Path(PYTHON).exists()):
        pytest.skip("needs uv and the system's Python")
    root = tmp_path_factory.mktemp("image")
    root.chmod(0o755)
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
    variables = os.environ | {"HOME": str(writable), "TMPDIR": str(writable)}
    for assignment in shlex.split(" ".join(arguments_of("ENV"))):
        name, _, value = assignment.partition("=")
        value = value.replace("/opt/", f"{root}/opt/").replace("$PATH", variables["PATH"])
        variables[name] = value
    variables.pop("PYTHONPATH", None)  # the image's own digits
    with socket.create_server(("127.0.0.1", 0)) as free:
        return variables | {"DIGITS_PORT": str(free.getsockname()[1])}


def test_container_commands_serve_and_check_health(image: Path, tmp_path: Path) -> None:
    """Nothing is written, so that it works on a read-only file system."""
    env = environment(image, tmp_path)
    [health], [serve] = map(arguments_of, ("HEALTHCHECK", "CMD"))

    def is_healthy() -> bool:
        return not subprocess.run(exec_form(health), env=env, capture_output=True).returncode

    assert not is_healthy()
    before = set(image.rglob("*"))
    with subprocess.Popen(exec_form(serve), env=env, cwd="/", stderr=subprocess.DEVNULL) as run:
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


@pytest.mark.skipif(not ENGINE, reason="neither podman nor docker is installed")
def test_image_builds_and_becomes_healthy() -> None:
    def run(*arguments: str) -> str:
        return subprocess.check_output([str(ENGINE), *arguments], cwd=ROOT, text=True).strip()

    # podman's own format drops the health check.
    format = ["--format", "docker"] if Path(str(ENGINE)).name == "podman" else []
    run("build", *format, "--tag", "digits-test", "--file", "Containerfile", ".")
    container = run("run", "--detach", "--rm", "--read-only", "digits-test")
    try:
        show = ["inspect", "--format", "{{.State.Health.Status}}", container]
        while (health := run(*show)) != "healthy":
            assert health == "starting"
            time.sleep(0.1)
    finally:
        run("kill", container)


def test_containerfile_and_its_documentation() -> None:
    assert arguments_of("USER") == ["10001:10001"]
    assert "--interval" in arguments_of("HEALTHCHECK")[0]
    assert not [rest for rest in arguments_of("COPY") if "--chown" in rest]
    for path in (ROOT / "Containerfile", ROOT / "docs" / "serve.md"):  # or the check is lost
        commands = re.findall(r"podman build .*", path.read_text())
        assert commands and all("--format docker" in command for command in commands), path
    allowed = (ROOT / ".containerignore").read_text().splitlines()
    assert allowed[0] == "*" and {f"!{source}" for source, _ in copied()} <= set(allowed)


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


class Machine:
    """systemd in namespaces, which runs the unit. process: of unshare, its parent."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process, self._log = process, log
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        self.wait(children.read_text)
        self._init = children.read_text().strip()
        self.root = Path(f"/proc/{self._init}/root")
        self.socket = self.root / "run/digits/digits.sock"
        self.wait(self.socket.exists)

    def wait(self, reached: Callable[[], object]) -> None:
        end = time.monotonic() + 60
        while not reached():
            assert self._process.poll() is None and time.monotonic() < end, self._log.read_text()
            time.sleep(0.05)

    @property
    def main(self) -> int:
        """The server's process, as systemd numbers it; 0 if there is none."""
        return int(self.run("systemctl", "show", "digits", "--property=MainPID", "--value"))

    def run(self, *command: str) -> str:
        """Run a command beside the server; returns its output."""
        enter = ["nsenter", "-t", self._init, "-m", "-p", *command]
        return subprocess.run(enter, capture_output=True, text=True, timeout=60).stdout.strip()

    def ask(self, path: str, content: bytes = b"") -> bytes:
        """Send a request to the server; returns the body, or nothing if it doesn't listen."""
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        if connection.sock.connect_ex(str(self.socket)):
            return b""
        connection.request("POST" if content else "GET", path, content)
        return connection.getresponse().read()


@pytest.fixture
def machine(image: Path) -> Iterator[Machine]:
    if os.getuid() or not (shutil.which("unshare") and Path(SYSTEMD).exists()):
        pytest.skip("needs root and systemd")
    (image / "units").mkdir()
    shutil.copy(UNIT, image / "units")
    namespaces = ("--mount", "--pid", "--fork", "--uts", "--ipc", "--cgroup", "--kill-child")
    boot = ["sh", "-c", BOOT.format(folder=image, systemd=SYSTEMD)]
    log = image / "log"
    with (
        log.open("wb") as file,
        subprocess.Popen(
            ["unshare", *namespaces, "--propagation", "private", *boot], stdout=file, stderr=file
        ) as process,
    ):
        try:
            yield Machine(process, log)
        finally:
            process.kill()


def test_service(machine: Machine) -> None:
    """It has no rights, reloads, starts again when it is killed, and stops."""
    assert json.loads(machine.ask("/predict", SEVEN))["digit"] == 7
    assert b"<h1>Draw digits" in machine.ask("/")
    first = machine.main
    lines = (machine.root / f"proc/{first}/status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    rights = [status[name].strip() for name in ("NoNewPrivs", "Seccomp", "CapBnd")]
    assert rights == ["1", "2", 16 * "0"] and status["Uid"].split()[0] != "0"
    assert machine.socket.stat().st_mode & 0o777 == 0o770 and machine.socket.group() == "www-data"
    assert machine.socket.parent.stat().st_mode & 0o777 == 0o750

    machine.run("systemctl", "reload", "digits")
    machine.wait(lambda: b'reloads_total{result="done"} 1' in machine.ask("/metrics"))
    assert machine.main == first
    machine.run("kill", "-KILL", str(first))
    machine.wait(lambda: machine.main not in (0, first) and machine.ask("/v2"))
    machine.run("systemctl", "stop", "digits")
    result = machine.run("systemctl", "show", "digits", "--property=Result")
    assert result == "Result=success" and machine.main == 0 and not machine.socket.exists()
