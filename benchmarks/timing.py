"""Time contestants in turn, so that other load affects all of them alike."""

import timeit
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple, TypeVar

T = TypeVar("T")

WINDOW = 0.005  # seconds of calls: other load spares some windows
BUDGET, FEWEST, MOST = 2.0, 5, 200  # seconds of windows; how many of these


class Row(NamedTuple):
    """Figures of contestants, ours first.

    unit: s, MB, or what ends in /s, of which more is better. values: by contestant, the names of
    ours beginning with "digits".
    """

    title: str
    unit: str
    values: dict[str, float]


def in_turn(contestants: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """What each returns in some rounds. Call them before, so that all are warm."""
    results: dict[str, list[T]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, call in contestants.items():
            results[name].append(call())
    return results


def seconds(contestants: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """The time of one call of each: the least of some windows, as other load only adds to it."""
    timed, counts, total = {}, {}, 0.0
    for name, call in contestants.items():
        call()
        took = timeit.timeit(call, number=1)
        counts[name] = max(1, round(WINDOW / took))
        timed[name] = partial(timeit.timeit, call, number=counts[name])
        total += counts[name] * took
    windows = max(FEWEST, min(MOST, round(BUDGET / total)))
    return {name: min(times) / counts[name] for name, times in in_turn(timed, windows).items()}


def parser(description: str | None, **defaults: object) -> ArgumentParser:
    """A parser of a benchmark's options, each of the type of its default."""
    options = ArgumentParser(description=(description or "").splitlines()[0])
    for name, default in defaults.items():
        options.add_argument(f"--{name}", type=type(default), default=default)
    return options


def print_row(name: str, *cells: object) -> None:
    """Print a row of a table of figures. A row of texts is the head of those that follow."""
    texts = (f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in cells)
    print(f"{name:50}" + "".join(f"{text:>14}" for text in texts), flush=True)
