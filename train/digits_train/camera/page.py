"""Photographed pages of handwritten numbers, of which every pixel's digit is known."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.data.mnist import Split
from digits_train.camera import layout, marks
from digits_train.camera.hand import PEN, Glyph, some_hand
from digits_train.camera.layout import Sheet
from digits_train.camera.marks import DEJAVU
from digits_train.camera.photograph import INKED, LONGEST, photographed, some_look
from digits_train.camera.plan import Plan, some_plan
from digits_train.raster import Bytes, Random

_LOWEST, _HIGHEST = 16, 110  # pixels of a digit's usual height


class Page(NamedTuple):
    """A photograph of a page, and what is on it.

    image: uint8 [height, width, 3], RGB, at most 2,048 pixels high and wide. text: what
    `Reading.text` is when every digit is read. labels: int16 [height, width], 0 where no digit
    is, k + 1 where digit k covers most of the pixel. classes: uint8 [n], 0 to 9. boxes:
    int64 [n, 4], left, top, right, bottom of the digits' labels.
    """

    image: Bytes
    text: str
    labels: NDArray[np.int16]
    classes: Bytes
    boxes: NDArray[np.int64]


def page(
    split: Split,
    random: Random,
    fonts: Sequence[str] = DEJAVU,
    digits: bool = True,
    make_plan: Callable[[Random], Plan] = some_plan,
) -> Page:
    """A photographed page of numbers, as one person writes them.

    split: whose digits. fonts: files, for the words beside the numbers. digits: without them it
    is a page of text. make_plan: what is written, and on which paper.
    """
    if not digits:
        image = text_page(random, fonts)
        empty = np.zeros(image.shape[:2], np.int16)
        return Page(image, "", empty, np.zeros(0, np.uint8), np.zeros((0, 4), np.int64))
    while True:
        plan = make_plan(random)
        # Small digits are as frequent as large ones, half as high.
        height = _LOWEST * (_HIGHEST / _LOWEST) ** random.beta(1.6, 1.4)
        tall = (len(plan.lines) + 1) * plan.pitch
        height = min(height, random.uniform(500, 1400) / max(plan.width, tall))
        if height < _LOWEST:
            continue
        hand = some_hand(random, height)
        look = some_look(random, hand, bool(plan.form) or plan.paper != "plain")
        written = layout.sheet(split, random, plan, hand, fonts)
        shown = photographed(written, look, random)
        if shown is not None and _whole(written, shown[1]):
            image, labels = shown
            classes = np.array([glyph.digit for glyph in written.digits], np.uint8)
            boxes = _boxes(labels, len(classes))
            return Page(image, "\n".join(written.text), labels, classes, boxes)


def font_page(random: Random, files: Sequence[Path]) -> Page:
    """A photographed page of two to six numbers, one a line, in a handwriting font.

    Which pixels are whose isn't known: there are no labels, classes and boxes.
    """
    file = str(random.choice(list(map(str, files))))
    while True:
        height = _LOWEST * (_HIGHEST / _LOWEST) ** random.beta(1.6, 1.4)
        written, y = Sheet(height), 0.0
        for _ in range(int(random.integers(2, 7))):
            text = "".join(map(str, random.integers(0, 10, random.integers(1, 11))))
            y += random.uniform(1.6, 2.4) * height
            _type(written, text, file, height, y, random, random.uniform(0, 0.04))
            written.text.append(text)
        shown = photographed(written, some_look(random, some_hand(random, height), False), random)
        if shown is not None:
            nothing = np.zeros(0, np.uint8), np.zeros((0, 4), np.int64)
            return Page(shown[0], "\n".join(written.text), shown[1], *nothing)


def text_page(random: Random, fonts: Sequence[str] = DEJAVU) -> Bytes:
    """A photographed page of printed or typed text without a digit: uint8 [height, width, 3]."""
    while True:
        height = float(random.uniform(9, 40))
        written = Sheet(height)
        width = min(random.uniform(12, 60) * height, 0.7 * LONGEST)
        file, leading = str(random.choice(list(fonts))), random.uniform(1.6, 2.4) * height
        wobble = random.uniform(0.01, 0.03) if random.random() < 0.3 else 0.0
        y = 0.0
        for _ in range(int(random.integers(1, 5))):  # paragraphs
            if random.random() < 0.3:
                size = height * random.uniform(1, 1.6)
                y += size
                _type(written, marks.words(random, 2).title(), file, size, y, random, wobble)
            for _ in range(int(random.integers(1, 9))):
                y += leading
                line = marks.words(random, max(1, round(width / height / 4.2)))
                _type(written, line, file, height, y, random, wobble)
            y += leading * random.uniform(0.3, 1)
        look = some_look(random, some_hand(random, height), False)
        shown = photographed(written, look, random)
        if shown is not None:
            return shown[0]


def _type(
    written: Sheet, text: str, file: str, height: float, y: float, random: Random, wobble: float
) -> None:
    coverage, above = marks.lettering(text, file, height, random, wobble)
    written.glyphs.append(Glyph(coverage, 0, round(y) - above, layer=PEN))


def _whole(written: Sheet, labels: NDArray[np.int16]) -> bool:
    """Whether the picture shows enough of each digit."""
    seen = np.bincount(labels.ravel(), minlength=len(written.digits) + 1)[1:]
    inked = np.array([np.count_nonzero(glyph.coverage > INKED) for glyph in written.digits])
    return bool((seen > 0.3 * inked).all() and (seen > 6).all())


def _boxes(labels: NDArray[np.int16], count: int) -> NDArray[np.int64]:
    """Left, top, right, bottom of each label: int64 [count, 4]."""
    y, x = np.nonzero(labels)
    owner = labels[y, x] - 1
    low, high = np.full((count, 2), np.iinfo(np.int64).max), np.zeros((count, 2), np.int64)
    places = np.stack([x, y], 1)
    np.minimum.at(low, owner, places)
    np.maximum.at(high, owner, places + 1)
    return np.concatenate([low, high], 1)
