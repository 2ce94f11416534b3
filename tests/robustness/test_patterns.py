"""No image takes excessive time or memory to read: rings, checkerboards, specks, scribbles."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from digits.classifier import Classifier
from digits.errors import PictureError
from digits.images.picture import PAGE_MAX_SIDE
from tests.conftest import PICTURES
from tests.robustness.sandbox import harmless

SIDE = PAGE_MAX_SIDE  # pixels; larger images are downscaled to it
INK, PAPER = 30, 225
MEGABYTES = 400

Grey = NDArray[np.uint8]


def inked(ink: NDArray[np.bool_]) -> Grey:
    return np.where(ink, INK, PAPER).astype(np.uint8)


def rings() -> Grey:
    """Draw concentric rings, 4 pixels apart."""
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    return inked(np.hypot(x, y) % 4 < 2)


def checkerboard() -> Grey:
    """Draw pixels that touch at their corners."""
    y, x = np.mgrid[:SIDE, :SIDE]
    return inked((x + y) % 2 == 0)


def specks() -> Grey:
    """Draw 10,000 specks, all different."""
    random = np.random.default_rng(0)
    page = np.full((SIDE, SIDE), PAPER, np.uint8)
    for cell in random.permutation(170 * 170)[:10_000].tolist():
        top, left = 4 + cell // 170 * 12, 4 + cell % 170 * 12
        height, width = random.integers(2, 9, 2).tolist()
        page[top : top + height, left : left + width] = int(random.integers(20, 100))
    return page


def noise(height: int = SIDE, width: int = SIDE) -> Grey:
    """Draw white noise."""
    return np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)


def grid() -> Grey:
    """Draw lines of one pixel's width, 4 pixels apart."""
    y, x = np.mgrid[:SIDE, :SIDE]
    return inked((x % 4 == 0) | (y % 4 == 0))


def bars() -> Grey:
    """Draw 2,000 vertical strokes in 40 lines."""
    y, x = np.mgrid[:SIDE, :SIDE] - 20
    return inked((x >= 0) & (x < 1900) & (x % 38 < 4) & (y >= 0) & (y < 2000) & (y % 50 < 26))


def scribble() -> Grey:
    """Draw one stroke that fills the image, crosses itself and touches every border."""
    t = np.linspace(0, 2 * np.pi, 120_000)
    x = np.sin(600 * t) * 0.55 + np.sin(7 * t + 1) * 0.5
    y = np.cos(611 * t) * 0.55 + np.cos(5 * t) * 0.5
    image = Image.new("L", (SIDE, SIDE), PAPER)
    points = ((np.stack([x, y], 1) + 1) * SIDE / 2).ravel().tolist()
    ImageDraw.Draw(image).line(points, fill=INK, width=5)
    return np.asarray(image)


PATTERNS: dict[str, Callable[[], Grey]] = {
    "rings": rings,
    "checkerboard": checkerboard,
    "10,000 unequal specks": specks,
    "white noise": noise,
    "white noise of ink": lambda: inked(noise() > 150),
    "grid": grid,
    "2,000 bars": bars,
    "dense scribble": scribble,
    "wide strip": partial(noise, 3, SIDE),
    "high strip": partial(noise, SIDE, 3),
}


@pytest.fixture(scope="module", autouse=True)
def lazy_imports() -> None:
    classifier = Classifier()
    classifier.predict(PICTURES / "7.jpg")
    classifier.read(PICTURES / "7.jpg")


@pytest.mark.parametrize("name", PATTERNS)
def test_pattern_stays_within_limits(name: str) -> None:
    picture = PATTERNS[name]()
    classifier = Classifier()  # a new one: what onnxruntime has freed in another would be reused
    with harmless(name, megabytes=MEGABYTES):
        prediction = classifier.predict(picture)
    assert_inside(prediction.box, picture)
    assert sum(prediction.probabilities) == pytest.approx(1, abs=1e-5)
    with harmless(name, megabytes=MEGABYTES), suppress(PictureError):
        for symbol in classifier.read(picture).symbols:
            assert_inside(symbol.box, picture)
            assert 0.5 < sum(symbol.probabilities) < 1 + 1e-5


def assert_inside(box: tuple[int, int, int, int], picture: Grey) -> None:
    left, top, right, bottom = box
    assert 0 <= left < right <= picture.shape[1], box
    assert 0 <= top < bottom <= picture.shape[0], box
