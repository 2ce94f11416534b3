"""Run `digits` commands, and kill them."""

import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from tests.crash.faults import ERRORS

# How many kills at random times are tried of each command; from ALL_FAULTS on, all write errors.
KILLS = int(os.environ.get("DIGITS_KILLS", "2"))
ALL_FAULTS = 100
MAX_SECONDS = 100.0  # after which a command counts as hanging

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
    """Return each error at each call, or at a random one."""
    if KILLS >= ALL_FAULTS:
        return [(error, at) for at in range(1, calls + 1) for error in ERRORS]
    rng = random.Random(0)
    return [(error, rng.randint(1, calls)) for error in ERRORS]


def kill_times(span: float) -> Iterator[float]:
    """Yield random times for kills, in seconds after the start. span: the command's duration."""
    rng = random.Random(1)
    return (rng.uniform(0, span) for _ in range(KILLS))
