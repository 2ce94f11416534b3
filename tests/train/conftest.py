from pathlib import Path

import numpy as np
import pytest

from digits_train.camera import fonts
from digits_train.camera.hands import draw_hands
from digits_train.camera.ink import EM
from digits_train.camera.lettering import write
from digits_train.camera.marks import draw_mark
from digits_train.camera.materials import Materials
from digits_train.camera.ranges import RANGES
from tests.train import short, subset_unipen

FONT = fonts.bundled()[0]


def small_materials(hands: int = 20) -> Materials:
    """With few hands and texts."""
    random = np.random.default_rng(0)
    wobble, pen = RANGES.text.wobble, RANGES.text.mark_pen
    texts = [write(text, FONT, random, wobble) for text in ("sum", "Tel.", "&", "O", "date")]
    marks = [draw_mark(EM, random, pen) for _ in range(20)]
    people = draw_hands(subset_unipen.writings(), hands, random, RANGES.hand)
    return Materials(people, [texts], marks, RANGES)


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write empty files as plots: drawing takes longer than a short training."""
    short.replace_figures(monkeypatch)


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change to an empty folder, in which runs/ is created."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def materials() -> Materials:
    return small_materials()
