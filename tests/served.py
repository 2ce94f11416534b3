"""The installed `digits serve`, started as a user starts it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

DIGITS = Path(sys.executable).parent / "digits"


@dataclass(frozen=True)
class Served:
    """A running server."""

    process: subprocess.Popen[str]
    port: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def resident(self) -> int:
        """Bytes of memory that it takes now."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def served(*options: str) -> Iterator[Served]:
    """Start it on a free port; it is ended with SIGTERM, and must then end with 0."""
    command = [str(DIGITS), "serve", "--port", "0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        try:
            found = re.search(r":(\d+)/", line)
            assert found, line
            yield Served(process, int(found[1]))
            process.terminate()
            assert process.wait(timeout=90) == 0
        finally:
            process.kill()
