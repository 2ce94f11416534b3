"""Crops of numbers out of composed windows, and of what is no number: what the recognizer learns.

The text of a crop is the number in it, as it is written: digits, with minus signs and points (or
commas) before and between them. Points and dashes behind it close an amount, other signs before and
behind it are a currency or a unit: neither belongs to the text. What is no single number has no
text: a fraction, a sum, words, marks, a number struck out, a part of a number.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from digits.images.grey import Grey
from digits.inference.interface import CROP_MAX_WIDTH, SYMBOLS
from digits.reader import crops
from digits.reader.crops import Margins, Region
from digits.reader.detections import DIGITS, Detections, Floats, Integers, Mask
from digits.reader.lines import nearest_digits, text_lines
from digits_train.camera.exposure import compress, photograph
from digits_train.camera.materials import Materials
from digits_train.camera.page import compose
from digits_train.camera.ranges import Ranges, clear
from digits_train.camera.window import Window
from digits_train.pixels import Random, log_uniform
from digits_train.symbols import Box, columns, moved

_SIDES = 7, 22  # heights of a digit: of a window
_PHOTOGRAPHS = 2  # of each number
_MAX_SYMBOLS = 20
_SEEN, _UNSEEN = 0.8, 0.35  # share of a symbol that is in a crop: it is read, or not
_CUT_OFF = 0.15, 0.65  # share of a digit that is in a crop: plainly cut off
_INSIDE = 0.9  # share of one that is in the window: enough to be read
_DOUBTFUL = 0.2  # share of what may be a symbol that is in a crop: enough to be taken for one
_EDGE = 4  # pixels around a crop that are photographed, too
_TRIES = 3  # to find room that nothing else is in
_NARROWEST = 1.2  # heights: what is narrower, such as a letter, may be a digit


class Crop(NamedTuple):
    """pixels: uint8 [48, width], grey, not normalised. text: of digits, "-" and "."."""

    pixels: Grey
    text: str


def make_crops(materials: Materials, random: Random) -> Iterator[Crop]:
    """Yield crops of photographed random windows, endlessly."""
    hard, before = materials.ranges, Window.empty((1, 1))
    while True:
        ranges = clear(hard) if random.random() < hard.clear else hard
        materials = materials._replace(ranges=ranges)
        height = log_uniform(random, *ranges.digit_height)
        shape = round(_SIDES[0] * height), round(_SIDES[1] * height)
        window = compose(random, materials, shape, height)
        cutter = _Cutter(window, height, random, ranges)
        for region, text in cutter.readable():
            for _ in range(_PHOTOGRAPHS):
                shines = random.random() < ranges.shining_through
                shown = cutter.photograph(region, before if shines else None)
                if shown is not None:
                    yield Crop(crops.cut(*shown), text)
        before = window


class _Cutter:
    """Cuts a window, whose digits have this height, into crops."""

    def __init__(self, window: Window, height: float, random: Random, ranges: Ranges) -> None:
        self.window, self.height, self.random, self.ranges = window, height, random, ranges
        symbols = sorted(window.symbols, key=lambda symbol: symbol.box[0] + symbol.box[2])
        self.boxes, self.labels = _boxes([symbol.box for symbol in symbols]), columns(symbols)[1]
        self.doubtful, self.others = _boxes(window.doubtful), _boxes(window.others)
        self.separators, self.fraction_digits = map(
            _boxes, (window.separators, window.fraction_digits)
        )
        self.inside = self._inside(self.boxes)
        self.numbers = self._numbers()

    def readable(self) -> Iterator[tuple[Region, str]]:
        """Regions where a detector might see a number, and some without one; and their texts."""
        chance = self.ranges.no_number
        for members in self.numbers:
            if (self.inside[members] > _INSIDE).all() or self.random.random() < chance:
                tries = (self._around(members) for _ in range(_TRIES))
                yield from islice(self._read(tries), 1)
        others = [
            box
            for box in (*self.window.others, self._anywhere())
            if box[2] - box[0] > _NARROWEST * self.height and self.random.random() < chance
        ]
        yield from self._read(map(self._part, others))
        parts = [box for box in self.window.fraction_digits if self.random.random() < 0.15]
        fractions = _boxes([*self.window.fractions, *parts])
        whole = fractions[self._inside(fractions) > _INSIDE].tolist()
        yield from self._read(map(self._around_box, map(tuple, whole)))

    def _inside(self, boxes: Floats) -> Floats:
        """Which share of each is in the window."""
        down, across = map(float, self.window.ink.shape)
        return Region(0, 0, 0, 0, 0, across, down).visible_shares(boxes)

    def _read(self, regions: Iterable[Region]) -> Iterator[tuple[Region, str]]:
        """The regions of which nobody doubts what they say."""
        for region in regions:
            text = self._text(region)
            if text is not None:
                yield region, text

    def _text(self, region: Region) -> str | None:
        """What a region says; None if anyone may doubt it. A part of a number says nothing."""
        shares = np.minimum(region.visible_shares(self.boxes), self.inside)
        read = np.flatnonzero((shares >= _SEEN) & (self.inside > _INSIDE))
        fractions = region.visible_shares(self.fraction_digits)
        if self._is_level(region, self.fraction_digits)[fractions >= _SEEN].any():
            return "" if len(read) + (fractions > _CUT_OFF[0]).sum() > 1 else None
        doubtful = np.append(fractions, region.visible_shares(self.doubtful))
        return None if (doubtful > _DOUBTFUL).any() else self._number_text(region, shares, read)

    def _number_text(self, region: Region, shares: Floats, read: Integers) -> str | None:
        """The same where there are neither fractions nor letters.

        shares: of each symbol, that are seen. read: those that are seen as a whole.
        """
        numbers = self.numbers if len(read) else []
        number = next((each for each in numbers if {*read.tolist()} <= {*each}), [])
        beside = np.delete(shares, np.union1d(read, number).astype(int))
        missing = np.setdiff1d(np.array(number, int), read)
        cut_off = shares[missing[self.labels[missing] < DIGITS]].max(initial=0)
        is_number = (self.labels[read] < DIGITS).any()
        if (beside > _UNSEEN).any() or not is_number and cut_off > _CUT_OFF[1]:
            return None
        if not is_number or self._are_between(region, read, self.separators):
            return ""
        if not number or len(read) > _MAX_SYMBOLS or self._are_between(region, read, self.others):
            return None
        text = self._spelled(read)
        if text == self._spelled(number):
            return text
        return "" if _CUT_OFF[0] < cut_off < _CUT_OFF[1] else None

    def _spelled(self, symbols: Iterable[int]) -> str:
        text = "".join(SYMBOLS[self.labels[symbol]] for symbol in symbols)
        return text.rstrip("-.").lstrip(".")  # those of "120.-" and "Fr."

    def _is_level(self, region: Region, boxes: Floats) -> Mask:
        """Which of them are on a region's line, not on the next one."""
        _, top, _, bottom = region.relative_to_line(boxes).T
        return np.asarray(np.abs(top + bottom) < 1.2 * self.height)

    def _are_between(self, region: Region, read: Integers, boxes: Floats) -> bool:
        """Whether one of them is between the digits that are read, on their line."""
        left, _, right, _ = boxes.T
        digits = read[self.labels[read] < DIGITS]
        first, last = self.boxes[digits[[0, -1]], ::2].sum(1)
        is_between = (left + right > first) & (left + right < last)
        is_seen = region.visible_shares(boxes) > _UNSEEN
        return bool((is_between & is_seen & self._is_level(region, boxes)).any())

    def photograph(self, region: Region, behind: Window | None) -> tuple[Grey, Region] | None:
        """A region's picture, and where it is in that; None if something lies on what is read."""
        left, top, right, bottom = region.bounds
        box = round(left) - _EDGE, round(top) - _EDGE, round(right) + _EDGE, round(bottom) + _EDGE
        part, back = self.window.crop(box), behind and behind.crop(box)
        shown = photograph(part, self.height, self.random, back, self.ranges)
        seen = self.boxes[region.visible_shares(self.boxes) > _UNSEEN]
        if any(shown.hidden_share(moved(symbol, *box[:2])) for symbol in map(tuple, seen)):
            return None
        return shown.pixels, region.moved(*box[:2])

    def _numbers(self) -> list[list[int]]:
        """The symbols of each number, as `digits.reader` groups what it detects."""
        digits, signs = np.flatnonzero(self.labels < DIGITS), np.flatnonzero(self.labels >= DIGITS)
        nearest = nearest_digits(self._detected(signs), self.boxes[digits])
        return [
            sorted([*digits[number], *signs[np.isin(nearest, number)]])
            for line in text_lines(self._detected(digits))
            for number in line
        ]

    def _detected(self, symbols: Integers) -> Detections:
        count = len(symbols)
        return Detections(np.zeros(count), np.zeros((count, len(SYMBOLS))), self.boxes[symbols])

    def _around(self, members: Sequence[int]) -> Region:
        """Where a detector might see the number of these symbols."""
        random, ranges = self.random, self.ranges
        first, last = (
            int(random.integers(len(members))) if random.random() < ranges.unseen else 0
            for _ in range(2)
        )
        detected = members[first : len(members) - last]
        if not (self.labels[detected] < DIGITS).any():
            detected = members
        strayed = random.normal(0, ranges.misplaced, (len(detected), 4)) * self.height
        return self._region(self.boxes[detected] + strayed, self.labels[detected] < DIGITS)

    def _region(self, boxes: Floats, are_digits: Mask) -> Region:
        """Around boxes, with random room."""
        random, ranges = self.random, self.ranges
        rooms = [log_uniform(random, *limits) for limits in 2 * (ranges.beside, ranges.over)]
        region = crops.around(boxes, are_digits, Margins(*rooms))
        return region._replace(slope=region.slope + random.normal(0, ranges.unlevel))

    def _part(self, box: Box) -> Region:
        """Around something that is no number, or around a part of it."""
        left, top, right, bottom = box
        random = self.random
        if random.random() < 0.5:
            width = random.uniform(_NARROWEST * self.height, right - left)
            left = random.uniform(left, right - width)
            right = left + width
        return self._around_box((left, top, right, bottom))

    def _around_box(self, box: Box) -> Region:
        return self._region(_boxes([box]), np.ones(1, bool))

    def _anywhere(self) -> Box:
        random, (down, across) = self.random, self.window.ink.shape
        width, height = random.uniform((_NARROWEST, 0.5), (3, 1.3)) * self.height
        left, top = random.uniform((0, 0), (across - width, down - height))
        return left, top, left + width, top + height


