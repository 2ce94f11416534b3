"""How long a network takes."""

import statistics
import time
from collections.abc import Callable

_WINDOWS, _SECONDS = 5, 0.05


def microseconds(call: Callable[[], object]) -> float:
    """Return the median over five windows of a call's mean time, after a window of warm-up."""
    means = []
    for _ in range(_WINDOWS + 1):
        calls, started = 0, time.perf_counter()
        while time.perf_counter() - started < _SECONDS:
            call()
            calls += 1
        means.append((time.perf_counter() - started) / calls * 1e6)
    return statistics.median(means[1:])
