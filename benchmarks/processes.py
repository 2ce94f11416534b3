"""Time and peak memory of whole processes that read a picture or a folder, beside a bare script.

The time includes the start of Python and all imports. The memory is the peak resident set of the
largest process; it includes library pages shared with others.
"""

import compileall
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

import digits
from benchmarks.tables import ROOT
from benchmarks.timing import Row, in_turn
from digits.inference.model_file import BUNDLED
from digits_train.data import mnist
from tests.synthetic import Sheet, chosen
from tests.waiting import wait_until

PICTURE = str(ROOT / "tests" / "pictures" / "0.png")
PICTURES = 1000  # in a folder
STARTS, FOLDERS = 12, 3  # runs of each
SCRIPT = "bare script"  # with onnxruntime and Pillow

# Runs the rest of its command line, and prints the seconds and the kilobytes that it took. It is
# small itself: the peak of a process is at least what its parent had when it started it.
MEASURE = """
import resource, subprocess, sys, time
started = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
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


def command(*words: str) -> list[str]:
    """The command line of `digits` with these arguments, or of a script's code and arguments."""
    script = "\n" in words[0]
    first = [sys.executable, "-c"] if script else [str(Path(sys.executable).with_name("digits"))]
    return [*first, *words]


def measure(line: Sequence[str]) -> tuple[float, float]:
    """Seconds and megabytes of a process. Raises CalledProcessError if it fails."""
    answer = subprocess.check_output([sys.executable, "-IS", "-c", MEASURE, *line], text=True)
    seconds, kilobytes = map(float, answer.split())
    return seconds, kilobytes / 1024


def best(lines: Mapping[str, Sequence[str]], runs: int) -> dict[str, tuple[float, float]]:
    """The shortest time and the largest peak of each command line."""
    results = in_turn({name: partial(measure, line) for name, line in lines.items()}, runs)
    return {
        name: (min(seconds for seconds, _ in figures), max(peak for _, peak in figures))
        for name, figures in results.items()
    }


def a4(path: Path) -> str:
    """84 digits, 7 mm high, on ruled paper as a JPEG of A4, 12 megapixels."""
    sheet = Sheet(1240, 877)
    sheet.rule(50, grey=170)
    for row in range(12):
        digits = chosen(mnist.load("validation"), f"{(row + 1) * 7919173 % 10**7:07}", start=row)
        sheet.write(digits, 60 + 20 * row, 80 + 90 * row, size=40)
    Image.fromarray(sheet.photograph()).resize((2912, 4118)).save(path, quality=90)
    return str(path)


def crop(path: Path) -> str:
    """A number of four digits as a JPEG of 300x150 pixels."""
    sheet = Sheet(150, 300)
    sheet.write(chosen(mnist.load("validation"), "2718"), 30, 40)
    Image.fromarray(sheet.photograph()).save(path, quality=90)
    return str(path)


def starts(folder: Path) -> Iterator[Row]:
    """Time and memory of processes that read one picture."""
    lines = {
        "`digits predict img.png`": command("predict", PICTURE),
        "`digits read`: 300x150": command("read", crop(folder / "crop.jpg")),
        "`digits read`: A4, 12 megapixels": command("read", a4(folder / "a4.jpg")),
        SCRIPT: command(MINIMAL, PICTURE),
    }
    results = best(lines, STARTS)
    bare = results.pop(SCRIPT)
    for title, ours in results.items():
        for index, unit in enumerate(("s", "MB")):
            yield Row(title, unit, {"digits": ours[index], SCRIPT: bare[index]})


def folders(folder: Path) -> Iterator[Row]:
    """Pictures per second of processes that read a whole folder."""
    for side in (28, 100):
        files = write(folder / f"{side}", side)
        name = str(files[0].parent)
        jobs = {"digits, one job": "1", "digits, two jobs": "2"}
        lines = {label: command("predict", "--jobs", n, name) for label, n in jobs.items()}
        if side == 28:
            lines[SCRIPT] = command(MINIMAL, *map(str, files))
        results = best(lines, FOLDERS)
        rates = {name: PICTURES / seconds for name, (seconds, _) in results.items()}
        yield Row(f"{PICTURES:,} PNGs of {side}x{side}", "pictures/s", rates)
    yield Row("`--watch`: PNGs of 28x28", "pictures/s", {"digits": watched(folder)})


def write(folder: Path, side: int) -> list[Path]:
    """Digits of MNIST as PNGs; larger ones are black on white."""
    folder.mkdir()
    files = [folder / f"{number:05}.png" for number in range(PICTURES)]
    for file, pixels in zip(files, mnist.load("test").images[:PICTURES], strict=True):
        image = Image.fromarray(pixels if side == 28 else 255 - pixels)
        image.resize((side, side), Image.Resampling.BICUBIC).save(file)
    return files


def watched(folder: Path) -> float:
    """Pictures per second of `--watch`, its start included."""
    table, started = folder / "watched.csv", time.perf_counter()
    line = command("predict", str(folder / "28"), "-o", str(table), "--watch")
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: table.exists() and table.read_text().count("\n") > PICTURES)
        took = time.perf_counter() - started
        process.terminate()
    return PICTURES / took


def rows() -> Iterator[Row]:
    compileall.compile_dir(Path(digits.__file__).parent, quiet=1)  # as pip does when it installs
    with TemporaryDirectory() as name:
        yield from starts(Path(name))
        yield from folders(Path(name))
