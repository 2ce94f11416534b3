"""Compose windows of numbers, words and marks."""

from collections.abc import Sequence

from digits_train.camera.glyphs import EM, Writer
from digits_train.camera.rows import Rows, random_style
from digits_train.camera.window import Materials, Window
from digits_train.raster import Bytes, Random, log_uniform, scaled

# What windows hold, and how often. Beside numbers there are words and marks too.
_CONTENTS = {"numbers": 0.66, "words": 0.26, "marks": 0.08}


def compose(random: Random, materials: Materials, side: int) -> Window:
    """A window of `side` pixels with numbers, words and marks, by one writer."""
    window, style = Window.empty(side), random_style(random)
    if random.random() < 0.35 and materials.fonts:
        writer: Writer = materials.fonts[int(random.integers(len(materials.fonts)))]
    else:
        writer = materials.pens.writer(random)
    content = str(random.choice(list(_CONTENTS), p=list(_CONTENTS.values())))
    if content != "marks":
        Rows(window, style, writer, materials, random).write_all(content == "numbers")
    if content == "marks" or random.random() < 0.35:
        _draw_marks(window, style.height / EM, materials.marks, random)
    return window


def _draw_marks(window: Window, scale: float, drawn: Sequence[Bytes], random: Random) -> None:
    """Add marks where nothing is written. scale: of the writing, by that of the marks."""
    side = window.ink.shape[0]
    for _ in range(int(random.integers(1, 7))):
        mark = drawn[int(random.integers(len(drawn)))]
        size = scale * log_uniform(random, 0.5, 2.5)
        width, height = (max(2, round(length * size)) for length in mark.shape[::-1])
        if max(width, height) < 2 * side:
            left, top = (round(random.uniform(-0.5 * long, side)) for long in (width, height))
            window.put(scaled(mark, width, height), left, top, random.uniform(0.5, 1), 0.0)
