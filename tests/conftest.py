"""Fixtures and settings shared by several test files."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

from digits.__main__ import main
from digits.data.split import Split
from digits.errors import DataError
from digits.recognize import Reader
from digits_train.data import mnist
from tests import synthetic
from tests.train import subset_digits

if TYPE_CHECKING:  # which imports PyTorch
    from digits_train.run import RunDir

Run = Callable[..., tuple[int, str, str]]
Capsys = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch

PICTURES = Path(__file__).parent / "pictures"
_NO_MNIST = "MNIST is not here"
_SYSTEMS = {"unix": sys.platform != "win32", "linux": sys.platform == "linux"}

# Tests run in parallel: the threads of one network would busy-wait for each other. Set before torch
# is imported, and inherited by all processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# With it, no buffered output is left whose write could fail when a command exits.
os.environ.pop("PYTHONUNBUFFERED", None)

# On a busy machine any example may be slow.
settings.register_profile(
    "digits", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("digits")

# A shell makes background jobs ignore SIGINT, which each command of a test would inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests marked `unix` or `linux` on other systems."""
    for system, is_this in _SYSTEMS.items():
        if item.get_closest_marker(system) and not is_this:
            pytest.skip(f"needs {system}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests were left out for want of MNIST, which nobody else would notice."""
    skipped = terminalreporter.stats.get("skipped", [])
    names = [report.nodeid for report in skipped if _NO_MNIST in str(report.longrepr)]
    if names:
        terminalreporter.write_line(f"{_NO_MNIST}: left out {', '.join(names)}", yellow=True)


@pytest.fixture(scope="session")
def train_slice() -> Split:
    """The first 1,000 training digits of MNIST, as IDX files like its own."""
    parts = subset_digits.load("train"), subset_digits.load("validation")
    images, labels = zip(*((part.images, part.labels) for part in parts), strict=True)
    return Split(np.concatenate(images), np.concatenate(labels))


@pytest.fixture(scope="session")
def test_slice() -> Split:
    """The first 500 test digits."""
    return subset_digits.load("test")


@pytest.fixture(scope="session")
def pictures() -> list[Path]:
    """The ten sample images, in order; each is named after its digit.

    They are drawn from the first of each digit in MNIST's test set as if by different cameras and
    programs: 0 white on black, 1 black on white; 2 a phone's photo of ballpoint on shaded paper;
    3 chalk on green; 4 with a transparent ground; 5 a 16-bit scan of faint pencil; 6 a palette's
    first frame of two; 7 sideways by EXIF; 8 CMYK; 9 small and off the middle of a large sheet.
    """
    return sorted(PICTURES.glob("[0-9].*"))


@pytest.fixture(scope="session")
def reader() -> Reader:
    """The bundled one."""
    return Reader()


@pytest.fixture(scope="session")
def numbers(tmp_path_factory: pytest.TempPathFactory, test_slice: Split) -> Path:
    """A photograph of four numbers, as a JPEG."""
    path = tmp_path_factory.mktemp("numbers") / "numbers.jpg"
    Image.fromarray(synthetic.page(test_slice)).save(path, quality=90)
    return path


@pytest.fixture(scope="session")
def full_test_set() -> Split:
    """All 10,000 test digits; skips if MNIST isn't available, but in CI."""
    try:
        return mnist.load("test")
    except DataError as error:
        if "CI" in os.environ:
            raise
        pytest.skip(f"{_NO_MNIST}: {error}")


@pytest.fixture
def slice_as_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace MNIST by its subset, generate little, and download no font."""
    for patch in subset_digits.patches():
        monkeypatch.setattr(*patch)


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory) -> "RunDir":
    """A finished run of `short.EXPERIMENT`, without figures, which no test changes."""
    from tests.train import short

    with pytest.MonkeyPatch.context() as patch:
        short.replace_figures(patch)
        patch.setattr(mnist, "load_all", subset_digits.load_all)
        run, _ = short.train(short.EXPERIMENT, out=tmp_path_factory.mktemp("trained") / "run")
    return run


@pytest.fixture
def run(monkeypatch: Patch, capsys: Capsys) -> Run:
    """Call `digits ARGUMENTS` in this process; returns exit code, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["digits", *map(str, arguments)])
        monkeypatch.setenv("PYTHONSAFEPATH", "1")  # which it sets, only for the test
        code = 0
        try:
            main()
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return call
