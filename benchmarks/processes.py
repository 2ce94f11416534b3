"""The time of whole processes that read a picture or a folder, ours and other packages'.

    make bench
    python -m benchmarks.processes 10000    # pictures in the folder

The time includes the start of Python and all imports. Each runs with its default numbers of threads
and processes; one picture is also read on one core.
"""

import compileall
import os
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

import digits
from benchmarks import commands
from benchmarks.commands import Command
from benchmarks.timing import show
from digits.data import mnist

STARTS, FOLDERS = 9, 3  # runs of each
PICTURES = 1000


def milliseconds(contestants: list[Command], rounds: int) -> dict[str, float]:
    """The median time of a whole process of each; they run in turn."""
    for command in contestants:
        command.check()  # also warms up the file cache
    times: dict[str, list[float]] = {command.name: [] for command in contestants}
    for _ in range(rounds):
        for command in contestants:
            started = time.perf_counter()
            command.run()
            times[command.name].append((time.perf_counter() - started) * 1e3)
    return {name: statistics.median(values) for name, values in times.items()}


def fill(folder: Path, count: int) -> None:
    """Write MNIST's test digits as PNG files."""
    for number, image in enumerate(mnist.load("test").images[:count]):
        Image.fromarray(image).save(folder / f"{number:05}.png")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else PICTURES
    compileall.compile_dir(
        Path(digits.__file__).parent, quiet=1
    )  # as pip does for installed packages
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
