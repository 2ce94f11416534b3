"""No picture takes excessive time or memory: bombs, short reads, and patterns."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from digits.classifier import Classifier
from digits.errors import PictureError
from digits.images.formats import FORMATS
from digits.images.picture import PAGE_MAX_SIDE
from tests.robustness import bombs, specimens
from tests.robustness.sandbox import harmless

SPECIMENS = specimens.pictures()
SIDE = PAGE_MAX_SIDE  # pixels; larger images are downscaled to it
INK, PAPER = 30, 225
MEGABYTES = 400

Grey = NDArray[np.uint8]
Grid = NDArray[np.int64]


def test_specimens_cover_all_formats(classifier: Classifier) -> None:
    assert {name.partition(" ")[0] for name in SPECIMENS} == set(FORMATS)
    digits = {name: classifier.predict(raw).digit for name, raw in SPECIMENS.items()}
    assert digits == dict.fromkeys(SPECIMENS, 7)


@pytest.fixture(scope="module", autouse=True)
def lazy_imports() -> None:
    classifier = Classifier()
    for raw in SPECIMENS.values():
        classifier.predict(raw)
    classifier.read(SPECIMENS["PNG L"])


def test_bombs(classifier: Classifier) -> None:
    for name, raw in bombs.pictures().items():
        with harmless(name), suppress(PictureError):
            assert_inside(classifier.predict(raw).box)


@pytest.mark.linux
@pytest.mark.slow
def test_50_megapixels_take_under_400_mb(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (6100, 8200), np.uint8)
    noise[600:] = PAPER  # patterns, below, are noise all over
    Image.fromarray(noise).convert("RGBA").save(tmp_path / "noise.png", compress_level=0)
    code = """
import resource, subprocess, sys
for command in ("predict", "read"):
    subprocess.run([sys.executable, "-m", "digits", command, "noise.png"])
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)  # the larger of both
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr
    assert int(done.stdout.splitlines()[-1]) < 400


def inked(ink: NDArray[np.bool_]) -> Grey:
    return np.where(ink, INK, PAPER).astype(np.uint8)


def specks() -> Grey:
    """Draw 10,000 specks, all different."""
    random = np.random.default_rng(0)
    page = np.full((SIDE, SIDE), PAPER, np.uint8)
    for cell in random.permutation(170 * 170)[:10_000].tolist():
        top, left = 4 + cell // 170 * 12, 4 + cell % 170 * 12
        height, width = random.integers(2, 9, 2).tolist()
        page[top : top + height, left : left + width] = int(random.integers(20, 100))
    return page


def scribble() -> Grey:
    """Draw one stroke that fills the image, crosses itself and touches every border."""
    t = np.linspace(0, 2 * np.pi, 120_000)
    x = np.sin(600 * t) * 0.55 + np.sin(7 * t + 1) * 0.5
    y = np.cos(611 * t) * 0.55 + np.cos(5 * t) * 0.5
    image = Image.new("L", (SIDE, SIDE), PAPER)
    points = ((np.stack([x, y], 1) + 1) * SIDE / 2).ravel().tolist()
    ImageDraw.Draw(image).line(points, fill=INK, width=5)
    return np.asarray(image)


def noise() -> Grey:
    return np.random.default_rng(0).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)


def are_bars(y: Grid, x: Grid) -> NDArray[np.bool_]:
    """Return where 2,000 vertical strokes in 40 lines are."""
    inside = (x >= 20) & (x < 1920) & (y >= 20) & (y < 2020)
    return inside & ((x - 20) % 38 < 4) & ((y - 20) % 50 < 26)


# Of rows and columns. Rings and the grid's lines are 4 pixels apart.
PATTERNS: dict[str, Callable[[Grid, Grid], Grey]] = {
    "rings": lambda y, x: inked(np.hypot(x - SIDE / 2, y - SIDE / 2) % 4 < 2),
    "checkerboard": lambda y, x: inked((x + y) % 2 == 0),
    "grid": lambda y, x: inked((x % 4 == 0) | (y % 4 == 0)),
    "2,000 bars": lambda y, x: inked(are_bars(y, x)),
    "10,000 unequal specks": lambda *_: specks(),
    "white noise": lambda *_: noise(),
    "white noise of ink": lambda *_: inked(noise() > 150),
    "dense scribble": lambda *_: scribble(),
    "wide strip": lambda *_: noise()[:3],
    "high strip": lambda *_: noise()[:, :3],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PATTERNS)
def test_pattern_stays_within_limits(name: str) -> None:
    picture = PATTERNS[name](*np.mgrid[:SIDE, :SIDE])
    classifier = Classifier()  # a new one: what onnxruntime has freed in another would be reused
    with harmless(name, megabytes=MEGABYTES):
        prediction = classifier.predict(picture)
    assert_inside(prediction.box, *picture.shape)
    assert sum(prediction.probabilities) == pytest.approx(1, abs=1e-5)
    with harmless(name, megabytes=MEGABYTES), suppress(PictureError):
        for symbol in classifier.read(picture).symbols:
            assert_inside(symbol.box, *picture.shape)
            assert 0.5 < sum(symbol.probabilities) < 1 + 1e-5


def assert_inside(
    box: tuple[int, int, int, int], height: float = np.inf, width: float = np.inf
) -> None:
    left, top, right, bottom = box
    assert 0 <= left < right <= width, box
    assert 0 <= top < bottom <= height, box
