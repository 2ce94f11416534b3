import os
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
from tests.waiting import wait_until


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


def watchdogs() -> list[Any]:
    return [thread for thread in threading.enumerate() if thread.name == "watchdog"]


@pytest.mark.slow
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
    [watchdog] = watchdogs()
    wait_until(lambda: not watchdog.awake.is_set())
    with pytest.raises(ModelError, match="it is too slow"):
        session(endless).run({}, [], 0.1)
    assert watchdogs() == [watchdog]
    if hasattr(os, "fork"):
        if not (child := os.fork()):  # which has no threads
            session(lambda _: None).run({}, [], 60.0)
            os._exit(len(watchdogs()))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


def test_onnxruntime_error_is_a_model_error() -> None:
    def fail(_: object) -> None:
        raise MemoryError("bad\nallocation")

    with pytest.raises(ModelError, match="^onnxruntime can't run it: bad$"):
        session(fail).run({}, [], 60.0)
