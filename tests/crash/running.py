"""Run `digits` commands, kill them, and mount small disks."""

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

# How many kills at random times, write errors and disk sizes are tried of each command. From
# ALL_FAULTS on, all write errors and disk sizes are.
KILLS = int(os.environ.get("DIGITS_KILLS", "2"))
ALL_FAULTS = 100
MAX_SECONDS = 100.0  # after which a command counts as hanging

PAGE = os.sysconf("SC_PAGE_SIZE")
ROOT = Path(__file__).parent.parent.parent
Fault = tuple[str, int]


class Command:
    """A running `digits` command."""

    def __init__(self, connection: socket.socket, err: IO[bytes]) -> None:
        self._connection, self._err = connection, err
        self.pid = int(connection.recv(100))
        self.code: int | None = None

    def wait(self, seconds: float = MAX_SECONDS) -> int | None:
        """Return the exit code, or None if it is still running after so many seconds."""
        if self.code is None and select.select([self._connection], [], [], seconds)[0]:
            self.code = int(self._connection.recv(100))
        return self.code

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal and wait for the process to end."""
        os.kill(self.pid, number)
        assert self.wait() is not None, "it is still running"

    @property
    def err(self) -> str:
        """What it has written to stderr."""
        self._err.seek(0)
        return self._err.read().decode()


class Driver:
    """Starts commands, one at a time. See driver.py."""

    def __init__(self) -> None:
        self._connection, child_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.driver", str(child_end.fileno())],
            cwd=ROOT,
            pass_fds=[child_end.fileno()],
            stdin=subprocess.DEVNULL,
        )
        child_end.close()
        assert self._connection.recv(100) == b"ready"

    def start(
        self,
        folder: Path,
        *arguments: object,
        out: IO[Any] | None = None,
        err: IO[Any] | None = None,
        faults: dict[str, Any] | None = None,
    ) -> Command:
        """Start `digits ARGUMENTS` in the folder. faults: see `faults`."""
        err = err or tempfile.TemporaryFile()  # noqa: SIM115
        command = {"folder": str(folder), "arguments": list(map(str, arguments)), "faults": faults}
        with tempfile.TemporaryFile() as discarded:
            descriptors = [(out or discarded).fileno(), err.fileno()]
            socket.send_fds(self._connection, [json.dumps(command).encode()], descriptors)
        return Command(self._connection, err)

    def stop(self) -> None:
        self._connection.close()
        self._process.wait(MAX_SECONDS)


def faults(folder: Path, fault: Fault | None, log: Path) -> dict[str, Any]:
    """Return the arguments of Faults for Driver.start; without a fault, calls are only logged."""
    error, at = fault or ("EIO", 0)
    return {"folder": f"{os.path.realpath(folder)}/", "error": error, "at": at, "log": str(log)}


def select_faults(calls: int) -> list[Fault]:
    """Return each error at each call, or a random sample of them."""
    every = [(error, at) for at in range(1, calls + 1) for error in ERRORS]
    return every if KILLS >= ALL_FAULTS else random.Random(0).sample(every, min(KILLS, len(every)))


def kill_times(span: float) -> Iterator[float]:
    """Yield random times for kills, in seconds after the start. span: the command's duration."""
    rng = random.Random(1)
    return (rng.uniform(0, span) for _ in range(KILLS))


@contextmanager
def disk(folder: Path, pages: int) -> Iterator[None]:
    """Mount a disk of so many pages on the folder; skips without the right to mount."""
    folder.mkdir(exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", _size(pages), "tmpfs", folder])
    if mounted.returncode:
        pytest.skip("a disk can't be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def resize_disk(folder: Path, pages: int) -> None:
    subprocess.run(["mount", "-o", f"remount,{_size(pages)}", folder], check=True)


def _size(pages: int) -> str:
    return f"size={pages * PAGE}"


def failing_sizes(log: Path) -> list[int]:
    """Return disk sizes in pages, each of which makes another write the first to fail.

    log: that of Faults, from a command that succeeded.
    """
    first, *used = (int(line.split()[0]) for line in log.read_text().splitlines())
    sizes = sorted({pages - 1 for pages in used if pages > max(first, 1)})
    return sizes if KILLS >= ALL_FAULTS else random.Random(2).sample(sizes, min(KILLS, len(sizes)))


class KillCounts:
    """How many kills hit before, during and after writes, by command."""

    def __init__(self) -> None:
        self.kills: dict[str, Counter[str]] = {}

    def add(self, command: str, point: str) -> None:
        self.kills.setdefault(command, Counter())[point] += 1
