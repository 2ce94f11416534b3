"""Materials to compose windows of, with few glyphs and texts."""

import numpy as np

from digits.data.mnist import Split
from digits_train.camera import fonts
from digits_train.camera.glyphs import pen_writers
from digits_train.camera.ink import EM
from digits_train.camera.lettering import write
from digits_train.camera.marks import draw_mark
from digits_train.camera.materials import Materials

FONT = fonts.bundled()[0]


def make(digits: Split, bank: int = 400) -> Materials:
    random = np.random.default_rng(0)
    texts = [write(text, FONT, random) for text in ("sum", "Tel.", "&", "O", "date")]
    marks = [draw_mark(EM, random) for _ in range(20)]
    return Materials(pen_writers(digits, bank, random), (), [texts], marks)
