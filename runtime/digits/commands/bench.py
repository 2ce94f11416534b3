"""Measure how fast a model is on this device, in the manner of MLPerf Tiny: `digits bench`.

Each figure is the median of five windows after a warm-up (C. Banbury et al., "MLPerf Tiny
Benchmark", 2021).
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, TypeVar

import numpy as np
from PIL import Image, ImageDraw

from digits.classifier import Classifier
from digits.commands.device import throttle_reasons
from digits.errors import DigitsError, ModelError
from digits.inference.metadata import Kernels
from digits.inference.model import Model
from digits.inference.model_file import SHA256_VARIABLE, inspect
from digits.inference.reader_model import ReaderModel
from digits.system import cpu_count, peak_memory
from digits.terminal import progress_bar

_M = TypeVar("_M", Model, ReaderModel)
_BATCHES, _THREADS = (1, 8, 64), sorted({1, cpu_count()})
_STEPS = 3 + len(_THREADS) * len(_BATCHES)  # of `_measure`
_PAGES = {"1024x1024": (1024, 1024), "300x150": (150, 300)}  # height and width
_READER_STEPS = 2 + len(_THREADS) * len(_PAGES)  # of `_measure_reader`
_PERCENTILES = (50, 90, 99)
_WINDOWS = 5
_LATENCY, _THROUGHPUT = 1.0, 0.3  # the least seconds of a window
_MIN_CPU_SHARE = 0.95  # of a core, if no other process runs
_MIN_CALLS = 10  # in a window, for percentiles

# Reads one picture and prints the peak memory.
_PREDICT_AND_PRINT_PEAK = """
from digits.__main__ import main
from digits.system import peak_memory
main()
print(peak_memory())
"""
# Looks at a page of a megapixel and prints the peak memory.
_LOOK_AND_PRINT_PEAK = """
import sys
import numpy as np
from digits.inference.reader_model import ReaderModel
from digits.system import peak_memory
ReaderModel(sys.argv[1], sha256=sys.argv[2]).maps(np.full((1024, 1024), 255, np.uint8))
print(peak_memory())
"""


@dataclass
class BenchResult:
    """One model file with one kind of kernels. Times in seconds, sizes in bytes."""

    model: str
    kernels: Kernels
    quantization: str
    bytes: int
    session_start: float = 0.0
    latency: dict[int, float] = field(default_factory=dict)  # of one digit, by percentile
    throughput: dict[tuple[int, int], float] = field(default_factory=dict)  # by batch and threads
    image_latency: float = 0.0  # from the file to the digit
    cold_start: float | None = None  # of a process that reads one picture, with the default kernels
    peak_memory: int | None = None  # of that process
    cpu_share: float = 1.0  # of a core, during the measurement

    @property
    def name(self) -> str:
        """A short name, unique among the compared models."""
        return "fp32" if self.quantization == "none" else f"int8, {self.kernels} kernels"


@dataclass
class ReaderResult:
    """One reader file. Times in seconds, sizes in bytes."""

    model: str
    quantization: str
    bytes: int
    session_start: float
    pages: dict[tuple[str, int], float]  # a page, by its size and threads
    cold_start: float  # of a process that looks at a page of a megapixel
    peak_memory: int | None  # of that process

    @property
    def name(self) -> str:
        """A short name, unique among the compared readers."""
        return "reader, fp32" if self.quantization == "none" else "reader, int8 weights"


class Benchmark(NamedTuple):
    """All that was measured. warnings: about what slowed it."""

    results: list[BenchResult]
    readers: list[ReaderResult]
    warnings: list[str]


def benchmark(model: Path | None, sha256: str | None = None) -> Benchmark:
    """Measure a model and its siblings; without a name, the default classifier and reader.

    model: a classifier or a reader. sha256: see `Model`. Raises ModelError if the file can't be
    used.
    """
    is_reader = model is not None and inspect(model, sha256).metadata.task == "reader"
    models, readers, warnings = list[Model](), list[ReaderModel](), throttle_reasons()
    if not is_reader:
        models, problems = _open_siblings(model, sha256)
        warnings += problems
    if is_reader or model is None:
        readers, problems = _open_readers(model, sha256 if is_reader else None)
        warnings += problems
    results = []
    steps = len(models) * _STEPS + len(readers) * _READER_STEPS
    with progress_bar() as bar, TemporaryDirectory() as folder:
        advance = partial(bar.advance, bar.add_task("measuring", total=steps))
        picture = _draw_photo(Path(folder))
        for one in models:
            results.append(_measure(one, picture, advance))
        pages = [_measure_reader(reader, advance) for reader in readers]
    warnings += [*_contention(results), *throttle_reasons()]
    return Benchmark(results, pages, list(dict.fromkeys(warnings)))


def _open_siblings(model: Path | None, sha256: str | None = None) -> tuple[list[Model], list[str]]:
    """Open fp32, int8 with float kernels and int8 with integer kernels; explain what is left out.

    `x.int8.onnx` and `x.onnx` belong together, unless the model is pinned.
    """
    named = Model(model, sha256=sha256)
    reopen = partial(Model, sha256=named.sha256)
    found = []
    opened, warnings = _open_files(named, reopen)
    for one in opened:
        floating, integer = reopen(one.name, kernels="float"), reopen(one.name, kernels="integer")
        found += [floating] if integer.kernels == "float" else [floating, integer]
    return found, warnings


def _open_readers(
    model: Path | None, sha256: str | None = None
) -> tuple[list[ReaderModel], list[str]]:
    """Open a reader and its sibling; explain what is left out."""
    named = ReaderModel(model, sha256=sha256)
    return _open_files(named, partial(ReaderModel, sha256=named.sha256))


def _open_files(named: _M, reopen: Callable[[str], _M]) -> tuple[list[_M], list[str]]:
    """Open a model and the one beside it; explain what is left out."""
    stem = named.name.removesuffix(".onnx").removesuffix(".int8")
    beside = [path for path in (f"{stem}.onnx", f"{stem}.int8.onnx") if os.path.exists(path)]
    found, warnings = [], []
    alone = named.sha256 or named.name not in beside
    for file in [named.name] if alone else beside:
        try:
            found.append(reopen(file))
        except ModelError as error:  # the sibling's: the named one could be opened
            warnings.append(str(error))
    return found, warnings


def _draw_photo(folder: Path) -> Path:
    """Draw a seven with a broad pen, as a JPEG of three megapixels."""
    image = Image.new("L", (2048, 1536), 200)
    ImageDraw.Draw(image).line([(800, 400), (1250, 400), (950, 1150)], 40, 60, "curve")
    image.save(folder / "seven.jpg", quality=90)
    return folder / "seven.jpg"


def _measure(model: Model, picture: Path, advance: Callable[[], None]) -> BenchResult:
    """Measure a model. advance: called after each step."""
    result = BenchResult(
        model.name, model.kernels, model.metadata.quantization, os.path.getsize(model.name)
    )
    reopen = partial(Model, model.name, sha256=model.sha256)
    result.session_start = _median(lambda: reopen(kernels=model.kernels))
    digits = np.random.default_rng(0).integers(0, 256, (max(_BATCHES), 28, 28), np.uint8)
    _measure_latency(lambda: model.probabilities(digits[:1]), result)
    advance()
    for threads in _THREADS:
        shared = reopen(threads, model.kernels)
        for batch in _BATCHES:
            call = partial(shared.probabilities, digits[:batch])
            result.throughput[batch, threads] = batch / _median(call, _THROUGHPUT)
            advance()
    classifier = Classifier(model.name, kernels=model.kernels, sha256=model.sha256)
    result.image_latency = _median(lambda: classifier.predict(picture), _THROUGHPUT)
    advance()
    if model.kernels == reopen().kernels:
        result.cold_start = _median(lambda: _run_process(["-m", "digits"], model, picture))
        if peak_memory() is not None:
            lines = _run_process(["-c", _PREDICT_AND_PRINT_PEAK], model, picture).splitlines()
            result.peak_memory = int(lines[-1])
    advance()
    return result


def _measure_reader(model: ReaderModel, advance: Callable[[], None]) -> ReaderResult:
    """Measure a reader. advance: called after each step."""
    reopen = partial(ReaderModel, model.name, sha256=model.sha256)
    session_start = _median(reopen)
    advance()
    pages = {}
    noise = np.random.default_rng(0).integers(0, 256, max(_PAGES.values()), np.uint8)
    for threads in _THREADS:
        shared = reopen(threads)
        for size, (height, width) in _PAGES.items():
            page = noise[:height, :width]
            pages[size, threads] = _median(partial(shared.maps, page), _THROUGHPUT)
            advance()
    command = [sys.executable, "-c", _LOOK_AND_PRINT_PEAK, model.name, model.sha256]
    cold_start = _median(lambda: _output(command))
    peak = _output(command).strip()
    advance()
    return ReaderResult(
        model.name,
        model.metadata.quantization,
        os.path.getsize(model.name),
        session_start,
        pages,
        cold_start,
        None if peak == "None" else int(peak),
    )


def _contention(results: Sequence[BenchResult]) -> list[str]:
    """Warn if other programs took processor time during the measurement."""
    share = min((result.cpu_share for result in results), default=1.0)
    return (
        [f"other programs were running: only {share:.0%} of a core was free"]
        if share < _MIN_CPU_SHARE
        else []
    )


def _measure_latency(call: Callable[[], object], result: BenchResult) -> None:
    call()
    windows = []
    worked, started = time.process_time(), time.perf_counter()
    for _ in range(_WINDOWS + 1):
        times: list[float] = []
        end = time.perf_counter() + _LATENCY
        while len(times) < _MIN_CALLS or time.perf_counter() < end:
            began = time.perf_counter()
            call()
            times.append(time.perf_counter() - began)
        windows.append(np.percentile(times, _PERCENTILES))
    result.cpu_share = (time.process_time() - worked) / (time.perf_counter() - started)
    medians = np.median(windows[1:], axis=0)  # the first is a warm-up
    result.latency = dict(zip(_PERCENTILES, medians.tolist(), strict=True))


def _median(call: Callable[[], object], window: float = 0.0) -> float:
    """Seconds of one call: the median of five windows after a warm-up."""
    windows = []
    for _ in range(_WINDOWS + 1):
        started, calls = time.perf_counter(), 0
        while not calls or time.perf_counter() < started + window:
            call()
            calls += 1
        windows.append((time.perf_counter() - started) / calls)
    return statistics.median(windows[1:])


def _run_process(start: list[str], model: Model, picture: Path) -> str:
    command = [sys.executable, *start, "predict", str(picture)]
    pin = {SHA256_VARIABLE: model.sha256} if model.sha256 else {}
    return _output(command, DIGITS_MODEL=model.name, **pin)


def _output(command: list[str], **variables: str) -> str:
    environment = os.environ | variables
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise DigitsError(f"a process failed to read one picture: {done.stderr.strip()}")
    return done.stdout
