"""Run the installed `digits` command as a user does."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


def run_installed(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Call the `digits` installed with this Python, in a folder."""
    command = Path(sys.executable).with_name("digits")
    assert command.exists(), "install the project first: make test"
    environment = {k: v for k, v in os.environ.items() if k != "DIGITS_MODEL"}
    return subprocess.run(
        [str(command), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=cwd,
        env=environment,
    )


@pytest.fixture(scope="session")
def run_digits() -> Run:
    """Call the installed `digits`. tests/arm overrides this fixture."""
    return run_installed
