"""Run Python and `digits` on the emulated processors of a Raspberry Pi 4 and 5."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest

from tests.e2e.conftest import Run

# Those of the Raspberry Pi 4 and 5; the latter has UDOT (four products of bytes at once), for which
# onnxruntime has other kernels.
PROCESSORS = ("cortex-a72", "cortex-a76")
SERVER = Path(__file__).with_name("server.py")


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder that root.sh has built."""
    if "DIGITS_ARM" not in os.environ:
        pytest.skip("needs an Arm root file system: run `make test-arm`")
    return Path(os.environ["DIGITS_ARM"])


@pytest.fixture(scope="session", params=PROCESSORS)
def python(request: pytest.FixtureRequest, root: Path) -> list[str]:
    """The command that starts the Arm build of Python on one of the processors."""
    return [
        *("qemu-aarch64", "-cpu", request.param, "-L", str(root / "debian")),
        *("-E", f"PYTHONPATH={root / 'packages'}", str(root / "debian/usr/bin/python3")),
    ]


@pytest.fixture(scope="session")
def run_digits(python: list[str]) -> Iterator[Run]:
    """Call the Arm build of `digits` in one long-lived process: each start takes seconds."""
    with subprocess.Popen(
        [*python, str(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        requests, answers = server.stdin, server.stdout
        assert requests is not None
        assert answers is not None

        def call(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
            command = list(map(str, arguments))
            limit = Timer(300, server.kill)
            limit.start()
            print(json.dumps([str(cwd), command]), file=requests, flush=True)
            answer = answers.readline()
            limit.cancel()
            assert answer, "the emulated process has ended"
            return subprocess.CompletedProcess(command, *json.loads(answer))

        yield call
