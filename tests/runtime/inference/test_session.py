import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from digits.errors import ModelError
from digits.inference.model_file import BUNDLED
from digits.inference.session import Session


def session(run: Any) -> Session:
    """One whose network is a function that gets the options of the run."""
    opened = Session(Path(BUNDLED).read_bytes(), "it", "float")
    graph: Any = SimpleNamespace(run=lambda outputs, inputs, options: run(options))
    opened.graph = graph
    return opened


def endless(options: Any) -> None:
    """A run of onnxruntime that never ends by itself."""
    while not options.terminate:
        time.sleep(0.01)
    raise RuntimeError("the flag was set")


def test_what_runs_too_long_is_ended_and_nothing_else() -> None:
    ended = threading.Event()

    def wait(options: Any) -> bool:
        return ended.wait(60) and not options.terminate

    with ThreadPoolExecutor(1) as pool:
        patient: Any = pool.submit(session(wait).run, {}, [], 60.0)
        with pytest.raises(ModelError, match="^it is too slow: it ran for over 1 s$"):
            session(endless).run({}, [], 0.6)
        ended.set()
        assert patient.result()
    [watchdog] = [thread for thread in threading.enumerate() if thread.name == "watchdog"]
    awake: threading.Event = watchdog.awake  # type: ignore[attr-defined]
    for _ in range(6000):
        if not awake.is_set():
            break
        time.sleep(0.01)
    with pytest.raises(ModelError, match="it is too slow"):
        session(endless).run({}, [], 0.1)
    assert [thread.name for thread in threading.enumerate()].count("watchdog") == 1


@pytest.mark.parametrize("error", [MemoryError, RuntimeError, IndexError, ValueError])
def test_onnxruntime_error_is_a_model_error(error: type[Exception]) -> None:
    def fail(_: object) -> None:
        raise error("bad\nallocation")

    with pytest.raises(ModelError, match="^onnxruntime can't run it: bad$"):
        session(fail).run({}, [], 60.0)


@pytest.mark.unix
def test_fork_has_its_own_watchdog() -> None:
    code = (
        "import os\n"
        "from tests.runtime.inference.test_session import endless, session, ModelError\n"
        "session(lambda _: None).run({}, [], 60.0)\n"
        "slow = session(endless)\n"
        "if child := os.fork(): raise SystemExit(os.waitpid(child, 0)[1])\n"
        "try: slow.run({}, [], 0.1)\n"
        "except ModelError: os._exit(0)\n"
        "os._exit(1)\n"
    )
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code], timeout=30).returncode == 0
