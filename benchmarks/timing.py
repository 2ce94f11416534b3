"""Time contestants in turn, so that other load affects all of them alike."""

import os
import statistics
import sys
import timeit
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

T = TypeVar("T")

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


def in_turn(contestants: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """What each returns in some rounds, after one that warms up."""
    results: dict[str, list[T]] = {name: [] for name in contestants}
    for _ in range(rounds + 1):
        for name, call in contestants.items():
            results[name].append(call())
    return {name: values[1:] for name, values in results.items()}


def microseconds(contestants: Mapping[str, Callable[[], object]], calls: int) -> dict[str, float]:
    """The time of one call of each: the median over windows of `calls` calls."""
    windows = {
        name: partial(timeit.timeit, call, number=calls) for name, call in contestants.items()
    }
    times = in_turn(windows, WINDOWS)
    return {name: statistics.median(values) / calls * 1e6 for name, values in times.items()}


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


def print_row(name: str, *cells: object) -> None:
    """Print a row of a table of figures."""
    texts = (f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in cells)
    print(f"{name:50}" + "".join(f"{text:>14}" for text in texts), flush=True)
