"""How the benchmarks measure: the contestants in turn, so that all suffer alike from other work."""

import os
import statistics
import sys
import time
from collections.abc import Callable

WINDOWS = 9


def pin() -> str:
    """Keep this process, and those it starts, on one core; gives the words that say so.

    Starts the program anew, for libraries count the cores while they are imported: a second thread
    of NumPy's on the same core would take the half of it from whoever comes after NumPy. Threads
    that choose a core themselves get away: those that onnxruntime has by default.
    """
    if not hasattr(os, "sched_setaffinity"):
        return "not pinned to a core, which this system can't"
    cores = os.sched_getaffinity(0)
    if len(cores) > 1:
        os.sched_setaffinity(0, {min(cores)})
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    return f"pinned to core {min(cores)}"


def microseconds(contestants: dict[str, Callable[[], object]], calls: int) -> dict[str, float]:
    """Time of one call of each: the median of windows of that many calls."""
    windows: dict[str, list[float]] = {name: [] for name in contestants}
    for window in range(WINDOWS + 1):
        for name, call in contestants.items():
            started = time.perf_counter()
            for _ in range(calls):
                call()
            if window:  # the first only warms up
                windows[name].append((time.perf_counter() - started) / calls * 1e6)
    return {name: statistics.median(times) for name, times in windows.items()}


def show(title: str, unit: str, results: dict[str, float], rates: bool = False) -> None:
    """Print the figures, and how many times as long as the first each takes.

    rates: more is better.
    """
    ours = next(iter(results.values()))
    print(f"\n{title}")
    for name, value in results.items():
        longer = ours / value if rates else value / ours
        shown = f"{value:11,.0f}" if value >= 1000 else f"{value:11.2f}"
        print(f"  {name:46}{shown} {unit}   x {longer:.2f}", flush=True)
