"""Run the installed `digits serve` as a user does."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TextIO

import pytest

DIGITS = Path(sys.executable).parent / "digits"


def make_certificate(folder: Path, host: str, key: str = "key.pem", password: str = "") -> None:
    """Make cert.pem for a host, and its key; with a password, the certificate is other.pem."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    command = [
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-days", "2", "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"),
        *("-keyout", key, "-out", "other.pem" if password else "cert.pem"),
        *(("-passout", f"pass:{password}") if password else ("-nodes",)),
    ]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


@dataclass(frozen=True)
class Served:
    """A running server, and what it logs."""

    process: subprocess.Popen[str]
    port: int
    log: TextIO = field(default_factory=StringIO)

    def wait_for(self, words: str) -> str:
        """Wait until the log contains these words; returns the log."""
        while words not in (written := self.written()):
            assert self.process.poll() is None, written
            time.sleep(0.01)
        return written

    def written(self) -> str:
        """Return what it has written to stderr so far."""
        self.log.seek(0)
        return self.log.read()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def resident(self) -> int:
        """Resident memory in bytes, including its worker processes."""
        return sum(map(_resident_bytes, [str(self.process.pid), *self.children]))

    @property
    def children(self) -> list[str]:
        """Its worker processes."""
        tasks = Path(f"/proc/{self.process.pid}").glob("task/*/children")
        return [child for task in tasks for child in task.read_text().split()]


def _resident_bytes(pid: str) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def served(
    *options: str,
    files: int | None = None,
    complains: bool = False,
    command: str = "serve",
    **environment: str,
) -> Iterator[Served]:
    """Serve on a free port; afterwards, check that SIGTERM ends it with exit code 0.

    files: limit of open files. complains: whether it may log anything but its address. command:
    serve or review. environment: variables to set, such as DIGITS_TOKEN.
    """

    limit = ["prlimit", f"--nofile={files}"] if files else []
    arguments = [*limit, str(DIGITS), command, "--port", "0", *options]
    with (
        NamedTemporaryFile("w") as file,
        # A file of its own: reading from the one that the server writes to would move its position.
        Path(file.name).open() as log,
        subprocess.Popen(
            arguments, stderr=file, text=True, env=os.environ | environment
        ) as process,
    ):
        try:
            yield Served(process, _port(process, log), log)
            process.terminate()
            assert process.wait(timeout=90) == 0
            log.seek(0)
            assert complains or [line for line in log if not line.startswith("serving ")] == []
        finally:
            process.kill()


def _port(process: subprocess.Popen[str], log: TextIO) -> int:
    """Wait until the server has logged its address; returns the port, 0 for a Unix socket."""
    while process.poll() is None:
        log.seek(0)
        if address := re.search(r"serving (?:https?://\S+:(\d+)/|unix:)", log.read()):
            return int(address[1] or 0)
        time.sleep(0.01)
    log.seek(0)
    raise AssertionError(log.read())
