"""Run the installed `digits serve` as a user does."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TextIO

from tests.waiting import wait_until

DIGITS = Path(sys.executable).parent / "digits"


@dataclass(frozen=True)
class Served:
    """A running server, and what it logs."""

    process: subprocess.Popen[str]
    log: TextIO

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until the log has it."""
        wait_until(lambda: re.search(pattern, self.written()) or self.process.poll() is not None)
        match = re.search(pattern, self.written())
        assert match, self.written()
        return match

    def written(self) -> str:
        """Return what it has written to stderr so far."""
        self.log.seek(0)
        return self.log.read()

    @cached_property
    def port(self) -> int:
        return int(self.wait_for(r"serving http://\S+:(\d+)/")[1])

    @property
    def address(self) -> str:
        """The one that is printed."""
        return self.wait_for(r"serving (\S+)")[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def served(
    *options: str, complains: bool = False, command: str = "serve", **environment: str
) -> Iterator[Served]:
    """Serve on a free port; afterwards, check that SIGTERM ends it with exit code 0.

    complains: whether it may log anything but its address. command: such as serve or form edit.
    environment: variables to set, such as DIGITS_TOKEN.
    """
    arguments = [str(DIGITS), *command.split(), "--port", "0", *options]
    with (
        NamedTemporaryFile("w") as file,
        # A file of its own: reading from the one that the server writes to would move its position.
        Path(file.name).open() as log,
        subprocess.Popen(
            arguments, stderr=file, text=True, env=os.environ | environment
        ) as process,
    ):
        try:
            server = Served(process, log)
            server.wait_for("serving .*\n")
            yield server
            process.terminate()
            assert process.wait(timeout=90) == 0
            log.seek(0)
            assert complains or [line for line in log if not line.startswith("serving ")] == []
        finally:
            process.kill()
