"""Run the installed `digits` command as a user does."""

import os
import resource
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


def file_limit(size: int) -> Callable[[], None]:
    """For preexec_fn: files can't grow over `size` bytes, as on a full disk."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def assert_one_sentence(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """A command that failed says why in its last line."""
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in last