def _boxes(boxes: Sequence[Box]) -> Floats:
    return np.array(boxes, np.float64).reshape(-1, 4)


def vary(pixels: Grey, random: Random, ranges: Ranges) -> Grey:
    """Another crop of the same number: wider or narrower, coarser, by another pen, noisier."""
    height, width = pixels.shape
    wide = min(max(16, round(width * log_uniform(random, *ranges.stretch))), CROP_MAX_WIDTH)
    image = Image.fromarray(pixels)
    if share := ranges.coarse.draw(random):
        image = image.resize((round(wide * share), round(height * share)), Image.Resampling.BOX)
    if random.random() < ranges.restroked:
        filters = ImageFilter.MinFilter(3), ImageFilter.MaxFilter(3)
        other = image.filter(filters[int(random.integers(2))])
        image = Image.blend(image, other, random.uniform(0.2, 0.8))
    sharp = Image.Resampling.NEAREST if random.random() < 0.2 else Image.Resampling.BICUBIC
    image = image.resize((wide, height), sharp)
    if blur := ranges.dulled.draw(random):
        image = image.filter(ImageFilter.GaussianBlur(blur))
    if random.random() < ranges.compressed:
        image = compress(image, random, ranges)
    varied = np.asarray(image, np.float32)
    if grain := ranges.grained.draw(random):
        noise = grain * np.ptp(varied) * random.standard_normal(varied.shape, np.float32)
        varied = varied + noise
    return np.asarray((varied + 0.5).clip(0, 255), np.uint8)
