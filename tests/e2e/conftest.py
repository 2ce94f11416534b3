"""Run the installed `digits` command as a user does."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


def run_installed(
    *arguments: object,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    preexec_fn: Callable[[], None] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Call the `digits` installed with this Python; keyword arguments go to subprocess.run."""
    command = Path(sys.executable).with_name("digits")
    assert command.exists(), "install the project first: make test"
    environment = {k: v for k, v in os.environ.items() if k != "DIGITS_MODEL"}
    return subprocess.run(
        [str(command), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=cwd,
        env=env or environment,
        preexec_fn=preexec_fn,
    )


@pytest.fixture(scope="session")
def run_digits() -> Run:
    """Call the installed `digits`. tests/arm overrides this fixture."""
    return run_installed


def file_limit(size: int) -> Callable[[], None]:
    """Return a preexec_fn that limits files to `size` bytes, as if the disk were full."""
    import resource

    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def assert_failed_with_error(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """Check that a command failed with these words in its last line, and no traceback."""
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in last
