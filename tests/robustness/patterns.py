"""Images that take much work to read: rings, checkerboards, specks, scribbles, noise.

python -m tests.robustness.patterns [NAME ...] prints the time and memory for each; with --profile,
the functions that take the most time.
"""

import cProfile
import json
import os
import pstats
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from digits.classifier import Classifier
from digits.errors import PictureError
from digits.images.picture import PAGE_MAX_SIDE
from digits.prediction import Symbol
from tests.robustness.sandbox import Usage, measured

SIDE = PAGE_MAX_SIDE  # pixels; larger images are downscaled to it
INK, PAPER = 30, 225

Grey = NDArray[np.uint8]

_ROOT = Path(__file__).parent.parent.parent
_SAMPLE = _ROOT / "tests" / "pictures" / "7.jpg"
# On a busy machine NumPy's threads busy-wait for each other, which counts as processor time.
_ENVIRONMENT = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
_TIMEOUT = 600  # seconds
_MAX_CPU_SECONDS = 30  # of a process; the slowest pattern takes 4
_MAX_BYTES = 6 << 30  # of a process, so that one image can't exhaust the machine's memory
_SLOWEST = 5  # functions of a profile to print


def rings(period: int) -> Grey:
    """Draw concentric rings."""
    distance = np.hypot(*_around_middle())
    return _inked(distance % period < period / 2)


def spiral(period: int) -> Grey:
    """Draw one line that winds around the middle."""
    y, x = _around_middle()
    turned = np.hypot(x, y) - period * np.arctan2(y, x) / (2 * np.pi)
    return _inked(turned % period < period / 3)


def checkerboard(cell: int) -> Grey:
    """Draw cells that touch at their corners."""
    y, x = np.mgrid[:SIDE, :SIDE] // cell
    return _inked((x + y) % 2 == 0)


def specks(equal: bool) -> Grey:
    """Draw 10,000 specks, all equal or all different."""
    random = np.random.default_rng(0)
    page = np.full((SIDE, SIDE), PAPER, np.uint8)
    for place in random.permutation(170 * 170)[:10_000].tolist():
        top, left = 4 + place // 170 * 12, 4 + place % 170 * 12
        height, width = (3, 2) if equal else random.integers(2, 9, 2).tolist()
        grey = INK if equal else int(random.integers(20, 100))
        page[top : top + height, left : left + width] = grey
    return page


def noise(ink: bool) -> Grey:
    """Draw white noise of two greys, or of all."""
    random = np.random.default_rng(0)
    values = random.integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    return _inked(values > 150) if ink else values


def grid(spacing: int) -> Grey:
    """Draw lines of one pixel's width."""
    y, x = np.mgrid[:SIDE, :SIDE]
    return _inked((x % spacing == 0) | (y % spacing == 0))


def bars(spacing: int) -> Grey:
    """Draw 2,000 vertical strokes in 40 lines."""
    page = np.full((SIDE, SIDE), PAPER, np.uint8)
    for line in range(40):
        for place in range(50):
            top, left = 20 + 50 * line, 20 + spacing * place
            page[top : top + 26, left : left + 4] = INK
    return page


def scribble(turns: int) -> Grey:
    """Draw one stroke that fills the image, crosses itself and touches every border."""
    t = np.linspace(0, 2 * np.pi, 200 * turns)
    x = np.sin(turns * t) * 0.55 + np.sin(7 * t + 1) * 0.5
    y = np.cos((turns + 11) * t) * 0.55 + np.cos(5 * t) * 0.5
    return _drawn(lambda pen: pen.line(_scaled(x, y), fill=INK, width=5))


def strip(height: int, width: int) -> Grey:
    """Draw noise on a narrow image."""
    return np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)


