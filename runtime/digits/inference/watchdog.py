"""Run networks in onnxruntime, but not for ever: a small file may take hours."""

import os
import threading
from collections.abc import Callable
from time import monotonic, sleep
from typing import TypeVar

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from digits.errors import ModelError

# Its own, those that its binding makes of C++'s, and UnicodeDecodeError (a ValueError) for broken
# text in a message.
ORT_ERRORS = (
    *(ort_errors.EPFail, ort_errors.Fail, ort_errors.InvalidArgument, ort_errors.InvalidGraph),
    *(ort_errors.InvalidProtobuf, ort_errors.NotImplemented, ort_errors.RuntimeException),
    *(LookupError, MemoryError, OverflowError, RuntimeError, ValueError),
)
_PERIOD = 0.2  # seconds between two looks at what runs

_T = TypeVar("_T")


class _Watchdog(threading.Thread):
    """A thread that ends what runs for too long, and sleeps while nothing runs."""

    def __init__(self) -> None:
        super().__init__(name="watchdog", daemon=True)
        self.process = os.getpid()
        self.deadlines: dict[onnxruntime.RunOptions, float] = {}
        self.awake = threading.Event()
        self.start()

    def run(self) -> None:
        while True:
            self.awake.clear()
            if not self.deadlines:
                self.awake.wait()
            sleep(_PERIOD)
            now = monotonic()
            for options, deadline in self.deadlines.copy().items():
                options.terminate |= now > deadline


class _Options(threading.local):
    """The options of each thread: making them takes a tenth of a digit's time."""

    def __init__(self) -> None:
        self.run = onnxruntime.RunOptions()
        # Without it, onnxruntime 1.32 takes 26 µs to find that it isn't there.
        self.run.add_run_config_entry("gpu_graph_id", "-1")


_options = _Options()
_watchdog: _Watchdog | None = None


def watched(run: Callable[[onnxruntime.RunOptions], _T], seconds: float, name: str) -> _T:
    """Run a network until it ends, or for so many seconds and as long as its node then takes.

    run: calls onnxruntime with the options. name: what errors call the network. Raises ModelError
    if it takes longer, or fails.
    """
    global _watchdog
    if _watchdog is None or _watchdog.process != os.getpid():  # a fork has no threads
        _watchdog = _Watchdog()
    watchdog, options = _watchdog, _options.run
    options.terminate = False
    watchdog.deadlines[options] = monotonic() + seconds
    if not watchdog.awake.is_set():
        watchdog.awake.set()
    try:
        return run(options)
    except ORT_ERRORS as error:
        if options.terminate:
            raise ModelError(f"{name} is too slow: it ran for over {seconds:.0f} s") from error
        raise ort_error("run", name, error) from error
    finally:
        del watchdog.deadlines[options]


def ort_error(verb: str, name: str, error: Exception) -> ModelError:
    """Translate one of ORT_ERRORS. verb: what onnxruntime can't do with the file."""
    if "BFCArena" in str(error):
        return ModelError(f"{name} needs more memory than digits allows")
    reason = str(error).partition("\n")[0]
    return ModelError(f"onnxruntime can't {verb} {name}: {reason}")
