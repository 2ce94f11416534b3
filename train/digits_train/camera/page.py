"""Compose windows of numbers, words and marks, and photograph whole pages of them."""

from collections.abc import Sequence

import numpy as np

from digits_train.camera.exposure import Photograph, photograph
from digits_train.camera.ink import EM
from digits_train.camera.materials import Materials
from digits_train.camera.numbers import random_digits
from digits_train.camera.ranges import Ranges
from digits_train.camera.rows import RowWriter
from digits_train.camera.style import random_style
from digits_train.camera.window import Window
from digits_train.pixels import OUTWARDS, Random, ink_bounds, log_uniform, pick
from digits_train.symbols import LabelledPage, Truth, columns

_HEIGHT = 16.0, 110.0  # pixels of the digits on a whole page
_SIDE, _MAX_HEIGHTS = (250.0, 1100.0), 30.0  # of the page: pixels, and heights at most
_MARGIN = 0.2, 2.0  # heights around what is written
_MINUS, _POINT = 0.1, 0.2  # chances of these, in a number of a page


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
    content = content or str(random.choice(["numbers", "words", "marks"], p=ranges.text.contents))
    if content != "marks":
        RowWriter(window, style, materials, random).write_all(content == "numbers")
    if content == "marks" or random.random() < ranges.text.with_marks:
        _add_marks(window, style.height / EM, materials, random)
    return window


def _add_marks(window: Window, scale: float, materials: Materials, random: Random) -> None:
    """Add marks where nothing is written. scale: of the writing, by that of the marks."""
    ranges, (down, across) = materials.ranges, window.ink.shape
    for _ in range(int(random.integers(*ranges.text.marks, endpoint=True))):
        mark = pick(random, materials.marks)
        coverage = mark.scaled(scale * log_uniform(random, *ranges.text.mark_size)).coverage
        height, width = coverage.shape
        left = round(random.uniform(-0.5 * width, across))
        top = round(random.uniform(-0.5 * height, down))
        if window.put(coverage, left, top, random.uniform(*ranges.hand.ink), 0.0):
            window.others.append((left, top, left + width, top + height))


def page(random: Random, materials: Materials, content: str = "") -> LabelledPage:
    """A photographed page of numbers, words and marks, grey. content: as in `compose`."""
    ranges, height = materials.ranges, log_uniform(random, *_HEIGHT)
    min_side, max_side = _SIDE
    max_side = min(max_side, _MAX_HEIGHTS * height)
    shape = round(random.uniform(min_side, max_side)), round(random.uniform(min_side, max_side))
    margin = round(log_uniform(random, *_MARGIN) * height)
    window, behind = compose(random, materials, shape, height, content, margin), None
    if random.random() < ranges.paper.shining_through:
        behind = compose(random, materials, shape, height, margin=margin)
    return labelled(photograph(window, height, random, ranges, behind))


def labelled(photo: Photograph, text: str = "") -> LabelledPage:
    """A photograph with the digits that can be seen on it. text: as of a LabelledPage."""
    symbols, doubtful = photo.visible()
    boxes, labels, _ = columns([symbol for symbol in symbols if symbol.label < 10])
    return LabelledPage(photo.pixels, Truth(boxes, labels), doubtful, text=text)


def number_page(random: Random, materials: Materials, numbers: Sequence[str]) -> LabelledPage:
    """A photographed page of numbers of digits, minus and point by one writer, one a line.

    Nothing lies on them. A comma is as good as a point.
    """
    ranges, longest = materials.ranges, max(map(len, numbers))
    while True:
        height = log_uniform(random, *_HEIGHT)
        style = random_style(random, ranges, height)
        pitch = style.pitch * height
        shape = round(pitch * (len(numbers) + 1)), round((2 + 2 * longest) * height)
        window = Window.empty(shape, margin=0)
        rows = RowWriter(window, style, materials, random)
        comma = random.random() < 0.5
        for line, text in enumerate(numbers, 1):
            rows.write(text.replace(".", ",") if comma else text, height, line * pitch)
        if len(window.symbols) == sum(map(len, numbers)):
            window = trimmed(window, height, random)
            return labelled(unhidden(window, random, ranges), "\n".join(numbers))


def unhidden(window: Window, random: Random, ranges: Ranges) -> Photograph:
    """Photograph a window so that nothing lies on any of its symbols."""
    while True:
        photo = photograph(window, window.symbols[0].height, random, ranges)
        if not any(photo.hidden_share(symbol.box) for symbol in window.symbols):
            return photo


def trimmed(window: Window, height: float, random: Random) -> Window:
    """Crop a window to what is written, and a margin. height: of the digits, in pixels."""
    room = [log_uniform(random, *_MARGIN) * height for _ in range(4)]
    return window.crop(ink_bounds(np.maximum(window.ink, window.printed)) + OUTWARDS * room)


def random_lines(random: Random) -> list[str]:
    """Two to six numbers, mostly digits alone; some with a minus or a point."""
    lines = []
    for _ in range(int(random.integers(2, 7))):
        cents = f".{random_digits(random, 2, 2)}" if random.random() < _POINT else ""
        minus = "-" if random.random() < _MINUS else ""
        lines.append(f"{minus}{random_digits(random, 1, 8)}{cents}")
    return lines
