"""Time and peak memory of whole processes that read a picture or a folder, ours and others'.

    make bench
    python -m benchmarks.processes 10000    # pictures in the folder

The time includes the start of Python and all imports. Each runs with its default numbers of threads
and processes; one picture is also read on one core. The memory is the peak resident set of the
largest process; it includes library pages shared with others. digit-recognizer-py and ccexam are
packages on PyPI that also come with a trained network and a command to read pictures.
"""

import compileall
import os
import re
import statistics
import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from PIL import Image

import digits
from benchmarks import pictures
from benchmarks.timing import in_turn, show
from digits.data import mnist
from digits.inference.model_file import BUNDLED

PICTURE = str(Path(__file__).parents[1] / "tests" / "pictures" / "0.png")
STARTS, FOLDERS = 9, 3  # runs of each
PICTURES = 1000

# Runs the rest of its command line, and prints the seconds and the kilobytes that it took. It is
# small itself: the peak of a process is at least what its parent had when it started it.
MEASURE = """
import resource, subprocess, sys, time
started = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
# The least code to read a picture that needs no preprocessing.
MINIMAL = f"""
import sys
import numpy as np, onnxruntime
from PIL import Image
session = onnxruntime.InferenceSession({BUNDLED!r}, providers=["CPUExecutionProvider"])
for path in sys.argv[1:]:
    pixels = np.asarray(Image.open(path).convert("L"))[None, None]
    print(session.run(None, {{"images": pixels}})[0].argmax())
"""
TORCH = """
import sys
import numpy as np, torch
from PIL import Image
from digits_train.models import LeNet5
torch.set_num_threads(1)
pixels = np.array(Image.open(sys.argv[1]).convert("L"))[None, None]
with torch.inference_mode():
    print(LeNet5().eval()(torch.tensor(pixels)).argmax().item())
"""
# digit-recognizer-py has no command for a folder.
PEER = """
import sys, torch
from pathlib import Path
from digit_recognizer import DigitRecognizer
if sys.argv[1] != "default":
    torch.set_num_threads(int(sys.argv[1]))
recognizer = DigitRecognizer()
for path in sorted(Path(sys.argv[2]).iterdir()):
    print(recognizer.predict(path))
"""


class Command(NamedTuple):
    """words: a script's code and its arguments, or a command that pip installed. answer: a pattern
    in its output. needs: the package that it needs.
    """

    name: str
    words: list[str]
    answer: str = ""
    needs: str = "digits"

    @property
    def line(self) -> list[str]:
        first, *others = self.words
        if "\n" in first:
            return [sys.executable, "-c", *self.words]
        return [str(Path(sys.executable).with_name(first)), *others]

    def check(self) -> None:
        """Raise AssertionError if it fails or reads another digit."""
        done = subprocess.run(self.line, capture_output=True, text=True)
        assert done.returncode == 0, f"{self.name}: {done.stderr}"
        assert re.search(self.answer, done.stdout + done.stderr), f"{self.name}: {done.stdout}"


ONE_PICTURE = [
    Command("digits predict 0.png", ["digits", "predict", PICTURE], "^0 "),
    Command("digits predict --json 0.png", ["digits", "predict", "--json", PICTURE], '"digit": 0'),
    Command("a script with onnxruntime and Pillow alone", [MINIMAL, PICTURE], "^0$"),
    Command("a script with PyTorch", [TORCH, PICTURE]),  # whose weights are random
    Command("digit-recognizer 0.png", ["digit-recognizer", PICTURE], "^0$", "digit_recognizer"),
    Command(
        "ccexam-infer --input 0.png",
        ["ccexam-infer", "--input", PICTURE],
        "Predicted digit: 0",
        "ccexam",
    ),
]


def whole_folder(folder: str) -> list[Command]:
    """The commands that read all pictures in a folder."""
    files = sorted(map(str, Path(folder).iterdir()))
    peer = "digit-recognizer-py in a loop"
    return [
        Command("digits predict --jobs 1 FOLDER", ["digits", "predict", "--jobs", "1", folder]),
        Command("digits predict --jobs 2 FOLDER", ["digits", "predict", "--jobs", "2", folder]),
        Command("a script with onnxruntime and Pillow alone", [MINIMAL, *files]),
        Command(peer, [PEER, "default", folder], "", "digit_recognizer"),
        Command(f"{peer}, one thread", [PEER, "1", folder], "", "digit_recognizer"),
        Command("ccexam-infer --input FOLDER", ["ccexam-infer", "--input", folder], "", "ccexam"),
    ]


def measure(command: Command) -> tuple[float, float]:
    """Milliseconds and megabytes of a run."""
    line = [sys.executable, "-IS", "-c", MEASURE, *command.line]
    seconds, kilobytes = subprocess.check_output(line, text=True).split()
    return 1000 * float(seconds), float(kilobytes) / 1024


def compare(title: str, commands: list[Command], rounds: int, count: int = 1) -> None:
    """Print the medians of the installed commands. count: the pictures that each run reads."""
    for command in commands:
        if not find_spec(command.needs):
            print(f"{command.name}: skipped, {command.needs} is not installed")
    contestants = [command for command in commands if find_spec(command.needs)]
    for command in contestants:
        command.check()
    runs = in_turn({each.name: partial(measure, each) for each in contestants}, rounds)
    times, peaks = (
        {name: statistics.median(run[part] for run in each) for name, each in runs.items()}
        for part in (0, 1)
    )
    show(f"{title}, whole process", "ms", {name: time / count for name, time in times.items()})
    if count > 1:
        rates = {name: 1000 * count / time for name, time in times.items()}
        show("The same", "pictures/s", rates, rates=True)
    show(f"{title}, peak memory", "MB", peaks)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else PICTURES
    compileall.compile_dir(
        Path(digits.__file__).parent, quiet=1
    )  # as pip does for installed packages
    print(f"{os.cpu_count()} cores")
    compare("Cold start, one picture", ONE_PICTURE, STARTS)
    if hasattr(os, "sched_setaffinity"):
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(cores)})
        compare("The same on one core", ONE_PICTURE, STARTS)
        os.sched_setaffinity(0, cores)
    with TemporaryDirectory() as folder:
        page = str(pictures.a4(Path(folder)))
        compare("A4 of 12 megapixels", [Command("digits read", ["digits", "read", page])], FOLDERS)
    with TemporaryDirectory() as folder:
        for number, image in enumerate(mnist.load("test").images[:count]):
            Image.fromarray(image).save(Path(folder) / f"{number:05}.png")
        compare(f"{count:,} PNGs of 28x28, each", whole_folder(folder), FOLDERS, count)


if __name__ == "__main__":
    main()
