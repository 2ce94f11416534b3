"""Compose windows of numbers, words and marks."""

from digits_train.camera.ink import EM
from digits_train.camera.rows import Rows
from digits_train.camera.style import random_style
from digits_train.camera.window import Materials, Window
from digits_train.raster import Random, log_uniform, scaled


def compose(
    random: Random,
    materials: Materials,
    shape: tuple[int, int],
    height: float | None = None,
    content: str = "",
    margin: int | None = None,
) -> Window:
    """A window of this height and width with numbers, words and marks, by one writer.

    height: of its digits, in pixels; by default a random one. content: "numbers", which have words
    and marks beside them; "words" or "marks"; by default a random one. margin: as in `Window`.
    """
    window, ranges = Window.empty(shape, margin), materials.ranges
    style = random_style(random, ranges, height)
    content = content or str(random.choice(["numbers", "words", "marks"], p=ranges.contents))
    if content != "marks":
        Rows(window, style, materials, random).write_all(content == "numbers")
    if content == "marks" or random.random() < ranges.with_marks:
        _add_marks(window, style.height / EM, materials, random)
    return window


def _add_marks(window: Window, scale: float, materials: Materials, random: Random) -> None:
    """Add marks where nothing is written. scale: of the writing, by that of the marks."""
    ranges, (down, across) = materials.ranges, window.ink.shape
    for _ in range(int(random.integers(*ranges.marks, endpoint=True))):
        mark = materials.marks[int(random.integers(len(materials.marks)))].coverage
        size = scale * log_uniform(random, *ranges.mark_size)
        width, height = (max(2, round(length * size)) for length in mark.shape[::-1])
        if max(width, height) < 2 * max(down, across):
            left = round(random.uniform(-0.5 * width, across))
            top = round(random.uniform(-0.5 * height, down))
            window.put(scaled(mark, width, height), left, top, random.uniform(*ranges.ink), 0.0)
