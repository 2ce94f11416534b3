import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
from PIL import Image

from tests.drawings import NOTHING, Maps, Network, answer, row_of


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def whole_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A drawn network doesn't know at which part of a page it looks."""
    monkeypatch.setattr("digits.reader.pyramid._AROUND", np.inf)


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole_pages: None) -> Path:
    """The current folder: a page "-12.5 8" under two names, and one without any digit.

    The detector sees that on every page of their shape.
    """
    shape = (200, 400)
    network = Network([*row_of("-12.5", 40, 60), *row_of("8", 300, 60)], shape)

    def maps(page: np.ndarray) -> Maps:
        centres, symbols, boxes = network(page)
        return np.full_like(centres, NOTHING) if page.max() < 200 else centres, symbols, boxes

    answer(monkeypatch, maps)
    monkeypatch.chdir(tmp_path)
    Image.new("L", shape[::-1], 255).save("a.png")
    shutil.copy("a.png", "b.png")
    Image.new("L", shape[::-1], 100).save("grey.png")
    return tmp_path


@contextmanager
def count_calls(*functions: Callable[..., object]) -> Iterator[Counter[str]]:
    """Count the calls of each function in this thread, under whatever name it was imported."""
    names = {function.__code__: function.__name__ for function in functions}
    counts = Counter[str]()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code in names:
            counts[names[frame.f_code]] += 1

    sys.setprofile(note)
    try:
        yield counts
    finally:
        sys.setprofile(None)
