"""docs/deploy/digits.service: checked by systemd, and run by one in namespaces of its own."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.linux]

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "docs" / "deploy" / "digits.service"
SEVEN = (ROOT / "tests" / "pictures" / "7.jpg").read_bytes()
PYTHON = "/usr/bin/python3"  # one that services may run: they see no home
SYSTEMD = "/lib/systemd/systemd"

# Hides from systemd what it would change or start on this machine.
BOOT = """
set -e
mount -t tmpfs tmpfs /run
mount -t proc proc /proc
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /var/lib
mount -t tmpfs tmpfs /opt
mkdir /opt/digits
mount --bind {environment} /opt/digits
export container=test SYSTEMD_UNIT_PATH={units}:/usr/lib/systemd/system
exec {systemd} --system --unit=digits.service --log-target=console --show-status=no
"""


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
        end = time.monotonic() + 30
        while not reached():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < end, self.systemctl("status", "digits", "--lines=50")
            time.sleep(0.1)

    @property
    def main(self) -> int:
        """The server's process, as systemd numbers it; 0 if there is none."""
        return int(self.systemctl("show", "digits", "--property=MainPID", "--value"))

    @property
    def status(self) -> dict[str, str]:
        """Of the server's process."""
        lines = (self.root / f"proc/{self.main}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def systemctl(self, *arguments: str) -> str:
        return self.run("systemctl", *arguments)

    def run(self, *command: str) -> str:
        """Run a command beside the server; returns its output."""
        enter = ["nsenter", "-t", self._init, "-m", "-p", *command]
        return subprocess.run(enter, capture_output=True, text=True, timeout=60).stdout.strip()

    def accepts(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.socket)) == 0

    def ask(self, path: str, content: bytes = b"") -> bytes:
        """Send a request to the server; returns the body."""
        method = "POST" if content else "GET"
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.socket))
            client.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
            answer = b"".join(iter(lambda: client.recv(1 << 16), b""))
        return answer.partition(b"\r\n\r\n")[2]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    if os.getuid() or not (shutil.which("unshare") and Path(SYSTEMD).exists()):
        pytest.skip("needs root and systemd")
    folder = tmp_path_factory.mktemp("machine")
    install(folder / "environment")
    (folder / "units").mkdir()
    shutil.copy(UNIT, folder / "units")
    folder.chmod(0o755)
    names = {"environment": folder / "environment", "units": folder / "units", "systemd": SYSTEMD}
    namespaces = ("--mount", "--pid", "--fork", "--uts", "--ipc", "--cgroup", "--kill-child")
    log = folder / "log"
    with (
        log.open("wb") as file,
        subprocess.Popen(
            ["unshare", *namespaces, "--propagation", "private", "sh", "-c", BOOT.format(**names)],
            stdout=file,
            stderr=file,
        ) as process,
    ):
        try:
            yield Machine(process, log)
        finally:
            process.kill()


def install(environment: Path) -> None:
    """Install the project where a service may read it."""
    uv = Path(sys.executable).parent / "uv"
    if not (uv.exists() and Path(PYTHON).exists()):
        pytest.skip("needs uv and the system's Python")
    subprocess.run([uv, "venv", "--quiet", "--python", PYTHON, environment], check=True)
    install = [str(uv), "pip", "install", "--quiet", "--link-mode=copy"]
    command = [*install, "--python", str(environment / "bin" / "python"), f"{ROOT}[serve]"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode and "connect" in done.stderr.lower():
        pytest.skip("there is no network")
    assert done.returncode == 0, done.stderr
    # Scripts name the folder that they are installed in; systemd sees them in /opt.
    script = environment / "bin" / "digits"
    script.write_text(script.read_text().replace(str(environment), "/opt/digits"))


def test_service_reads_pictures_without_rights(machine: Machine) -> None:
    assert json.loads(machine.ask("/predict", SEVEN))["digit"] == 7
    assert b"<h1>Draw digits" in machine.ask("/")
    status = machine.status
    assert (status["NoNewPrivs"], status["Seccomp"], int(status["CapBnd"], 16)) == ("1", "2", 0)
    assert status["Uid"].split()[0] != "0"
    assert machine.socket.stat().st_mode & 0o777 == 0o770 and machine.socket.group() == "www-data"
    assert machine.socket.parent.stat().st_mode & 0o777 == 0o750


def test_reload_kill_and_stop(machine: Machine) -> None:
    before = machine.main
    machine.systemctl("reload", "digits")
    machine.wait(lambda: b'reloads_total{result="done"} 1' in machine.ask("/metrics"))
    assert machine.main == before
    machine.run("kill", "-KILL", str(before))
    machine.wait(lambda: machine.main not in (0, before) and machine.accepts())
    assert json.loads(machine.ask("/predict", SEVEN))["digit"] == 7
    machine.systemctl("stop", "digits")
    assert machine.systemctl("show", "digits", "--property=Result") == "Result=success"
    assert machine.main == 0 and not machine.socket.exists()
