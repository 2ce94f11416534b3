"""Crops of numbers out of composed windows, and of what is no number: what the recognizer learns.

The text of a crop is what is legible in it: digits, with minus signs and points (or commas) before
and between them. Points and dashes behind it close an amount, other signs before and behind it are
a currency or a unit: neither belongs to the text. Where it isn't plain what is legible, a crop has
no text, and only teaches whether it shows one number, all of it: not a fraction, a sum, words,
marks, a number struck out, or a part of a number.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from digits.images.grey import Grey
from digits.inference.interface import CROP_MAX_WIDTH, CROP_MULTIPLE, SYMBOLS
from digits.reader import crops
from digits.reader.crops import Margins, Region
from digits.reader.detections import Detections, Floats, Integers, Mask
from digits.reader.lines import nearest_digits, text_lines
from digits_train.camera.exposure import compress, photograph
from digits_train.camera.materials import Materials
from digits_train.camera.page import compose
from digits_train.camera.presets import clear
from digits_train.camera.ranges import Ranges
from digits_train.camera.window import Window
from digits_train.pixels import Random, log_uniform
from digits_train.symbols import Box, columns, moved

_HIGH, _WIDE = 7, 22  # heights of a digit: of a window
_MAX_SYMBOLS = 20
# Shares of a symbol in a crop: from the first on it is read, up to the second it isn't.
_READ, _UNREAD = 0.8, 0.35
_CUT_OFF = 0.15, 0.65  # share of a digit in a crop, between which it is plainly cut off
_WHOLE = 0.9  # share of a symbol in the window, from which on it can be read
_UNSEEN = 0.1  # share of a digit in a crop, up to which nothing of it is recognised
_DOUBTFUL = 0.2  # share of a letter in a crop, from which on it may be taken for a digit
_LONE = 0.15  # chance that one digit of a fraction is cut out
_PART = 0.5  # chance that what isn't a number isn't cut out whole
_BORDER = 4  # pixels around a crop that are photographed, too
_ONE_DIGIT = np.ones(1, bool)
_TRIES = 3  # to find room that nothing else is in
_NARROWEST = 1.2  # heights: what is narrower, such as a letter, may be a digit


class Crop(NamedTuple):
    """pixels: uint8 [48, width], grey, not normalised.

    text: of digits, "-" and "."; "" if nothing like them is in it, None if that isn't plain. whole:
    whether it shows exactly one number, all of it.
    """

    pixels: Grey
    text: str | None
    whole: bool


class Label(NamedTuple):
    """What a region says, as in Crop."""

    text: str | None
    whole: bool


def draw_crops(materials: Materials, random: Random, photographs: int = 2) -> Iterator[Crop]:
    """Yield crops of random windows, endlessly. photographs: of each crop."""
    full, before = materials.ranges, Window.empty((1, 1))
    while True:
        ranges = clear(full) if random.random() < full.crop.clear else full
        height = log_uniform(random, *ranges.crop.digit_height)
        shape = round(_HIGH * height), round(_WIDE * height)
        window = compose(random, materials._replace(ranges=ranges), shape, height)
        cutter = _Cutter(window, height, random, ranges)
        for region, label in cutter.labelled_regions():
            for _ in range(photographs):
                shines = random.random() < ranges.paper.shining_through
                pixels = cutter.cut(region, before if shines else None)
                if pixels is not None:
                    yield Crop(pixels, *label)
        before = window


class _Cutter:
    """Cuts a window into crops. height: of its digits, in pixels."""

    def __init__(self, window: Window, height: float, random: Random, ranges: Ranges) -> None:
        self.window, self.height, self.random, self.ranges = window, height, random, ranges
        symbols = sorted(window.symbols, key=lambda symbol: symbol.box[0] + symbol.box[2])
        boxes, labels, _ = columns(symbols)
        self.boxes, self.text = boxes.astype(np.float64), "".join(SYMBOLS[n] for n in labels)
        self.are_digits = labels < SYMBOLS.index("-")
        self.numbers = _numbers(self.boxes, self.are_digits)
        self.shares = self._shares_in_window(self.boxes)

    def labelled_regions(self) -> Iterator[tuple[Region, Label]]:
        """Regions where a detector might see a number, and some without one, with their labels."""
        random, chance = self.random, self.ranges.crop.no_number
        for members in self.numbers:
            if (self.shares[members] > _WHOLE).all() or random.random() < chance:
                tries = (self._around_number(members) for _ in range(_TRIES))
                yield from islice(self._with_labels(tries), 1)
        others = [
            box
            for box in (*self.window.others, self._box_anywhere())
            if box[2] - box[0] > _NARROWEST * self.height and random.random() < chance
        ]
        yield from self._with_labels(map(self._around_other, others))
        lone = [box for box in self.window.fraction_digits if random.random() < _LONE]
        fractions = _array([*self.window.fractions, *lone])
        whole = fractions[self._shares_in_window(fractions) > _WHOLE]
        yield from self._with_labels(map(self._around, whole[:, None]))

    def _shares_in_window(self, boxes: Floats) -> Floats:
        down, across = self.window.ink.shape
        return crops.region_of_box((0, 0, across, down)).visible_shares(boxes)

    def _with_labels(self, regions: Iterable[Region]) -> Iterator[tuple[Region, Label]]:
        """The regions of which nobody doubts whether they show a whole number."""
        for region in regions:
            label = self._label(region)
            if label is not None:
                yield region, label

    def _label(self, region: Region) -> Label | None:
        """What a region says; None if anyone may doubt whether it is a whole number."""
        shares = np.minimum(region.visible_shares(self.boxes), self.shares)
        read = np.flatnonzero((shares >= _READ) & (self.shares > _WHOLE))
        fraction_digits, letters = map(_array, (self.window.fraction_digits, self.window.doubtful))
        fraction_shares = region.visible_shares(fraction_digits)
        if (fraction_shares > _DOUBTFUL).any():  # one alone is a digit to anyone
            are_read = (fraction_shares >= _READ) & self._are_on_line(region, fraction_digits)
            are_several = len(read) + (fraction_shares > _CUT_OFF[0]).sum() > 1
            return Label(None, False) if are_read.any() and are_several else None
        if (region.visible_shares(letters) > _DOUBTFUL).any():
            return None
        return self._label_of_number(region, shares, read)

    def _label_of_number(self, region: Region, shares: Floats, read: Integers) -> Label | None:
        """What a region without fractions and letters says.

        shares: of each symbol, that are in the region. read: the symbols that are legible there.
        """
        number = next((number for number in self.numbers if np.isin(read, number).all()), [])
        if (np.delete(shares, [*number, *read.tolist()]) > _UNREAD).any():
            return None
        seen = shares[self.are_digits].max(initial=0)
        if not self.are_digits[read].any():
            label = Label("" if seen <= _UNSEEN else None, False)
            return label if seen < _CUT_OFF[1] else None
        if self._are_between(region, read, self.window.separators):
            return Label(None, False)
        is_interrupted = self._are_between(region, read, self.window.others)
        if is_interrupted or not number or len(read) > _MAX_SYMBOLS:
            return None
        missing = [n for n in number if self.are_digits[n] and n not in read]
        cut_off, text = shares[missing].max(initial=0), self._spelled(read)
        is_whole = text == self._spelled(number)
        is_cut = _CUT_OFF[0] < cut_off < _CUT_OFF[1]
        return Label(text if is_whole else None, is_whole) if is_whole or is_cut else None

    def _spelled(self, symbols: Iterable[int]) -> str:
        """A number as text, without the signs of "120.-" and "Fr."."""
        return "".join(self.text[n] for n in symbols).rstrip("-.").lstrip(".")

    def _are_on_line(self, region: Region, boxes: Floats) -> Mask:
        """Which boxes are on a region's line, not on the next one."""
        _, top, _, bottom = region.relative_to_line(boxes).T
        return np.asarray(np.abs(top + bottom) < 1.2 * self.height)

    def _are_between(self, region: Region, read: Integers, boxes: Sequence[Box]) -> bool:
        """Whether any of the boxes is between digits that are read, on their line."""
        array = _array(boxes)
        digits = self.boxes[read[self.are_digits[read]]]
        first, last = digits[[0, -1], ::2].mean(1)
        middles = array[:, ::2].mean(1)
        are_seen = region.visible_shares(array) > _UNREAD
        are_inside = (middles > first) & (middles < last) & self._are_on_line(region, array)
        return bool((are_inside & are_seen).any())

    def cut(self, region: Region, behind: Window | None) -> Grey | None:
        """A photographed region, level; None if something lies on what is read."""
        left, top, right, bottom = (round(side) for side in region.bounds)
        box = left - _BORDER, top - _BORDER, right + _BORDER, bottom + _BORDER
        back = behind.crop(box) if behind else None
        picture = photograph(self.window.crop(box), self.height, self.random, self.ranges, back)
        visible = self.boxes[region.visible_shares(self.boxes) > _UNREAD]
        if any(picture.hidden_share(moved(symbol, *box[:2])) for symbol in map(tuple, visible)):
            return None
        return crops.cut(picture.pixels, region.moved(*box[:2]))

    def _around_number(self, members: Sequence[int]) -> Region:
        """Where a detector might see the number of these symbols."""
        random, ranges = self.random, self.ranges
        first, last = (
            int(random.integers(len(members))) if random.random() < ranges.crop.unseen else 0
            for _ in range(2)
        )
        detected = members[first : len(members) - last]
        if not self.are_digits[detected].any():
            detected = members
        errors = random.normal(0, ranges.crop.misplaced, (len(detected), 4)) * self.height
        return self._around(self.boxes[detected] + errors, self.are_digits[detected])

    def _around_other(self, box: Box) -> Region:
        """A region around something that is no number, or around a part of it."""
        left, top, right, bottom = box
        if self.random.random() < _PART:
            width = self.random.uniform(_NARROWEST * self.height, right - left)
            left = self.random.uniform(left, right - width)
            right = left + width
        return self._around(_array([(left, top, right, bottom)]))

    def _around(self, boxes: Floats, are_digits: Mask = _ONE_DIGIT) -> Region:
        """A region around boxes, with random room."""
        random, ranges = self.random, self.ranges.crop
        rooms = [log_uniform(random, *limits) for limits in 2 * (ranges.beside, ranges.over)]
        region = crops.region_of(boxes, are_digits, Margins(*rooms))
        return region._replace(slope=region.slope + random.normal(0, ranges.unlevel))

    def _box_anywhere(self) -> Box:
        random, (down, across) = self.random, self.window.ink.shape
        width, height = random.uniform((_NARROWEST, 0.5), (3, 1.3)) * self.height
        left, top = random.uniform((0, 0), (across - width, down - height))
        return left, top, left + width, top + height


