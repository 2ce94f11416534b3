"""Run the installed `digits` command as a user does."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def run_digits() -> Run:
    """Call the `digits` installed with this Python, in a folder."""
    command = Path(sys.executable).with_name("digits")
    assert command.exists(), "install the project first: make test"
    environment = {k: v for k, v in os.environ.items() if k != "DIGITS_MODEL"}

    def call(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        words = [str(command), *map(str, arguments)]
        return subprocess.run(
            words, capture_output=True, text=True, timeout=300, cwd=cwd, env=environment
        )

    return call
