"""Measure how fast a model is on this device, in the manner of MLPerf Tiny: `digits bench`.

Each figure is the median of five windows after a warm-up (C. Banbury et al., "MLPerf Tiny
Benchmark", 2021).
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np
from PIL import Image, ImageDraw

from digits.classifier import Classifier
from digits.commands.device import device_info, throttle_reasons
from digits.errors import DigitsError, ModelError
from digits.inference.model import Model
from digits.inference.model_file import inspect
from digits.inference.reader_model import ReaderModel
from digits.system import cpu_count
from digits.terminal import progress_bar

WINDOWS = 5
LATENCY_WINDOW, THROUGHPUT_WINDOW = 1.0, 0.3  # the least seconds of a window

_M = TypeVar("_M", Model, ReaderModel)
_Figures = dict[str, Any]  # as in docs/output.md
_BATCHES, _THREADS = (1, 8, 64), sorted({1, cpu_count()})
_PAGES = {"1024x1024": (1024, 1024), "300x150": (150, 300)}  # height and width
_PERCENTILES = (50, 90, 99)
_MIN_CPU_SHARE = 0.95  # of a core, if no other process runs
_MIN_CALLS = 10  # in a window, for percentiles

_PREDICT = "from digits.__main__ import main; main()"
_LOOK = """
import sys
import numpy as np
from digits.inference.reader_model import ReaderModel
ReaderModel(sys.argv[1]).maps(np.full((1024, 1024), 255, np.uint8))
"""
_PRINT_PEAK = "\nfrom digits.system import peak_memory; print(peak_memory())"


def benchmark(model: Path | None) -> _Figures:
    """Measure a model and the one beside it; by default the default classifier and reader.

    model: a classifier or a reader. Returns what `digits bench --json` prints; times are in
    seconds, sizes in bytes. Raises ModelError if the file can't be used.
    """
    is_reader = model is not None and inspect(model).metadata.task == "reader"
    warnings, models, readers = throttle_reasons(), list[Model](), list[ReaderModel]()
    if not is_reader:
        models = [each for file in _open(Model(model), warnings) for each in _with_kernels(file)]
    if is_reader or model is None:
        readers = _open(ReaderModel(model), warnings)
    with progress_bar() as bar, TemporaryDirectory() as folder:
        picture = _draw_photo(Path(folder))
        measured = [
            _measure(each, picture) for each in bar.track(models, description="classifiers")
        ]
        pages = [_measure_reader(each) for each in bar.track(readers, description="readers")]
    share = min((figures["cpu_share"] for figures in measured), default=1.0)
    if share < _MIN_CPU_SHARE:
        warnings.append(f"other programs were running: only {share:.0%} of a core was free")
    warnings = list(dict.fromkeys([*warnings, *throttle_reasons()]))
    return {**device_info(), "warnings": warnings, "models": measured, "readers": pages}


def _open(named: _M, warnings: list[str]) -> list[_M]:
    """Open a model and the one beside it; explain what is left out.

    `x.int8.onnx` and `x.onnx` belong together, unless the model is pinned.
    """
    stem = named.name.removesuffix(".onnx").removesuffix(".int8")
    files = [path for path in (f"{stem}.onnx", f"{stem}.int8.onnx") if os.path.exists(path)]
    if named.sha256 or named.name not in files:
        return [named]
    models = []
    for file in files:
        try:
            models.append(type(named)(file))
        except ModelError as error:  # the sibling's: the named one could be opened
            warnings.append(str(error))
    return models


def _with_kernels(model: Model) -> list[Model]:
    """The model with float kernels and, if it is int8, with integer kernels."""
    floating, integer = (Model(model.name, kernels=kernels) for kernels in ("float", "integer"))
    return [floating] if integer.kernels == "float" else [floating, integer]


def _draw_photo(folder: Path) -> Path:
    """Draw a seven with a broad pen, as a JPEG of three megapixels."""
    image = Image.new("L", (2048, 1536), 200)
    ImageDraw.Draw(image).line([(800, 400), (1250, 400), (950, 1150)], 40, 60, "curve")
    image.save(folder / "seven.jpg", quality=90)
    return folder / "seven.jpg"


def _measure(model: Model, picture: Path) -> _Figures:
    reopen = partial(Model, model.name)
    digits = np.random.default_rng(0).integers(0, 256, (max(_BATCHES), 28, 28), np.uint8)
    throughput = []
    for threads in _THREADS:
        shared = reopen(threads, model.kernels)
        for batch in _BATCHES:
            seconds = _median(partial(shared.probabilities, digits[:batch]), THROUGHPUT_WINDOW)
            rate = {"images_per_second": batch / seconds}
            throughput.append({"batch": batch, "threads": threads, **rate})
    classifier = Classifier(model.name, kernels=model.kernels)
    figures = {
        "model": model.name,
        "kernels": model.kernels,
        "quantization": model.metadata.quantization,
        "bytes": os.path.getsize(model.name),
        "session_start": _median(lambda: reopen(kernels=model.kernels)),
        **_measure_latency(lambda: model.probabilities(digits[:1])),
        "throughput": throughput,
        "image_latency": _median(lambda: classifier.predict(picture), THROUGHPUT_WINDOW),
    }
    if model.kernels != reopen().kernels:  # not those of a new process
        return figures | {"cold_start": None, "peak_memory": None}
    command = [_PREDICT, "predict", str(picture)]
    return figures | _measure_process(command, {"DIGITS_MODEL": model.name})


def _measure_reader(model: ReaderModel) -> _Figures:
    pages = []
    noise = np.random.default_rng(0).integers(0, 256, max(_PAGES.values()), np.uint8)
    for threads in _THREADS:
        shared = ReaderModel(model.name, threads)
        for size, (height, width) in _PAGES.items():
            seconds = _median(partial(shared.maps, noise[:height, :width]), THROUGHPUT_WINDOW)
            pages.append({"size": size, "threads": threads, "seconds": seconds})
    return {
        "model": model.name,
        "quantization": model.metadata.quantization,
        "bytes": os.path.getsize(model.name),
        "session_start": _median(lambda: ReaderModel(model.name)),
        "pages": pages,
        **_measure_process([_LOOK, model.name], {}),
    }


def _measure_latency(call: Callable[[], object]) -> _Figures:
    """Percentiles of the seconds of a call, and the share of a core that it had meanwhile."""
    worked, started = time.process_time(), time.perf_counter()
    windows = _windows(call, LATENCY_WINDOW, _MIN_CALLS)
    share = (time.process_time() - worked) / (time.perf_counter() - started)
    medians = np.median([np.percentile(times, _PERCENTILES) for times in windows], axis=0).tolist()
    latency = {f"p{percent}": value for percent, value in zip(_PERCENTILES, medians, strict=True)}
    return {"latency": latency, "cpu_share": share}


def _measure_process(arguments: list[str], variables: dict[str, str]) -> _Figures:
    """The seconds and the peak memory of `python -c` with these arguments."""
    code, *rest = arguments
    start = _median(lambda: _run_python(code, rest, variables))
    peak = _run_python(code + _PRINT_PEAK, rest, variables).split()[-1]
    return {"cold_start": start, "peak_memory": int(peak) if peak.isdigit() else None}


def _run_python(code: str, arguments: list[str], variables: dict[str, str]) -> str:
    """The output. Raises DigitsError if it fails."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True)
    if done.returncode:
        raise DigitsError(f"a process failed to read one picture: {done.stderr.strip()}")
    return done.stdout


def _median(call: Callable[[], object], seconds: float = 0.0) -> float:
    """Seconds of a call: the median over windows of so many seconds."""
    return statistics.median(map(statistics.mean, _windows(call, seconds)))


def _windows(call: Callable[[], object], seconds: float, calls: int = 1) -> list[list[float]]:
    """The seconds of each call, in windows of at least so many seconds and calls."""
    windows = []
    for _ in range(WINDOWS + 1):
        times: list[float] = []
        end = time.perf_counter() + seconds
        while len(times) < calls or time.perf_counter() < end:
            began = time.perf_counter()
            call()
            times.append(time.perf_counter() - began)
        windows.append(times)
    return windows[1:]  # the first is a warm-up