def _numbers(boxes: Floats, are_digits: Mask) -> list[list[int]]:
    """The symbols of each number, as `digits.reader` groups what it detects."""

    def detections(indices: Integers) -> Detections:
        count = len(indices)
        return Detections(np.zeros(count), np.zeros((count, len(SYMBOLS))), boxes[indices])

    digits, signs = np.flatnonzero(are_digits), np.flatnonzero(~are_digits)
    nearest = nearest_digits(detections(signs), boxes[digits])
    return [
        sorted([*digits[number].tolist(), *signs[np.isin(nearest, number)].tolist()])
        for line in text_lines(detections(digits))
        for number in line
    ]


def _array(boxes: Sequence[Box]) -> Floats:
    return np.array(boxes, np.float64).reshape(-1, 4)


def vary(pixels: Grey, random: Random, ranges: Ranges) -> Grey:
    """Make a crop wider or narrower, coarser, noisier, or its strokes thicker or thinner."""
    height, width = pixels.shape
    stretched = round(width * log_uniform(random, *ranges.crop.stretch))
    size = min(max(CROP_MULTIPLE, stretched), CROP_MAX_WIDTH), height
    image = Image.fromarray(pixels)
    if share := ranges.crop.coarse.draw(random):
        coarse = round(size[0] * share), round(height * share)
        image = image.resize(coarse, Image.Resampling.BOX)
    if random.random() < ranges.crop.restroked:
        filters = ImageFilter.MinFilter(3), ImageFilter.MaxFilter(3)
        other = image.filter(filters[int(random.integers(2))])
        image = Image.blend(image, other, random.uniform(0.2, 0.8))
    resampling = Image.Resampling.NEAREST if random.random() < 0.2 else Image.Resampling.BICUBIC
    image = image.resize(size, resampling)
    if blur := ranges.crop.dulled.draw(random):
        image = image.filter(ImageFilter.GaussianBlur(blur))
    if random.random() < ranges.file.compressed:
        image = compress(image, random, ranges.file)
    varied = np.asarray(image, np.float32)
    if grain := ranges.crop.grained.draw(random):
        noise = grain * np.ptp(varied) * random.standard_normal(varied.shape, np.float32)
        varied = varied + noise
    return np.asarray((varied + 0.5).clip(0, 255), np.uint8)
