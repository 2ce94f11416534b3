"""No pattern takes excessive time or memory; and what is noticed as harm."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from digits.errors import PictureError
from digits.images.formats import FORMATS
from digits.images.picture import PAGE_MAX_SIDE as SIDE
from digits.recognize import Reader
from tests.robustness import specimens
from tests.robustness.sandbox import harmless

pytestmark = pytest.mark.filterwarnings("ignore:.* only the first is read")

SPECIMENS = specimens.pictures()
INK, PAPER = 30, 225

Grey = NDArray[np.uint8]


@pytest.fixture(scope="module", autouse=True)
def lazy_imports(reader: Reader) -> None:
    """All specimens are read."""
    digits = {name: reader.predict(raw).digit for name, raw in SPECIMENS.items()}
    assert digits == dict.fromkeys(SPECIMENS, 7)
    assert {name.partition(" ")[0] for name in SPECIMENS} == set(FORMATS)
    reader.read(SPECIMENS["PNG L"])


def peak(*arguments: str | Path) -> int:
    """The most memory that `digits ARGUMENTS` occupies, in bytes."""
    code = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-m", "digits", *sys.argv[1:]])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10)
"""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    return int(done.stdout.splitlines()[-1])


@pytest.mark.linux
@pytest.mark.parametrize("command", ["predict", "read"])
def test_50_megapixels_take_little_but_their_pixels(tmp_path: Path, command: str) -> None:
    """Beside what the same picture takes that needs no reduction."""
    picture = np.random.default_rng(0).integers(0, 256, (6100, 8200), np.uint8)
    picture[600:] = PAPER  # patterns, below, are noise all over
    large, small = tmp_path / "large.png", tmp_path / "small.png"
    image = Image.fromarray(picture).convert("RGBA")
    image.save(large, compress_level=0)
    image.reduce(-(-image.width // SIDE)).save(small)
    assert peak(command, large) - peak(command, small) < 1.25 * 4 * picture.size


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
    return np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)


def bars() -> Grey:
    """Draw 2,000 vertical strokes in 40 lines."""
    y, x = np.indices((SIDE, SIDE))
    inside = (x >= 20) & (x < 1920) & (y >= 20) & (y < 2020)
    return np.where(inside & ((x - 20) % 38 < 4) & ((y - 20) % 50 < 26), INK, PAPER).astype(
        np.uint8
    )


PATTERNS: dict[str, Callable[[], Grey]] = {
    **{"bars": bars, "specks": specks, "noise": noise, "strip": lambda: noise(3)},
}


@pytest.mark.parametrize("name", PATTERNS)
def test_pattern_stays_within_limits(name: str) -> None:
    picture = PATTERNS[name]()
    reader = Reader()  # a new one: what onnxruntime has freed in another would be reused
    with harmless(name, megabytes=500):
        boxes = [reader.predict(picture).box]
    with harmless(name, megabytes=500), suppress(PictureError):
        boxes += [symbol.box for symbol in reader.read(picture).symbols]
    for left, top, right, bottom in boxes:
        assert 0 <= left < right <= picture.shape[1]
        assert 0 <= top < bottom <= picture.shape[0]


@pytest.mark.linux
@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: (folder / "../outside").touch(),
        lambda folder: (folder / "inside").rename(folder / "../outside"),
        lambda folder: (folder / "..").chmod(0o777),
        lambda _: os.system("true"),
        lambda _: socket.create_connection(("127.0.0.1", 9)),
        lambda _: b"1" * 900_000_000,
    ],
)
def test_harm_is_noticed(tmp_path: Path, harm: Callable[[Path], object]) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with harmless("", folder):
        (folder / "inside").touch()
    with pytest.raises(AssertionError), harmless("", folder):
        harm(folder)
