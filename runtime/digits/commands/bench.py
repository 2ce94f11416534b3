"""Measure what a person waits for on this device: `digits bench`.

Times are medians: of many calls after a warm-up, as in C. Banbury et al., "MLPerf Tiny Benchmark",
2021, or of three processes.
"""

import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image, ImageDraw

from digits import __version__
from digits.commands.tasks import ClassifierOptions
from digits.errors import DigitsError
from digits.system import cpu_count

MIN_SECONDS, MIN_CALLS = 1.0, 5  # of a function
_PROCESSES = 3  # for each command
# Where Linux names a board, such as a Raspberry Pi, or else the processor.
_DEVICES = {"/proc/device-tree/model": r"()([^\0]+)", "/proc/cpuinfo": r"(model name\s*: )(.+)"}
_COMMAND = """try:
    from digits.__main__ import start
    start()
finally:
    from digits.system import peak_memory
    print(peak_memory(), flush=True)"""


def benchmark() -> dict[str, Any]:
    """Measure the default networks on a digit, a photo and a page.

    Returns what `digits bench --json` prints; times are in seconds, sizes in bytes. Raises
    ModelError if a network can't be used, and DigitsError if a command fails.
    """
    classifier = ClassifierOptions().open(reads_numbers=True)  # fails before anything is measured
    models = classifier.models
    digit = np.random.default_rng(0).integers(0, 256, (1, 28, 28), np.uint8)
    with TemporaryDirectory() as folder:
        photo, page = os.path.join(folder, "photo.jpg"), os.path.join(folder, "page.jpg")
        _draw_sevens(photo, 750, [800], [400])
        columns = [150 + 600 * number + 55 * symbol for number in range(3) for symbol in range(6)]
        _draw_sevens(page, 60, columns, range(200, 1400, 240))  # 15 numbers of six digits
        commands = {
            "predict": _measure_command("predict", photo),
            "read": _measure_command("read", page),
        }
        return {
            "device": _device(),
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
            "cores": cpu_count(),
            "digits_version": __version__,
            "python": platform.python_version(),
            "onnxruntime": onnxruntime.__version__,
            "classifier": classifier.model.name,
            "detector": models.detector.name,
            "recognizer": models.recognizer.name,
            "digit": _median_seconds(lambda: classifier.model.probabilities(digit)),
            "photo": _median_seconds(lambda: classifier.predict(photo)),
            "page": _median_seconds(lambda: classifier.read(page)),
            **commands,
        }


def _device() -> str:
    for file, pattern in _DEVICES.items():
        with suppress(OSError):
            if match := re.search(pattern, Path(file).read_text(errors="replace")):
                return match[2]
    return platform.processor() or platform.machine()


def _draw_sevens(path: str, height: int, lefts: Sequence[int], tops: Sequence[int]) -> None:
    """Draw sevens with a pen, as a JPEG of three megapixels. All sizes are in pixels."""
    image = Image.new("L", (2048, 1536), 200)
    draw, width, pen = ImageDraw.Draw(image), 3 * height // 5, 2 * height // 25
    for top in tops:
        for left in lefts:
            bend, foot = (left + width, top), (left + width // 3, top + height)
            draw.line([(left, top), bend, foot], fill=40, width=pen, joint="curve")
    image.save(path, quality=90)


def _measure_command(command: str, picture: str) -> dict[str, Any]:
    """Time whole processes, and ask the last one for its memory.

    Raises DigitsError, with the command's own sentence, if it fails.
    """
    times = []
    for _ in range(_PROCESSES):
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", _COMMAND, command, picture], capture_output=True, text=True
        )
        times.append(time.perf_counter() - began)
        if done.returncode:
            raise DigitsError(done.stderr.strip().removeprefix("error: "))
    peak = done.stdout.split()[-1]
    return {
        "seconds": statistics.median(times),
        "peak_memory": int(peak) if peak.isdigit() else None,
    }


def _median_seconds(call: Callable[[], object]) -> float:
    """Time many calls, and return the median."""
    times: list[float] = []
    call()  # a warm-up
    end = time.perf_counter() + MIN_SECONDS
    while len(times) < MIN_CALLS or time.perf_counter() < end:
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times)