def nested_boxes(spacing: int) -> Grey:
    """Draw frames inside frames."""

    def draw(pen: ImageDraw.ImageDraw) -> None:
        for at in range(4, SIDE // 2 - 4, spacing):
            pen.rectangle((at, at, SIDE - 1 - at, SIDE - 1 - at), outline=INK, width=spacing // 4)

    return _drawn(draw)


def blobs(rings: int, filled: bool) -> Grey:
    """Draw 300 wide blobs, each of a row of touching ellipses."""
    width = 120 // rings

    def draw(pen: ImageDraw.ImageDraw) -> None:
        for place in range(300):
            top, left = 10 + place // 15 * 100, 8 + place % 15 * 135
            for ring in range(rings):
                box = (left + ring * width, top, left + (ring + 1) * width, top + 45)
                pen.ellipse(box, fill=INK if filled else None, outline=INK, width=5)

    return _drawn(draw)


def rows_of_rings() -> Grey:
    """Draw 20 lines of 60 touching rings."""

    def draw(pen: ImageDraw.ImageDraw) -> None:
        for place in range(1200):
            top, left = 10 + place // 60 * 100, 8 + place % 60 * 33
            pen.ellipse((left, top, left + 34, top + 45), outline=INK, width=5)

    return _drawn(draw)


PATTERNS: dict[str, Callable[[], Grey]] = {
    **{f"rings, {n} pixels apart": partial(rings, n) for n in (4, 16, 64)},
    **{f"spiral, {n} pixels apart": partial(spiral, n) for n in (6, 24, 96)},
    **{f"checkerboard, cells of {n}": partial(checkerboard, n) for n in (1, 2, 3, 8, 16, 32)},
    "10,000 equal specks": partial(specks, equal=True),
    "10,000 unequal specks": partial(specks, equal=False),
    "white noise": partial(noise, ink=False),
    "white noise of ink": partial(noise, ink=True),
    **{f"grid, {n} pixels apart": partial(grid, n) for n in (4, 8, 32)},
    "2,000 bars": partial(bars, 38),
    "2,000 bars, close": partial(bars, 14),
    "scribble": partial(scribble, 150),
    "dense scribble": partial(scribble, 600),
    "strip, 2048x3": partial(strip, 3, SIDE),
    "strip, 2048x8": partial(strip, 8, SIDE),
    "strip, 3x2048": partial(strip, SIDE, 3),
    "strip, 8x2048": partial(strip, SIDE, 8),
    **{f"nested boxes, {n} pixels apart": partial(nested_boxes, n) for n in (8, 40)},
    "300 wide blobs": partial(blobs, 1, filled=True),
    "300 blobs of 4 touching": partial(blobs, 4, filled=True),
    "300 blobs of 4 touching rings": partial(blobs, 4, filled=False),
    "20 lines of 60 touching rings": rows_of_rings,
}


class Costs(NamedTuple):
    """Time and memory that `predict` and `read` take for one image.

    digits: how many `read` is confident of.
    """

    predict: Usage
    read: Usage
    digits: int


def costs(name: str) -> Costs:
    """Measure one pattern, in a process of its own: memory that one has freed helps the next."""
    command = [sys.executable, "-m", "tests.robustness.patterns", "--measure", name]
    try:
        done = subprocess.run(
            command, cwd=_ROOT, env=_ENVIRONMENT, capture_output=True, text=True, timeout=_TIMEOUT
        )
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f"{name} took more than {_TIMEOUT} s") from error
    assert done.returncode == 0, f"{name}: {done.stderr or done.returncode}"
    predict, read, digits = json.loads(done.stdout)
    return Costs(Usage(*predict), Usage(*read), digits)


def _measure(name: str) -> None:
    _limit_resources(_MAX_CPU_SECONDS)
    classifier, picture = _warm_up(), PATTERNS[name]()
    with measured() as predict:
        prediction = classifier.predict(picture)
    _check(prediction.box, picture)
    assert abs(sum(prediction.probabilities) - 1) < 1e-5, prediction
    with measured() as read:
        symbols = _read(classifier, picture)
    for symbol in symbols:
        _check(symbol.box, picture)
        assert 0.5 < sum(symbol.probabilities) < 1 + 1e-5, symbol
    usages = [(usage.seconds, usage.megabytes) for usage in (predict, read)]
    confident = sum(symbol.symbol is not None for symbol in symbols)
    print(json.dumps([*usages, confident]))


def _warm_up() -> Classifier:
    """Load the bundled model, and use it once so that lazy imports are done."""
    classifier = Classifier()
    classifier.predict(_SAMPLE)
    _read(classifier, _SAMPLE)
    return classifier


def _read(classifier: Classifier, picture: Grey | Path) -> tuple[Symbol, ...]:
    try:
        return classifier.read(picture).symbols
    except PictureError:
        return ()


def _check(box: tuple[int, int, int, int], picture: Grey) -> None:
    left, top, right, bottom = box
    assert 0 <= left < right <= picture.shape[1], box
    assert 0 <= top < bottom <= picture.shape[0], box


def _around_middle() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each pixel's distance from the middle, down and to the right."""
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    return y, x


def _inked(ink: NDArray[np.bool_]) -> Grey:
    return np.where(ink, INK, PAPER).astype(np.uint8)


def _drawn(draw: Callable[[ImageDraw.ImageDraw], None]) -> Grey:
    image = Image.new("L", (SIDE, SIDE), PAPER)
    draw(ImageDraw.Draw(image))
    return np.asarray(image)


def _scaled(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Convert coordinates from -1 to 1 to pixels."""
    places = ((np.stack([x, y], 1) + 1) * SIDE / 2).tolist()
    return [(one, other) for one, other in places]


def _limit_resources(cpu_seconds: int | None = None) -> None:
    """Limit memory and processor time; beyond the latter, SIGXCPU ends this process."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MAX_BYTES, _MAX_BYTES))
        if cpu_seconds is not None:
            resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 5))


def _profile(name: str) -> None:
    """Print the functions in which `read` spends the most time itself."""
    _limit_resources()
    classifier, picture = _warm_up(), PATTERNS[name]()
    profile = cProfile.Profile()
    try:
        profile.runcall(_read, classifier, picture)
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
    pstats.Stats(profile).strip_dirs().sort_stats("tottime").print_stats(_SLOWEST)


def main() -> None:
    names = [name for name in sys.argv[1:] if not name.startswith("--")] or list(PATTERNS)
    if "--measure" in sys.argv or "--profile" in sys.argv:
        for name in names:
            (_measure if "--measure" in sys.argv else _profile)(name)
        return
    print(f"{'':34}{'predict':>17}{'read':>17}{'digits':>9}")
    for name in names:
        try:
            predict, read, digits = costs(name)
        except AssertionError as error:
            print(f"{name:34}  {str(error).splitlines()[-1]}", flush=True)
            continue
        print(f"{name:34}{_format(predict)}{_format(read)}{digits:9}", flush=True)


def _format(usage: Usage) -> str:
    return f"{usage.seconds:7.2f} s{usage.megabytes:5.0f} MB"


if __name__ == "__main__":
    main()
