"""Measure how fast a model is on this device: `digits bench`.

Each figure is a median of many calls after a warm-up, as in C. Banbury et al., "MLPerf Tiny
Benchmark", 2021.
"""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnxruntime
import PIL
from PIL import Image, ImageDraw

from digits import __version__
from digits.classifier import Classifier
from digits.errors import DigitsError
from digits.inference.model import Model
from digits.inference.model_file import inspect
from digits.inference.reader_model import ReaderModel
from digits.system import cpu_count
from digits.terminal import progress_bar

SECONDS = 1.0  # that each measurement takes at least
SYSTEM = Path("/")  # of Linux's system files

_Figures = dict[str, Any]  # as in docs/output.md
_BATCHES, _THREADS = (1, 8, 64), sorted({1, cpu_count()})
_PAGES = {"1024x1024": (1024, 1024), "300x150": (150, 300)}  # height and width
_PERCENTILES = (50, 90, 99)
_MIN_CPU_SHARE = 0.95  # of a core, if no other process runs
_MIN_CLOCK = 0.9  # of the highest one
_MIN_CALLS, _RUNS = 5, 3  # of a function, and of a process

_PREDICT = "from digits.__main__ import main; main()"
_LOOK = """
import sys
import numpy as np
from digits.inference.reader_model import ReaderModel
ReaderModel(sys.argv[1]).maps(np.full((1024, 1024), 255, np.uint8))
"""
_PRINT_PEAK = "\nfrom digits.system import peak_memory; print(peak_memory())"


def benchmark(model: Path | None) -> _Figures:
    """Measure a classifier or a reader; by default the default ones of both.

    Returns what `digits bench --json` prints; times are in seconds, sizes in bytes. Raises
    ModelError if the file can't be used.
    """
    is_reader = model is not None and inspect(model).metadata.task == "reader"
    classifiers = [] if is_reader else [Model(model)]
    readers = [ReaderModel(model)] if is_reader or model is None else []
    warnings = list[str]()
    with progress_bar() as bar, TemporaryDirectory() as folder:
        picture = _draw_photo(Path(folder))
        measured = [
            _measure(each, picture) for each in bar.track(classifiers, description="digits")
        ]
        pages = [_measure_reader(each) for each in bar.track(readers, description="pages")]
    share = min((figures["cpu_share"] for figures in measured), default=1.0)
    if share < _MIN_CPU_SHARE:
        warnings.append(f"other programs were running: only {share:.0%} of a core was free")
    clock, highest = (
        int(_read_system(f"sys/devices/system/cpu/cpu0/cpufreq/{name}") or 0)
        for name in ("scaling_cur_freq", "cpuinfo_max_freq")
    )
    if 0 < clock < _MIN_CLOCK * highest:  # too hot, or its voltage is too low
        warnings.append(f"the processor's clock is at {clock // 1000} of {highest // 1000} MHz")
    return {**_device(), "warnings": warnings, "models": measured, "readers": pages}


def _device() -> _Figures:
    """The device and the versions of what runs on it, for collected measurements."""
    processors = [
        line.split(":", 1)[1].strip()
        for line in _read_system("proc/cpuinfo").splitlines()
        if line.startswith("model name")
    ]
    board = _read_system("proc/device-tree/model").rstrip("\0")  # of a Raspberry Pi, for example
    return {
        "device": board or next(iter(processors), platform.processor() or platform.machine()),
        "cores": cpu_count(),
        "digits_version": __version__,
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def _read_system(name: str) -> str:
    """A system file; empty if there is none."""
    try:
        return (SYSTEM / name).read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _draw_photo(folder: Path) -> Path:
    """Draw a seven with a broad pen, as a JPEG of three megapixels."""
    image = Image.new("L", (2048, 1536), 200)
    ImageDraw.Draw(image).line([(800, 400), (1250, 400), (950, 1150)], 40, 60, "curve")
    image.save(folder / "seven.jpg", quality=90)
    return folder / "seven.jpg"


def _measure(model: Model, picture: Path) -> _Figures:
    digits = np.random.default_rng(0).integers(0, 256, (max(_BATCHES), 28, 28), np.uint8)
    throughput = []
    for threads in _THREADS:
        shared = Model(model.name, threads)
        for batch in _BATCHES:
            rate = batch / _median(partial(shared.probabilities, digits[:batch]))
            throughput.append({"batch": batch, "threads": threads, "images_per_second": rate})
    worked, started = time.process_time(), time.perf_counter()
    percentiles = np.percentile(_times(lambda: model.probabilities(digits[:1])), _PERCENTILES)
    share = (time.process_time() - worked) / (time.perf_counter() - started)
    classifier = Classifier(model.name)
    return {
        "model": model.name,
        "kernels": model.kernels,
        "quantization": model.metadata.quantization,
        "bytes": os.path.getsize(model.name),
        "session_start": _median(lambda: Model(model.name)),
        "latency": dict(zip(("p50", "p90", "p99"), percentiles.tolist(), strict=True)),
        "cpu_share": share,
        "throughput": throughput,
        "image_latency": _median(lambda: classifier.predict(picture)),
        **_measure_process(_PREDICT, "predict", str(picture), DIGITS_MODEL=model.name),
    }


def _measure_reader(model: ReaderModel) -> _Figures:
    pages = []
    noise = np.random.default_rng(0).integers(0, 256, max(_PAGES.values()), np.uint8)
    for threads in _THREADS:
        shared = ReaderModel(model.name, threads)
        for size, (height, width) in _PAGES.items():
            seconds = _median(partial(shared.maps, noise[:height, :width]))
            pages.append({"size": size, "threads": threads, "seconds": seconds})
    return {
        "model": model.name,
        "quantization": model.metadata.quantization,
        "bytes": os.path.getsize(model.name),
        "session_start": _median(lambda: ReaderModel(model.name)),
        "pages": pages,
        **_measure_process(_LOOK, model.name),
    }


def _measure_process(code: str, *arguments: str, **variables: str) -> _Figures:
    """The seconds and the peak memory of `python -c`. Raises DigitsError if it fails."""
    command = [sys.executable, "-c", code + _PRINT_PEAK, *arguments]
    times = []
    for _ in range(_RUNS):
        began = time.perf_counter()
        done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True)
        times.append(time.perf_counter() - began)
        if done.returncode:
            raise DigitsError(f"a process failed to read one picture: {done.stderr.strip()}")
    peak = done.stdout.split()[-1]
    return {
        "cold_start": statistics.median(times),
        "peak_memory": int(peak) if peak.isdigit() else None,
    }


def _median(call: Callable[[], object]) -> float:
    return statistics.median(_times(call))


def _times(call: Callable[[], object]) -> list[float]:
    """The seconds that each of many calls takes."""
    times: list[float] = []
    call()  # a warm-up
    end = time.perf_counter() + SECONDS
    while len(times) < _MIN_CALLS or time.perf_counter() < end:
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return times
