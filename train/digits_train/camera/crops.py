"""Crops of numbers out of composed windows, and of what is no number: what the recognizer learns.

The text of a crop is the number in it, as it is written: digits, a minus before them, points (or
commas) between them. Points and dashes behind it close an amount, other signs before and behind it
are a currency or a unit: neither belongs to the text. What is no single number has no text: a
fraction, a sum, words, marks, a number struck out, digits cut off by the edge.
"""

import io
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from digits.images.grey import Grey
from digits.inference.interface import CROP_MAX_WIDTH, SYMBOLS
from digits.reader import crops
from digits.reader.crops import Margins, Region
from digits.reader.detections import DIGITS, Detections, Floats, Integers
from digits.reader.lines import nearest_digits, text_lines
from digits_train.camera.exposure import photograph
from digits_train.camera.materials import Materials
from digits_train.camera.page import compose
from digits_train.camera.ranges import Ranges
from digits_train.camera.window import Window
from digits_train.raster import Random, log_uniform
from digits_train.symbols import Box, columns

_SIDES = 7, 22  # heights of a digit: of a window
_PHOTOGRAPHS = 2  # of each number
_MOST_SYMBOLS = 20
_SEEN, _UNSEEN = 0.8, 0.35  # share of a symbol that is in a crop: it is read, or not
_EDGE = 4  # pixels around a crop that are photographed, too
_TRIES = 3  # to find room that nothing else is in
_ROOM = 0.4  # heights beside a part of a word, which alone might be a digit


class Crop(NamedTuple):
    """pixels: uint8 [48, width], grey, not normalised. text: of digits, "-" and "."."""

    pixels: Grey
    text: str


def make_crops(materials: Materials, random: Random) -> Iterator[Crop]:
    """Yield crops of random windows for ever."""
    ranges, before = materials.ranges, Window.empty((1, 1))
    while True:
        height = log_uniform(random, *ranges.digit_height)
        shape = round(_SIDES[0] * height), round(_SIDES[1] * height)
        window = compose(random, materials, shape, height)
        cutter = _Cutter(window, height, random, ranges)
        for region in cutter.regions():
            text = cutter.text(region)
            for _ in range(0 if text is None else _PHOTOGRAPHS):
                shines = random.random() < ranges.shining_through
                pixels = cutter.photograph(region, before if shines else None)
                if pixels is not None:
                    yield Crop(pixels, text or "")
        before = window


