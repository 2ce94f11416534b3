"""Measure how fast a model is on this device: `digits bench`.

Each figure is a median of many calls after a warm-up, as in C. Banbury et al., "MLPerf Tiny
Benchmark", 2021.
"""

import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
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
from digits.inference.detector_model import DetectorModel
from digits.inference.interface import CROP_HEIGHT
from digits.inference.metadata import AnyMetadata
from digits.inference.model import Model
from digits.inference.model_file import load
from digits.inference.recognizer_model import RecognizerModel
from digits.system import cpu_count

SECONDS = 1.0  # that each measurement takes at least

_Figures = dict[str, Any]  # as in docs/output.md
_BATCHES, _THREADS = (1, 8, 64), sorted({1, cpu_count()})
_PAGES = {"1024x1024": (1024, 1024), "300x150": (150, 300)}  # height and width
_CROPS, _CROP_WIDTH = (1, 16), 160  # numbers at a time; pixels, for six digits
_MIN_CPU_SHARE = 0.95  # of a core, if no other process runs
_MIN_CALLS, _RUNS = 5, 3  # of a function, and of a process
# Of Linux: a board's name, as of a Raspberry Pi, or a processor's.
_DEVICES = {"/proc/device-tree/model": r"()([^\0]+)", "/proc/cpuinfo": r"(model name\s*: )(.+)"}

_PREDICT = "from digits.__main__ import start; start()"
_LOOK = """import sys; import numpy as np; from digits.inference.detector_model import DetectorModel
DetectorModel(sys.argv[1]).maps(np.full((1024, 1024), 255, np.uint8))"""
_READ = """import sys; from digits.inference.recognizer_model import RecognizerModel
RecognizerModel(sys.argv[1])"""  # which tries it on two crops
_PEAK = "from digits.system import peak_memory; print(peak_memory(), flush=True)"


def benchmark(model: Path | None) -> _Figures:
    """Measure the network in a file; by default the default one of each kind.

    Returns what `digits bench --json` prints; times are in seconds, sizes in bytes. Raises
    ModelError if the file can't be used.
    """
    kind = load(model, AnyMetadata).metadata.task if model else None
    # All are opened first, to fail before they measure.
    classifiers = [Model(model)] if kind in (None, "classifier") else []
    detectors = [DetectorModel(model)] if kind in (None, "detector") else []
    recognizers = [RecognizerModel(model)] if kind in (None, "recognizer") else []
    measured = [_measure(classifier) for classifier in classifiers]
    return {
        "device": _device(),
        "cores": cpu_count(),
        "digits_version": __version__,
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "warnings": [
            f"other programs were running: only {figures['cpu_share']:.0%} of a core was free"
            for figures in measured
            if figures["cpu_share"] < _MIN_CPU_SHARE
        ],
        "models": measured,
        "detectors": [_measure_detector(detector) for detector in detectors],
        "recognizers": [_measure_recognizer(recognizer) for recognizer in recognizers],
    }


def _device() -> str:
    for file, pattern in _DEVICES.items():
        with suppress(OSError):
            if match := re.search(pattern, Path(file).read_text(errors="replace")):
                return match[2]
    return platform.processor() or platform.machine()


def _measure(model: Model) -> _Figures:
    digits = np.random.default_rng(0).integers(0, 256, (max(_BATCHES), 28, 28), np.uint8)
    throughput = []
    for threads in _THREADS:
        shared = Model(model.name, threads)
        for batch in _BATCHES:
            rate = batch / _median(partial(shared.probabilities, digits[:batch]))
            throughput.append({"batch": batch, "threads": threads, "images_per_second": rate})
    worked, started = time.process_time(), time.perf_counter()
    percentiles = np.percentile(_times(lambda: model.probabilities(digits[:1])), (50, 90, 99))
    share = (time.process_time() - worked) / (time.perf_counter() - started)
    classifier = Classifier(model.name)
    with TemporaryDirectory() as folder:
        photo = _draw_photo(folder)
        return {
            **_measure_start(model, _PREDICT, "predict", photo),
            "kernels": model.kernels,
            "latency": dict(zip(("p50", "p90", "p99"), percentiles.tolist(), strict=True)),
            "cpu_share": share,
            "throughput": throughput,
            "image_latency": _median(lambda: classifier.predict(photo)),
        }


def _draw_photo(folder: str) -> str:
    """Draw a seven with a broad pen, as a JPEG of three megapixels."""
    image, path = Image.new("L", (2048, 1536), 200), os.path.join(folder, "seven.jpg")
    ImageDraw.Draw(image).line([(800, 400), (1250, 400), (950, 1150)], 40, 60, "curve")
    image.save(path, quality=90)
    return path


def _measure_detector(model: DetectorModel) -> _Figures:
    pages = []
    noise = np.random.default_rng(0).integers(0, 256, max(_PAGES.values()), np.uint8)
    for threads in _THREADS:
        shared = DetectorModel(model.name, threads)
        for size, (height, width) in _PAGES.items():
            seconds = _median(partial(shared.maps, noise[:height, :width]))
            pages.append({"size": size, "threads": threads, "seconds": seconds})
    return {**_measure_start(model, _LOOK, model.name), "pages": pages}


def _measure_recognizer(model: RecognizerModel) -> _Figures:
    crops = []
    noise = np.random.default_rng(0).integers(0, 256, (CROP_HEIGHT, _CROP_WIDTH), np.uint8)
    for threads in _THREADS:
        shared = RecognizerModel(model.name, threads)
        for batch in _CROPS:
            seconds = _median(partial(shared.log_probabilities, [noise] * batch))
            crops.append({"batch": batch, "threads": threads, "seconds": seconds})
    return {**_measure_start(model, _READ, model.name), "crops": crops}


def _measure_start(
    model: Model | DetectorModel | RecognizerModel, code: str, *arguments: str
) -> _Figures:
    """Measure a file, its session, and a process. Raises DigitsError if that fails."""
    command = [sys.executable, "-c", f"try: exec({code!r})\nfinally: {_PEAK}", *arguments]
    environment = os.environ | {"DIGITS_MODEL": model.name}  # the others' processes open no other
    times = []
    for _ in range(_RUNS):
        began = time.perf_counter()
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        times.append(time.perf_counter() - began)
        if done.returncode:
            raise DigitsError(f"a process failed to read one picture: {done.stderr.strip()}")
    peak = done.stdout.split()[-1]
    return {
        "model": model.name,
        "quantization": model.metadata.quantization,
        "bytes": os.path.getsize(model.name),
        "session_start": _median(lambda: type(model)(model.name)),
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
