"""Whole pages, to calibrate and measure readers with: windows as large as photographs."""

from collections.abc import Sequence

import numpy as np

from digits.terminal import track
from digits_train.camera.compose import choose_writer, compose
from digits_train.camera.exposure import Photograph, boxed, is_seen, photograph
from digits_train.camera.numbers import random_number
from digits_train.camera.ranges import RANGES, Ranges
from digits_train.camera.rows import Rows
from digits_train.camera.style import random_style
from digits_train.camera.window import Materials, Window
from digits_train.detection import cells
from digits_train.matching import Found, LabelledPage
from digits_train.models.reader import STRIDE
from digits_train.raster import Random, ink_box, log_uniform

_HEIGHTS = 16, 110  # pixels of the digits
_SIDES = 250, 1100  # pixels of a page
_MOST = 30  # heights of its digits, that a page is high or wide
_MARGIN = 0.2, 2.0  # heights, around what is written
_PITCH = 1.5, 2.6  # heights, from one number to the next
_WIDEST_GAP = 0.5  # heights, between the digits of a number that stands alone
_STEEPEST = 0.03  # slope of a line there
_SIZES = 0.65, 1.5  # heights of a digit: the smallest one can be read in the smallest hand, too
_FAINTEST = 0.25  # share of a character's ink that may be missing there
_NEGATIVE, _WITH_POINT = 0.1, 0.2  # shares of the numbers


def page(random: Random, materials: Materials, content: str = "") -> LabelledPage:
    """A photographed page of numbers, words and marks, grey.

    content: as in `compose`.
    """
    height = log_uniform(random, *_HEIGHTS)
    most = min(_SIDES[1], _MOST * height)
    shape = round(random.uniform(_SIDES[0], most)), round(random.uniform(_SIDES[0], most))
    margin = round(log_uniform(random, *_MARGIN) * height)
    window = compose(random, materials, shape, height, content, margin)
    behind = None
    ranges = materials.ranges
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
    return LabelledPage(shown.pixels, text, Found(boxes[digits], symbols[digits]), weight)


def number_page(random: Random, materials: Materials, numbers: Sequence[str]) -> LabelledPage:
    """A photographed page of numbers of digits, minus and point by one writer, one a line.

    Each character can be told apart, and nothing lies on them. A comma is as good as a point.
    """
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
    style = random_style(random, materials.ranges)._replace(
        height=log_uniform(random, *_HEIGHTS),
        cell=0,
    )
    style = style._replace(
        slope=float(np.clip(style.slope, -_STEEPEST, _STEEPEST)),
        gap=min(style.gap, _WIDEST_GAP),
        sizes=style.sizes.clip(*_SIZES),
        faint=min(style.faint, _FAINTEST),
    )
    height, pitch = style.height, random.uniform(*_PITCH) * style.height
    longest = max(map(len, numbers))
    shape = round(pitch * (len(numbers) + 1)), round((2 + 2 * longest) * height)
    window = Window.empty(shape, margin=0)
    rows = Rows(window, style, choose_writer(random, materials), materials, random)
    spacing, comma = str(random.choice(["plain", "tight"])), random.random() < 0.5
    for line, text in enumerate(numbers, 1):
        written = text.replace(".", ",") if comma else text
        rows.write(written, height, line * pitch, spacing)
    return trimmed(window, height, random)


def trimmed(window: Window, height: float, random: Random) -> Window:
    """Only what is written, and a margin. height: of the digits, in pixels."""
    rows, columns = ink_box(np.maximum(window.ink, window.printed) > 0)
    left, top, right, bottom = (log_uniform(random, *_MARGIN) * height for _ in range(4))
    corner = columns.start - left, rows.start - top
    return window.crop((*corner, columns.stop + right, rows.stop + bottom))


def validation_pages(materials: Materials, count: int, seed: int) -> list[LabelledPage]:
    """Draw pages as in training. A tenth has nothing but words."""
    pages = []
    for number in track(range(count), count, "drawing pages"):
        random = np.random.default_rng([seed, 3, number])
        pages.append(page(random, materials, "words" if number % 10 == 9 else "numbers"))
    return pages


def number_pages(materials: Materials, count: int, seed: int) -> list[LabelledPage]:
    """Draw pages of two to six numbers, one a line and nothing else."""
    pages = []
    for number in track(range(count), count, "drawing pages of numbers"):
        random = np.random.default_rng([seed, 4, number])
        lines = [_number(random) for _ in range(int(random.integers(2, 7)))]
        pages.append(number_page(random, materials, lines))
    return pages


def _number(random: Random) -> str:
    """Mostly digits alone; some with a minus or a point."""
    whole, cents = random_number(random, "plain"), random.integers(100)
    before = "-" if random.random() < _NEGATIVE else ""
    return f"{before}{whole}{f'.{cents:02}' if random.random() < _WITH_POINT else ''}"
