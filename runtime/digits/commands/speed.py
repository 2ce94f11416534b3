"""How fast a model is on this very device, measured in the manner of MLPerf Tiny: `digits bench`.

A figure is the median of five windows after a warm-up (C. Banbury et al., "MLPerf Tiny Benchmark",
2021).
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

import numpy as np
from PIL import Image, ImageDraw

from digits.classifier import Classifier
from digits.commands import device
from digits.errors import DigitsError, ModelError
from digits.inference.metadata import Kernels
from digits.inference.model import Model
from digits.inference.model_file import SHA256_VARIABLE
from digits.system import cpu_count
from digits.terminal import progress_bar

_BATCHES, _THREADS = (1, 8, 64), sorted({1, cpu_count()})
_STEPS = 3 + len(_THREADS) * len(_BATCHES)  # of `_measure`
_PERCENTILES = (50, 90, 99)
_WINDOWS = 5
_LATENCY, _THROUGHPUT = 1.0, 0.3  # seconds that a window takes at least
_UNDISTURBED = 0.95  # of a core that a process has where no other runs
_FEWEST = 10  # calls in a window of which percentiles are taken

# What is read for the start of a process, which also says how much memory it took at most.
_ONE_PICTURE = """
from digits.__main__ import main
main()
with open("/proc/self/status") as status:
    print(*[line.split()[1] for line in status if line.startswith("VmHWM")])
"""
_STATUS = Path("/proc/self/status")  # Linux has it


@dataclass
class Speed:
    """One model file with one kind of kernels. Times in seconds, sizes in bytes."""

    model: str
    kernels: Kernels
    quantization: str
    size: int
    session_start: float = 0.0
    latency: dict[int, float] = field(default_factory=dict)  # of one digit, by percentile
    throughput: dict[tuple[int, int], float] = field(default_factory=dict)  # by batch and threads
    picture: float = 0.0  # from the file to the digit
    cold_start: float | None = None  # a process that reads one picture; with the file's own kernels
    peak_memory: int | None = None  # of that process
    share: float = 1.0  # of a core that was left to this process while it measured

    @property
    def name(self) -> str:
        """What tells it from the others beside it."""
        return "fp32" if self.quantization == "none" else f"int8, {self.kernels} kernels"


def compare(model: Path | None, sha256: str | None = None) -> tuple[list[Speed], list[str]]:
    """Measure a model beside its siblings; with warnings of what made it slower than it can be.

    sha256: as of `Model`. Raises ModelError for a file that can't be used.
    """
    models, warnings = _side_by_side(model, sha256)
    warnings += device.throttled()
    speeds = []
    with progress_bar() as bar, TemporaryDirectory() as folder:
        task = bar.add_task("measuring", total=len(models) * _STEPS)
        picture = _photo(Path(folder))
        for one in models:
            speeds.append(_measure(one, picture, partial(bar.advance, task)))
    return speeds, list(dict.fromkeys([*warnings, *_disturbed(speeds), *device.throttled()]))


def _side_by_side(model: Path | None, sha256: str | None = None) -> tuple[list[Model], list[str]]:
    """fp32, int8 with float kernels, int8 with integer kernels; and why one is left out.

    `x.int8.onnx` and `x.onnx` belong together, where both are there and neither is pinned.
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
        except ModelError as error:  # the sibling's, for the one that was named is open
            warnings.append(str(error))
            continue
        floating, integer = reopen(file, kernels="float"), reopen(file, kernels="integer")
        found += [floating] if integer.kernels == "float" else [floating, integer]
    return found, warnings


def _photo(folder: Path) -> Path:
    """A JPEG of three megapixels to read: a seven, drawn with a broad pen."""
    image = Image.new("L", (2048, 1536), 200)
    ImageDraw.Draw(image).line([(800, 400), (1250, 400), (950, 1150)], 40, 60, "curve")
    image.save(folder / "seven.jpg", quality=90)
    return folder / "seven.jpg"


def _measure(model: Model, picture: Path, advance: Callable[[], None]) -> Speed:
    """Measure a model. advance: called after each step."""
    speed = Speed(
        model.name, model.kernels, model.metadata.quantization, os.path.getsize(model.name)
    )
    reopen = partial(Model, model.name, sha256=model.sha256)
    speed.session_start = _median(lambda: reopen(kernels=model.kernels))
    digits = np.random.default_rng(0).integers(0, 256, (max(_BATCHES), 28, 28), np.uint8)
    _latency(lambda: model.probabilities(digits[:1]), speed)
    advance()
    for threads in _THREADS:
        shared = reopen(threads, model.kernels)
        for batch in _BATCHES:
            call = partial(shared.probabilities, digits[:batch])
            speed.throughput[batch, threads] = batch / _median(call, _THROUGHPUT)
            advance()
    classifier = Classifier(model.name, kernels=model.kernels, sha256=model.sha256)
    speed.picture = _median(lambda: classifier.predict(picture), _THROUGHPUT)
    advance()
    if model.kernels == reopen().kernels:
        speed.cold_start = _median(lambda: _process(["-m", "digits"], model, picture))
        if _STATUS.exists():
            kilobytes = _process(["-c", _ONE_PICTURE], model, picture).splitlines()[-1]
            speed.peak_memory = int(kilobytes) << 10
    advance()
    return speed


def _disturbed(speeds: Sequence[Speed]) -> list[str]:
    """Whether other programs took time away while the speeds were measured."""
    share = min(speed.share for speed in speeds)
    return [f"other programs ran: {share:.0%} of a core was left"] if share < _UNDISTURBED else []


def _latency(call: Callable[[], object], speed: Speed) -> None:
    call()
    windows = []
    worked, started = time.process_time(), time.perf_counter()
    for _ in range(_WINDOWS + 1):
        times: list[float] = []
        end = time.perf_counter() + _LATENCY
        while len(times) < _FEWEST or time.perf_counter() < end:
            began = time.perf_counter()
            call()
            times.append(time.perf_counter() - began)
        windows.append(np.percentile(times, _PERCENTILES))
    speed.share = (time.process_time() - worked) / (time.perf_counter() - started)
    medians = np.median(windows[1:], axis=0)  # the first only warms up
    speed.latency = dict(zip(_PERCENTILES, medians.tolist(), strict=True))


def _median(call: Callable[[], object], window: float = 0.0) -> float:
    """Seconds of one call: the median of five windows, after one that only warms up."""
    windows = []
    for _ in range(_WINDOWS + 1):
        started, calls = time.perf_counter(), 0
        while not calls or time.perf_counter() < started + window:
            call()
            calls += 1
        windows.append((time.perf_counter() - started) / calls)
    return statistics.median(windows[1:])


def _process(start: list[str], model: Model, picture: Path) -> str:
    command = [sys.executable, *start, "predict", str(picture)]
    environment = os.environ | {"DIGITS_MODEL": model.name, SHA256_VARIABLE: model.sha256}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise DigitsError(f"a process that reads one picture failed: {done.stderr.strip()}")
    return done.stdout
