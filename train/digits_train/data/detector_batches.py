"""The windows on pages that a detector is trained and validated on."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import Dataset

from digits_train.camera import single
from digits_train.camera.exposure import Photograph, photograph, texture
from digits_train.camera.materials import Materials
from digits_train.camera.page import compose
from digits_train.camera.ranges import changed
from digits_train.camera.window import Window
from digits_train.pixels import Random, ink_bounds, log_uniform
from digits_train.recipes import DetectorRecipe
from digits_train.symbols import Box, LabelledPage, Symbol, label_window

# Cells and single digits, cut out tightly: many small crops in a batch.
CROP_SIDE, _SMALLEST = 96, 8  # pixels
_CROPS_OF_WINDOW = 4
_PLAIN_HEIGHT = 30.0  # pixels of the digits that aren't there
_SINGLE = {"digit": 0.7, "other": 0.2, "blank": 0.1}  # shares
_LARGEST = 100.0  # pixels of the writing, before it is reduced
_REPEATED = 16  # pixels at least that repeat a crop's edge, as `digits.reader.pyramid` pads pages


@dataclass(frozen=True)
class DetectorBatches(Dataset[list[LabelledPage]]):
    """Batches of windows, each composed from the seed, the process's rank and its number alone.

    size: of a batch; tight crops are smaller and more. held_out: to validate, there are no tight
    crops.
    """

    materials: Materials
    recipe: DetectorRecipe
    seed: int
    size: int
    rank: int = 0
    held_out: bool = False

    def __getitem__(self, number: int) -> list[LabelledPage]:
        """A batch by its number; all its pages have the same size."""
        materials, side = self.materials, self.recipe.window
        random = np.random.default_rng([self.seed, 2, self.rank, number])
        crops = self.size * (side // CROP_SIDE) ** 2  # as many pixels
        chance = math.inf if self.held_out else random.random()
        window = materials.ranges.window
        if chance < window.tight:
            pictures = islice(crop_symbols(materials, random, side, self.recipe.photographs), crops)
        elif chance < window.tight + window.alone:
            return [make_single(materials, random) for _ in range(crops)]
        else:
            windows = make_windows(materials, random, side, self.recipe.photographs)
            pictures = islice(windows, self.size)
        return [label_window(photo.pixels, *photo.visible()) for photo in pictures]


def make_windows(
    materials: Materials, random: Random, side: int, photographs: int
) -> Iterator[Photograph]:
    """Yield random windows, endlessly. Each with writing is photographed several times."""
    ranges, before = materials.ranges, Window.empty((side, side))
    while True:
        if random.random() < ranges.window.textures:
            yield texture((side, side), random, ranges)
            continue
        window = compose(random, materials, (side, side))
        for _ in range(photographs):
            behind = before if random.random() < ranges.paper.shining_through else None
            yield photograph(window, _height(window), random, ranges, behind)
        before = window


def _height(window: Window) -> float:
    """The height of its digits, in pixels."""
    return window.symbols[0].height if window.symbols else _PLAIN_HEIGHT


def crop_symbols(
    materials: Materials, random: Random, side: int, photographs: int
) -> Iterator[Photograph]:
    """Yield tight crops of random windows: of symbols and of textures.

    Not of words and marks, whose parts may look like a 0 or a 1 with good reason.
    """
    ranges, share = materials.ranges, photographs * materials.ranges.window.textures
    textures = share / (1 - ranges.window.textures + share)  # which are photographed only once
    varied = changed(ranges, window={"textures": textures}, paper={"shining_through": 0.0})
    for photo in make_windows(materials._replace(ranges=varied), random, side, photographs):
        height = _height(photo.window)
        boxes = [symbol.box for symbol in photo.window.symbols]
        boxes = [box for box in boxes if min(box) >= 0 and max(box) <= side]
        if not photo.window.ink.any():
            corners = random.uniform(0, side - height, (_CROPS_OF_WINDOW, 2))
            boxes = [(x, y, x + height, y + height) for x, y in corners.tolist()]
        for index in random.permutation(len(boxes))[:_CROPS_OF_WINDOW]:
            yield crop(photo, boxes[index], random.uniform(*ranges.window.room, 4) * height)


def make_single(materials: Materials, random: Random) -> LabelledPage:
    """A picture of one digit, or of none, as large as a crop; its edges repeat beyond.

    Cells, cut-out boxes, drawings, and few pixels that are enlarged: what is sent to be read as
    one digit.
    """
    ranges, limit = materials.ranges, CROP_SIDE - 2 * _REPEATED
    few = changed(ranges, single={"largest": _LARGEST})
    picture = single.draw(_SINGLE, random, materials._replace(ranges=few))
    bounds = ink_bounds(picture.ink) if picture.ink.any() else np.array([0, 0, limit, limit])
    width, height = (bounds[2:] - bounds[:2]).tolist()
    scale = min(log_uniform(random, *ranges.window.seen_height) / height, limit / width)
    image, size = Image.fromarray(picture.pixels), np.array(picture.pixels.shape[::-1])
    pixels = ranges.window.enlarged.draw(random)
    if 0 < pixels < height:
        image = image.resize((size * pixels / height).round().clip(1).astype(int))
    image = image.resize((size * scale).round().clip(_SMALLEST).astype(int))
    bounds = bounds * np.tile(image.size / size, 2)
    window = Window.empty((image.height, image.width))
    if picture.label < single.SEVERAL:
        left, top, right, bottom = bounds.tolist()
        window.symbols.append(Symbol((left, top, right, bottom), picture.label, bottom - top))
    photo = Photograph(np.asarray(image), np.zeros_like(window.ink), window)
    room = np.tile(limit - (bounds[2:] - bounds[:2]), 2) / 2
    photo = crop(photo, bounds.tolist(), room)
    return label_window(photo.pixels, *photo.visible())


def crop(photo: Photograph, box: Box, room: NDArray[np.float64]) -> Photograph:
    """Cut out a box and some room around it, in pixels; repeat the crop's edges beyond.

    What is wider or higher than a crop is cut.
    """
    size, limit = np.array(photo.pixels.shape[::-1]), CROP_SIDE - 2 * _REPEATED
    low = np.floor(np.array(box[:2]) - room[:2]).clip(0, size - _SMALLEST).astype(int)
    high = np.ceil(np.array(box[2:]) + room[2:]).astype(int)
    high = np.minimum(high.clip(low + _SMALLEST, low + limit), size)
    before = (CROP_SIDE - (high - low)) // 2
    around = np.stack([before, CROP_SIDE - (high - low) - before], 1)[::-1]
    inside = slice(low[1], high[1]), slice(low[0], high[0])
    left, top = (low - before).tolist()
    return Photograph(
        np.pad(photo.pixels[inside], around, mode="edge"),
        np.pad(photo.hidden[inside], around, constant_values=1),
        photo.window.crop((left, top, left + CROP_SIDE, top + CROP_SIDE)),
    )
