"""Run the installed `digits serve` as a user does."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TextIO

from tests.waiting import wait_until

DIGITS = Path(sys.executable).parent / "digits"


@dataclass(frozen=True)
class Served:
    """A running server, and what it logs."""

    process: subprocess.Popen[str]
    port: int
    log: TextIO

    def wait_for(self, words: str) -> None:
        """Wait until the log contains these words."""
        wait_until(lambda: words in self.written() or self.process.poll() is not None)
        assert words in self.written(), self.written()

    def written(self) -> str:
        """Return what it has written to stderr so far."""
        self.log.seek(0)
        return self.log.read()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def served(
    *options: str,
    complains: bool = False,
    command: str = "serve",
    **environment: str,
) -> Iterator[Served]:
    """Serve on a free port; afterwards, check that SIGTERM ends it with exit code 0.

    complains: whether it may log anything but its address. command: serve or review. environment:
    variables to set, such as DIGITS_TOKEN.
    """
    arguments = [str(DIGITS), command, "--port", "0", *options]
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
    written = [""]

    def has_started_or_ended() -> bool:
        log.seek(0)
        written[:] = [log.read()]
        return "serving " in written[0] or process.poll() is not None

    wait_until(has_started_or_ended)
    address = re.search(r"serving (?:https?://\S+:(\d+)/|unix:)", written[0])
    assert address, written
    return int(address[1] or 0)
