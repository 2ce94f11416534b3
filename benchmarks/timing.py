"""Time contestants in turn, so that other load affects all of them alike."""

import os
import statistics
import sys
import time
from collections.abc import Callable

WINDOWS = 9


def pin() -> str:
    """Pin this process and its children to one core; return a description.

    Restarts the program, because libraries count the cores when they are imported: a second thread
    of NumPy on the same core would take half of it from the next contestant. Threads that pin
    themselves escape: those of onnxruntime by default.
    """
    if not hasattr(os, "sched_setaffinity"):
        return "not pinned to a core, which this system can't"
    cores = os.sched_getaffinity(0)
    if len(cores) > 1:
        os.sched_setaffinity(0, {min(cores)})
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    return f"pinned to core {min(cores)}"


def microseconds(contestants: dict[str, Callable[[], object]], calls: int) -> dict[str, float]:
    """The time of one call of each: the median over windows of `calls` calls."""
    windows: dict[str, list[float]] = {name: [] for name in contestants}
    for window in range(WINDOWS + 1):
        for name, call in contestants.items():
            started = time.perf_counter()
            for _ in range(calls):
                call()
            if window:  # the first one warms up
                windows[name].append((time.perf_counter() - started) / calls * 1e6)
    return {name: statistics.median(times) for name, times in windows.items()}


def show(title: str, unit: str, results: dict[str, float], rates: bool = False) -> None:
    """Print the figures, and each one's time relative to the first.

    rates: whether more is better.
    """
    ours = next(iter(results.values()))
    print(f"\n{title}")
    for name, value in results.items():
        longer = ours / value if rates else value / ours
        shown = f"{value:11,.0f}" if value >= 1000 else f"{value:11.2f}"
        print(f"  {name:46}{shown} {unit}   x {longer:.2f}", flush=True)
