"""Start `digits`, kill it, and give it a disk that is full."""

import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from tests.crash.faults import ERRORS

# Kills of each command at a random time, write errors, sizes of disks; from ALL on, all of these.
KILLS = int(os.environ.get("DIGITS_KILLS", "2"))
ALL = 100
MOST = 100.0  # seconds that any command may take

PAGE = os.sysconf("SC_PAGE_SIZE")
ROOT = Path(__file__).parent.parent.parent
Fault = tuple[str, int]


class Command:
    """A `digits` that runs."""

    def __init__(self, connection: socket.socket, err: IO[bytes]) -> None:
        self._connection, self._err = connection, err
        self.pid = int(connection.recv(100))
        self.code: int | None = None

    def wait(self, seconds: float = MOST) -> int | None:
        """The exit code; None when it goes on for longer."""
        if self.code is None and select.select([self._connection], [], [], seconds)[0]:
            self.code = int(self._connection.recv(100))
        return self.code

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal and wait for the end."""
        os.kill(self.pid, number)
        assert self.wait() is not None, "it lives on"

    @property
    def err(self) -> str:
        """What it has said on stderr."""
        self._err.seek(0)
        return self._err.read().decode()


class Driver:
    """Starts commands, one after the other. See driver.py."""

    def __init__(self) -> None:
        self._connection, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.driver", str(other.fileno())],
            cwd=ROOT,
            pass_fds=[other.fileno()],
            stdin=subprocess.DEVNULL,
        )
        other.close()
        assert self._connection.recv(100) == b"ready"

    def start(
        self,
        folder: Path,
        *arguments: object,
        out: IO[Any] | None = None,
        err: IO[Any] | None = None,
        faults: dict[str, Any] | None = None,
    ) -> Command:
        """Start `digits ARGUMENTS` in the folder. out, err: where they go; else to a file."""
        err = err or tempfile.TemporaryFile()  # noqa: SIM115
        command = {"folder": str(folder), "arguments": list(map(str, arguments)), "faults": faults}
        with tempfile.TemporaryFile() as forgotten:
            descriptors = [(out or forgotten).fileno(), err.fileno()]
            socket.send_fds(self._connection, [json.dumps(command).encode()], descriptors)
        return Command(self._connection, err)

    def stop(self) -> None:
        self._connection.close()
        self._process.wait(MOST)


def faults(folder: Path, fault: Fault | None, log: Path) -> dict[str, Any]:
    """For Driver.start; without a fault, the calls are only counted."""
    error, at = fault or ("EIO", 0)
    return {"folder": f"{os.path.realpath(folder)}/", "error": error, "at": at, "log": str(log)}


def chosen(calls: int) -> list[Fault]:
    """Each error at each call, or some of them."""
    every = [(error, at) for at in range(1, calls + 1) for error in ERRORS]
    return every if KILLS >= ALL else random.Random(0).sample(every, min(KILLS, len(every)))


def moments(span: float) -> Iterator[float]:
    """When to kill, in seconds after the start; `span` is how long the command takes."""
    dice = random.Random(1)
    return (dice.uniform(0, span) for _ in range(KILLS))


@contextmanager
def disk(folder: Path, pages: int) -> Iterator[None]:
    """Let the folder be a disk of so many pages; skips where nothing may be mounted."""
    folder.mkdir(exist_ok=True)
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", _size(pages), "tmpfs", folder])
    if made.returncode:
        pytest.skip("a disk can't be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def enlarge(folder: Path, pages: int) -> None:
    subprocess.run(["mount", "-o", f"remount,{_size(pages)}", folder], check=True)


def _size(pages: int) -> str:
    return f"size={pages * PAGE}"


def too_small(log: Path) -> list[int]:
    """The sizes in pages of the disks on which each time another write is the first to fail.

    log: that of a command that had room enough.
    """
    first, *used = (int(line.split()[0]) for line in log.read_text().splitlines())
    sizes = sorted({pages - 1 for pages in used if pages > max(first, 1)})
    return sizes if KILLS >= ALL else random.Random(2).sample(sizes, min(KILLS, len(sizes)))


class Tally:
    """Where the kills hit."""

    def __init__(self) -> None:
        self.kills: dict[str, Counter[str]] = {}

    def add(self, command: str, where: str) -> None:
        self.kills.setdefault(command, Counter())[where] += 1
