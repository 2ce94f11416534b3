import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from digits.errors import ModelError
from digits.inference.watchdog import watched


def endless(options: Any) -> None:
    """A run of onnxruntime that never ends by itself."""
    while not options.terminate:
        time.sleep(0.01)
    raise RuntimeError("the flag was set")


def test_what_runs_too_long_is_ended_and_nothing_else() -> None:
    watched(lambda _: None, 60.0, "first")
    with ThreadPoolExecutor(2) as pool:
        patient = pool.submit(watched, lambda _: time.sleep(1.5), 60.0, "patient")
        with pytest.raises(ModelError, match="^it is too slow: it ran for over 1 s$"):
            watched(endless, 0.6, "it")
        patient.result()
    time.sleep(0.5)  # until it sleeps
    with pytest.raises(ModelError, match="it is too slow"):
        watched(endless, 0.1, "it")
    assert [thread.name for thread in threading.enumerate()].count("watchdog") == 1


@pytest.mark.parametrize("error", [MemoryError, RuntimeError, IndexError, ValueError])
def test_onnxruntime_error_is_a_model_error(error: type[Exception]) -> None:
    def fail(_: object) -> None:
        raise error("bad\nallocation")

    with pytest.raises(ModelError, match="^onnxruntime can't run it: bad$"):
        watched(fail, 60.0, "it")


@pytest.mark.unix
def test_fork_has_its_own_watchdog() -> None:
    code = (
        "import os\n"
        "from tests.runtime.inference.test_watchdog import endless, watched, ModelError\n"
        "watched(lambda _: None, 60.0, 'it')\n"
        "if child := os.fork(): raise SystemExit(os.waitpid(child, 0)[1])\n"
        "try: watched(endless, 0.1, 'it')\n"
        "except ModelError: os._exit(0)\n"
        "os._exit(1)\n"
    )
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code], timeout=30).returncode == 0
