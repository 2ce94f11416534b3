"""Run Python, and `digits`, as on a Raspberry Pi 4 and 5."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest

from tests.e2e.conftest import Run

# The Raspberry Pi 4's; the 5's, for which onnxruntime has other kernels (UDOT: four products of
# bytes at once).
PROCESSORS = ("cortex-a72", "cortex-a76")
SERVER = Path(__file__).with_name("server.py")


@pytest.fixture(scope="session")
def root() -> Path:
    """What root.sh built."""
    if "DIGITS_ARM" not in os.environ:
        pytest.skip("`make test-arm` runs these: they need an Arm root, and minutes")
    return Path(os.environ["DIGITS_ARM"])


@pytest.fixture(scope="session", params=PROCESSORS)
def python(request: pytest.FixtureRequest, root: Path) -> list[str]:
    """The command that starts Arm's Python, with its digits, on one of the processors."""
    return [
        *("qemu-aarch64", "-cpu", request.param, "-L", str(root / "debian")),
        *("-E", f"PYTHONPATH={root / 'packages'}", str(root / "debian/usr/bin/python3")),
    ]


@pytest.fixture(scope="session")
def digits(python: list[str]) -> Iterator[Run]:
    """Call Arm's `digits`, in one process that stays: emulated, it starts for seconds."""
    with subprocess.Popen(
        [*python, str(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin
        assert server.stdout

        def call(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
            command = list(map(str, arguments))
            limit = Timer(300, server.kill)
            limit.start()
            print(json.dumps([str(cwd), command]), file=server.stdin, flush=True)
            answer = server.stdout.readline()
            limit.cancel()
            assert answer, "the emulated process is gone"
            return subprocess.CompletedProcess(command, *json.loads(answer))

        yield call