class _Cutter:
    """Cuts a window, whose digits have this height, into crops."""

    def __init__(self, window: Window, height: float, random: Random, ranges: Ranges) -> None:
        self.window, self.height, self.random, self.ranges = window, height, random, ranges
        inside = [symbol for symbol in window.symbols if _is_inside(symbol.box, window.ink.shape)]
        self.symbols = sorted(inside, key=lambda symbol: symbol.box[0] + symbol.box[2])
        boxes, self.labels, _ = columns(self.symbols)
        self.boxes = boxes.astype(np.float64)
        self.every = _boxes([symbol.box for symbol in window.symbols])
        self.doubtful = _boxes(window.doubtful)
        self.separators, self.fractions = _boxes(window.separators), _boxes(window.fractions)
        self.numbers = self._numbers()

    def regions(self) -> Iterator[Region]:
        """Where a detector might see a number, with random room; and, fewer, anywhere else."""
        for members in self.numbers:
            for _ in range(_TRIES):
                region = self._around(members)
                if self.text(region) is not None:
                    yield region
                    break
        for box in (*self.window.others, self._anywhere()):
            if self.random.random() < self.ranges.no_number:
                yield self._other(box)

    def text(self, region: Region) -> str | None:
        """What a region says; None if anyone may doubt it."""
        read = np.flatnonzero(region.visible(self.boxes) >= _SEEN)
        # What is cut may be read or not.
        if len(read) != (region.visible(self.every) > _UNSEEN).sum():
            return None
        if self._is_doubtful(region):
            return None
        if not len(read) or self._is_divided(region, read):
            return ""
        is_one = any({*read.tolist()} <= {*number} for number in self.numbers)
        if len(read) > _MOST_SYMBOLS or not is_one:
            return None
        text = "".join(SYMBOLS[label] for label in self.labels[read]).rstrip("-.")
        return text if any(map(str.isdecimal, text)) else ""

    def _is_doubtful(self, region: Region) -> bool:
        """Whether letters might be digits, or a fraction is cut."""
        fractions = region.visible(self.fractions)
        cut = (fractions > _UNSEEN / 2) & (fractions < _SEEN)
        return bool(cut.any() or (region.visible(self.doubtful) > 0.2).any())

    def _is_divided(self, region: Region, read: Integers) -> bool:
        """Whether signs are between the symbols that are read, or a fraction is among them."""
        left, top, right, bottom = region.levelled(self.separators).T
        ends = (self.boxes[read, 0] + self.boxes[read, 2])[[0, -1]]
        is_between = (left + right > ends[0]) & (left + right < ends[1])
        is_level = np.abs(top + bottom) < self.height
        is_seen = region.visible(self.separators) > _UNSEEN
        has_fraction = (region.visible(self.fractions) >= _SEEN).any()
        return bool((is_between & is_level & is_seen).any() or has_fraction)

    def photograph(self, region: Region, behind: Window | None) -> Grey | None:
        """The crop of a region; None if something lies on what is read."""
        left, top, right, bottom = region.bounds
        box = round(left) - _EDGE, round(top) - _EDGE, round(right) + _EDGE, round(bottom) + _EDGE
        part, back = self.window.crop(box), behind and behind.crop(box)
        shown = photograph(part, self.height, self.random, back, self.ranges)
        for symbol in np.flatnonzero(region.visible(self.every) > _UNSEEN):
            if shown.hidden_share(part.symbols[symbol].box):
                return None
        return crops.cut(shown.pixels, region.moved(box[0], box[1]))

    def _numbers(self) -> list[list[int]]:
        """The symbols of each number, as `digits.reader` groups what it detects."""
        digits, signs = (np.flatnonzero((self.labels < DIGITS) == kind) for kind in (True, False))
        detections = [
            Detections(np.zeros(len(some)), np.zeros((len(some), len(SYMBOLS))), self.boxes[some])
            for some in (digits, signs)
        ]
        nearest = nearest_digits(detections[1], detections[0])
        columns = [column for line in text_lines(detections[0]) for column in line]
        numbers = [[*digits[column], *signs[np.isin(nearest, column)]] for column in columns]
        return [sorted(map(int, number)) for number in numbers]

    def _around(self, members: Sequence[int]) -> Region:
        """Where a detector might see the number of these symbols."""
        random, ranges = self.random, self.ranges
        some = list(members)
        for fewer in (slice(1, None), slice(-1)):
            if random.random() < ranges.unseen and (self.labels[some[fewer]] < DIGITS).any():
                some = some[fewer]
        boxes = self.boxes[some] + random.normal(0, ranges.misplaced, (len(some), 4)) * self.height
        return self._region(boxes, self.labels[some] < DIGITS)

    def _region(self, boxes: Floats, are_digits: np.ndarray, least: float = 0.0) -> Region:
        random, ranges = self.random, self.ranges
        rooms = [log_uniform(random, *limits) for limits in 2 * (ranges.beside, ranges.over)]
        left, above, right, below = rooms
        margins = Margins(max(left, least), above, max(right, least), below)
        region = crops.around(boxes, are_digits, margins)
        return region._replace(slope=region.slope + random.normal(0, ranges.unlevel))

    def _other(self, box: Box) -> Region:
        """Around something that is no number, or around a part of it."""
        left, top, right, bottom = box
        least, random = 0.0, self.random
        if right - left > 1.5 * self.height and random.random() < 0.5:
            width = random.uniform(0.4, 1.5) * self.height
            left = random.uniform(left, right - width)
            right, least = left + width, _ROOM
        only = _boxes([(left, top, right, bottom)])
        return self._region(only, np.ones(1, bool), least)

    def _anywhere(self) -> Box:
        random, (down, across) = self.random, self.window.ink.shape
        width, height = random.uniform(0.3, 3) * self.height, random.uniform(0.5, 1.3) * self.height
        left, top = random.uniform(0, across - width), random.uniform(0, down - height)
        return left, top, left + width, top + height


def _is_inside(box: Box, shape: Sequence[int]) -> bool:
    """Whether more of a box is in a window than may be missing."""
    frame = Region(0, 0, 0, 0, 0, float(shape[1]), float(shape[0]))
    return bool(frame.visible(_boxes([box]))[0] > 0.9)


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
        file = io.BytesIO()
        image.save(file, "JPEG", quality=int(random.integers(*ranges.quality)))
        image = Image.open(file)
    varied = np.asarray(image, np.float32)
    if grain := ranges.grained.draw(random):
        noise = grain * np.ptp(varied) * random.standard_normal(varied.shape, np.float32)
        varied = varied + noise
    return np.asarray((varied + 0.5).clip(0, 255), np.uint8)
