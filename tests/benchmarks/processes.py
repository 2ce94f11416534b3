"""Whole processes, ours beside the peers', as a user starts them: one picture, a folder of them.

    make bench
    python -m tests.benchmarks.processes 10000    # pictures in the folder

Everything counts, from the start of Python and the imports to the last line of output. Each takes
the threads and processes that it takes by itself; one picture is also read on one core.
"""

import compileall
import os
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from tests.benchmarks import commands
from tests.benchmarks.commands import Command
from tests.benchmarks.timing import show

import digits
from digits.data import mnist

STARTS, FOLDERS = 9, 3  # how often each is run
PICTURES = 1000


def milliseconds(contestants: list[Command], rounds: int) -> dict[str, float]:
    """Median time of a whole process of each, in turn."""
    for command in contestants:
        command.check()  # and the files are in memory from here on
    times: dict[str, list[float]] = {command.name: [] for command in contestants}
    for _ in range(rounds):
        for command in contestants:
            started = time.perf_counter()
            command.run()
            times[command.name].append((time.perf_counter() - started) * 1e3)
    return {name: statistics.median(values) for name, values in times.items()}


def fill(folder: Path, count: int) -> None:
    """MNIST's test digits as PNG files."""
    for number, image in enumerate(mnist.load("test").images[:count]):
        Image.fromarray(image).save(folder / f"{number:05}.png")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else PICTURES
    compileall.compile_dir(Path(digits.__file__).parent, quiet=1)  # as pip has done for the others
    print(f"{os.cpu_count()} cores")
    starts = milliseconds(commands.one_picture(), STARTS)
    show("Cold start, one picture, whole process", "ms", starts)
    if hasattr(os, "sched_setaffinity"):
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(cores)})
        starts = milliseconds(commands.one_picture(), STARTS)
        show("The same on one core", "ms", starts)
        os.sched_setaffinity(0, cores)
    with TemporaryDirectory() as name:
        fill(Path(name), count)
        folders = milliseconds(commands.whole_folder(Path(name)), FOLDERS)
    each = {name: time / count for name, time in folders.items()}
    show(f"A folder of {count:,} PNGs of 28x28, whole process", "ms a picture", each)
    rates = {name: 1000 / time for name, time in each.items()}
    show("The same", "pictures/s", rates, rates=True)


if __name__ == "__main__":
    main()
