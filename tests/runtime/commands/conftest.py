import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits.inference.reader_model import ReaderModel
from tests.runtime.reader.drawn import NOTHING, Network, row_of


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a page "-12.5 8" under two names, and one without any digit.

    The reader sees that on every page of their shape.
    """
    shape = (200, 400)
    network = Network([*row_of("-12.5", 40, 60), *row_of("8", 300, 60)], shape)

    def maps(self: ReaderModel, page: np.ndarray) -> tuple[np.ndarray, ...]:
        centres, symbols, boxes = network(page)
        return np.full_like(centres, NOTHING) if page.max() < 200 else centres, symbols, boxes

    monkeypatch.setattr(ReaderModel, "maps", maps)
    monkeypatch.chdir(tmp_path)
    Image.new("L", shape[::-1], 255).save("a.png")
    shutil.copy("a.png", "b.png")
    Image.new("L", shape[::-1], 100).save("grey.png")
    return tmp_path
