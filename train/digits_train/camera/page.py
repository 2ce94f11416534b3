"""Whole pages, to calibrate and measure readers with: windows as large as photographs."""

from collections.abc import Sequence

import numpy as np

from digits.inference.interface import STRIDE
from digits_train.camera.compose import compose
from digits_train.camera.exposure import Photograph, boxed, is_seen, photograph
from digits_train.camera.numbers import random_number
from digits_train.camera.ranges import RANGES, Ranges, legible
from digits_train.camera.rows import Rows
from digits_train.camera.style import random_style
from digits_train.camera.window import Materials, Window
from digits_train.detection import cells
from digits_train.matching import LabelledPage, Truth
from digits_train.raster import Random, ink_box, log_uniform


def page(random: Random, materials: Materials, content: str = "") -> LabelledPage:
    """A photographed page of numbers, words and marks, grey.

    content: as in `compose`.
    """
    ranges, height = materials.ranges, log_uniform(random, *materials.ranges.page_height)
    least, most = ranges.page_side
    most = min(most, ranges.most_heights * height)
    shape = round(random.uniform(least, most)), round(random.uniform(least, most))
    margin = round(log_uniform(random, *ranges.margin) * height)
    window, behind = compose(random, materials, shape, height, content, margin), None
    if random.random() < ranges.shining_through:
        behind = compose(random, materials, shape, height, margin=margin)
    return labelled(window, photograph(window, height, random, behind, ranges))


def labelled(window: Window, shown: Photograph, text: str = "") -> LabelledPage:
    """A photograph with the digits that can be seen on it. text: as of a LabelledPage."""
    weight = np.ones([-(-side // STRIDE) for side in shown.pixels.shape], np.float32)
    seen = [is_seen(shown.hidden, box) for box in window.boxes]
    hidden = window.select([not each for each in seen]).boxes
    for box in (*window.doubtful, *hidden):
        weight[cells(box)] = 0
    boxes = np.array(window.boxes, np.float32).reshape(-1, 4)
    symbols = np.array(window.symbols, np.int64)
    digits = np.array(seen, bool) & (symbols < 10)
    return LabelledPage(shown.pixels, text, Truth(boxes[digits], symbols[digits]), weight)


def number_page(random: Random, materials: Materials, numbers: Sequence[str]) -> LabelledPage:
    """A photographed page of numbers of digits, minus and point by one writer, one a line.

    Each character can be told apart, and nothing lies on them. A comma is as good as a point.
    """
    materials = materials._replace(ranges=legible(materials.ranges))
    while True:
        window = _write(random, materials, numbers)
        if len(window.symbols) == sum(map(len, numbers)):
            shown = unhidden(window, random, materials.ranges)
            return labelled(window, shown, "\n".join(numbers))


def unhidden(window: Window, random: Random, ranges: Ranges = RANGES) -> Photograph:
    """Photograph a window with symbols, none of which anything lies on."""
    while True:
        shown = photograph(window, window.heights[0], random, ranges=ranges)
        if not any(boxed(shown.hidden, box).any() for box in window.boxes):
            return shown


def _write(random: Random, materials: Materials, numbers: Sequence[str]) -> Window:
    """The numbers, as far as there was room for each character, with a margin around them."""
    ranges, height = materials.ranges, log_uniform(random, *materials.ranges.page_height)
    style = random_style(random, ranges, height)
    pitch, longest = style.pitch * height, max(map(len, numbers))
    shape = round(pitch * (len(numbers) + 1)), round((2 + 2 * longest) * height)
    rows = Rows(Window.empty(shape, margin=0), style, materials, random)
    spacing, comma = str(random.choice(["plain", "tight"])), random.random() < 0.5
    for line, text in enumerate(numbers, 1):
        rows.write(text.replace(".", ",") if comma else text, height, line * pitch, spacing)
    return trimmed(rows.window, height, random, ranges)


def trimmed(window: Window, height: float, random: Random, ranges: Ranges = RANGES) -> Window:
    """Only what is written, and a margin. height: of the digits, in pixels."""
    rows, columns = ink_box(np.maximum(window.ink, window.printed) > 0)
    left, top, right, bottom = (log_uniform(random, *ranges.margin) * height for _ in range(4))
    corner = columns.start - left, rows.start - top
    return window.crop((*corner, columns.stop + right, rows.stop + bottom))


def random_lines(random: Random, ranges: Ranges = RANGES) -> list[str]:
    """Two to six numbers, mostly digits alone; some with a minus or a point."""
    lines = []
    for _ in range(int(random.integers(2, 7))):
        cents = f".{random.integers(100):02}" if random.random() < ranges.point else ""
        minus = "-" if random.random() < ranges.minus else ""
        lines.append(f"{minus}{random_number(random, 'plain')}{cents}")
    return lines
