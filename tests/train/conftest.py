from pathlib import Path

import numpy as np
import pytest

from digits.data.split import Split
from digits_train.camera import fonts
from digits_train.camera.glyphs import mnist_hands
from digits_train.camera.ink import EM
from digits_train.camera.lettering import write
from digits_train.camera.marks import draw_mark
from digits_train.camera.materials import Materials
from digits_train.camera.ranges import RANGES
from tests.train import short

FONT = fonts.bundled()[0]


def small_materials(digits: Split, glyphs: int = 400) -> Materials:
    """With few glyphs and texts."""
    random = np.random.default_rng(0)
    wobble, pen = RANGES.text.wobble, RANGES.text.mark_pen
    texts = [write(text, FONT, random, wobble) for text in ("sum", "Tel.", "&", "O", "date")]
    marks = [draw_mark(EM, random, pen) for _ in range(20)]
    return Materials(mnist_hands(digits, glyphs, random, RANGES.hand), (), [texts], marks, RANGES)


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write empty files as plots: drawing takes longer than a short training."""
    short.replace_figures(monkeypatch)


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change to an empty folder, in which runs/ is created."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def materials(train_slice: Split) -> Materials:
    return small_materials(train_slice, 200)
