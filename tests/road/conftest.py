"""Run the installed `digits` command as a user does."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


def run_installed(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Call the `digits` beside this Python; keyword arguments go to subprocess.run."""
    command = Path(sys.executable).with_name("digits")
    assert command.exists(), "install the project first: make test"
    environment = {k: v for k, v in os.environ.items() if k != "DIGITS_MODEL"}
    return subprocess.run(
        [str(command), *map(str, arguments)],
        **{"capture_output": True, "text": True, "timeout": 300, "env": environment} | options,
    )


@pytest.fixture(scope="session")
def digits() -> Run:
    """Call the installed `digits`. tests/arm has another fixture of this name."""
    return run_installed
