"""Measure how fast a model is on this device, in the manner of MLPerf Tiny: `digits bench`.

Each figure is the median of five windows after a warm-up (C. Banbury et al., "MLPerf Tiny
Benchmark", 2021).
"""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
import PIL
from PIL import Image, ImageDraw

from digits import __version__
from digits.classifier import Classifier
from digits.errors import DigitsError, ModelError
from digits.inference.metadata import Kernels
from digits.inference.model import Model
from digits.inference.model_file import SHA256_VARIABLE
from digits.system import cpu_count, peak_memory
from digits.terminal import progress_bar

_BATCHES, _THREADS = (1, 8, 64), sorted({1, cpu_count()})
_STEPS = 3 + len(_THREADS) * len(_BATCHES)  # of `_measure`
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
_BOARD = Path("/proc/device-tree/model")  # of a Raspberry Pi and similar boards
_CPUINFO = Path("/proc/cpuinfo")
# https://www.raspberrypi.com/documentation/computers/os.html#get_throttled
_PI_THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
_PI_REASONS = {
    0: "its voltage is low",
    1: "its clock is capped",
    2: "it is throttled",
    3: "it is hot",
}
_FREQUENCY = Path("/sys/devices/system/cpu/cpu0/cpufreq")
_TEMPERATURES = Path("/sys/class/thermal")
_MAX_CELSIUS = 80  # a Raspberry Pi lowers its clock from there on
_MIN_CLOCK = 0.9  # of the highest one


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


def benchmark(model: Path | None, sha256: str | None = None) -> tuple[list[BenchResult], list[str]]:
    """Measure a model and its siblings. Returns the results, and warnings about what slowed it.

    sha256: see `Model`. Raises ModelError if the file can't be used.
    """
    models, warnings = _open_siblings(model, sha256)
    warnings += throttle_reasons()
    results = []
    with progress_bar() as bar, TemporaryDirectory() as folder:
        task = bar.add_task("measuring", total=len(models) * _STEPS)
        picture = _draw_photo(Path(folder))
        for one in models:
            results.append(_measure(one, picture, partial(bar.advance, task)))
    return results, list(dict.fromkeys([*warnings, *_contention(results), *throttle_reasons()]))


def _open_siblings(model: Path | None, sha256: str | None = None) -> tuple[list[Model], list[str]]:
    """Open fp32, int8 with float kernels and int8 with integer kernels; explain what is left out.

    `x.int8.onnx` and `x.onnx` belong together, unless the model is pinned.
    """
    named = Model(model, sha256=sha256)
    stem = named.name.removesuffix(".onnx").removesuffix(".int8")
    beside = [path for path in (f"{stem}.onnx", f"{stem}.int8.onnx") if os.path.exists(path)]
    found, warnings = [], []
    alone = named.sha256 or named.name not in beside
    reopen = partial(Model, sha256=named.sha256)
    for file in [named.name] if alone else beside:
        try:
            reopen(file)
        except ModelError as error:  # the sibling's: the named one could be opened
            warnings.append(str(error))
            continue
        floating, integer = reopen(file, kernels="float"), reopen(file, kernels="integer")
        found += [floating] if integer.kernels == "float" else [floating, integer]
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


def _contention(results: Sequence[BenchResult]) -> list[str]:
    """Warn if other programs took processor time during the measurement."""
    share = min(result.cpu_share for result in results)
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
    environment = os.environ | {"DIGITS_MODEL": model.name, SHA256_VARIABLE: model.sha256}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise DigitsError(f"a process failed to read one picture: {done.stderr.strip()}")
    return done.stdout


def processor() -> str:
    """Name the board, or else the processor."""
    board = _read_text(_BOARD).rstrip("\0")
    lines = _read_text(_CPUINFO).splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return board or (names[0] if names else platform.processor() or platform.machine())


def versions() -> dict[str, str]:
    """The versions of digits, Python and the runtime's dependencies."""
    return {
        "digits_version": __version__,
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def device_info() -> dict[str, str | int]:
    """Describe the device, for collected measurements."""
    return {"device": processor(), "cores": cpu_count(), **versions()}


def throttle_reasons() -> list[str]:
    """Return why the processor is slowed down at the moment; empty if unknown."""
    reasons = []
    bits = int(_read_text(_PI_THROTTLED) or "0", 16)
    reasons += [text for bit, text in _PI_REASONS.items() if bits >> bit & 1]
    now, highest = (
        int(_read_text(_FREQUENCY / name) or "0")
        for name in ("scaling_cur_freq", "cpuinfo_max_freq")
    )
    if 0 < now < _MIN_CLOCK * highest:
        reasons.append(f"its clock is at {now // 1000} of {highest // 1000} MHz")
    hottest = max(
        (int(_read_text(zone / "temp") or "0") for zone in _TEMPERATURES.glob("thermal_zone*")),
        default=0,
    )
    if hottest >= 1000 * _MAX_CELSIUS:
        reasons.append(f"its temperature is {hottest // 1000} degrees Celsius")
    return reasons


def _read_text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
