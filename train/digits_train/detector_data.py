"""The windows on pages that the detector is trained and validated on."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from digits import system
from digits.images.grey import Grey
from digits_train.camera.exposure import Photograph, photograph, texture
from digits_train.camera.materials import Materials
from digits_train.camera.page import compose
from digits_train.camera.window import Window
from digits_train.detection import Targets, are_learnable, make_targets
from digits_train.distributed import CPU, learning_cores
from digits_train.matching import LabelledPage, Truth
from digits_train.own_pages import OwnPages
from digits_train.pixels import Random
from digits_train.symbols import Box, columns

Item = TypeVar("Item")

SIDE = 192  # pixels of a window
_PHOTOGRAPHS = 2  # of each window
# Cells and single digits, cut out tightly: many small crops in a batch.
CROP_SIDE, _SMALLEST = 96, 8  # pixels
_CROPS_OF_WINDOW = 4
_PLAIN_HEIGHT = 30.0  # pixels of the digits that aren't there
_REPEATED = 16  # pixels at least that repeat a crop's edge, as `digits.reader.pyramid` pads pages


def make_examples(materials: Materials, random: Random, side: int = SIDE) -> Iterator[Photograph]:
    """Yield random windows. Each with writing is photographed twice: composing takes longer."""
    ranges, before = materials.ranges, Window.empty((side, side))
    while True:
        if random.random() < ranges.textures:
            yield texture((side, side), random, ranges)
            continue
        window = compose(random, materials, (side, side))
        for _ in range(_PHOTOGRAPHS):
            behind = before if random.random() < ranges.shining_through else None
            yield photograph(window, _height(window), random, behind, ranges)
        before = window


def _height(window: Window) -> float:
    """The height of its digits, in pixels."""
    return window.symbols[0].height if window.symbols else _PLAIN_HEIGHT


def make_crops(materials: Materials, random: Random) -> Iterator[Photograph]:
    """Yield tight crops of random windows: of symbols and of textures.

    Not of words and marks, whose parts may look like a 0 or a 1 with good reason.
    """
    ranges = materials.ranges
    textures = 2 * ranges.textures / (1 + ranges.textures)  # which are photographed only once
    varied = replace(ranges, textures=textures, shining_through=0.0)
    for shown in make_examples(materials._replace(ranges=varied), random):
        height = _height(shown.window)
        boxes = [symbol.box for symbol in shown.window.symbols]
        boxes = [box for box in boxes if min(box) >= 0 and max(box) <= SIDE]
        if not shown.window.ink.any():
            corners = random.uniform(0, SIDE - height, (_CROPS_OF_WINDOW, 2))
            boxes = [(x, y, x + height, y + height) for x, y in corners.tolist()]
        for index in random.permutation(len(boxes))[:_CROPS_OF_WINDOW]:
            yield crop(shown, boxes[index], random.uniform(*ranges.room, 4) * height)


def crop(shown: Photograph, box: Box, room: NDArray[np.float64]) -> Photograph:
    """Cut out a box and some room around it, in pixels; repeat the crop's edges beyond.

    What is wider or higher than a crop is cut.
    """
    size, most = np.array(shown.pixels.shape[::-1]), CROP_SIDE - 2 * _REPEATED
    low = np.floor(np.array(box[:2]) - room[:2]).clip(0, size - _SMALLEST).astype(int)
    high = np.ceil(np.array(box[2:]) + room[2:]).astype(int)
    high = np.minimum(high.clip(low + _SMALLEST, low + most), size)
    before = (CROP_SIDE - (high - low)) // 2
    around = np.stack([before, CROP_SIDE - (high - low) - before], 1)[::-1]
    part = slice(low[1], high[1]), slice(low[0], high[0])
    left, top = (low - before).tolist()
    return Photograph(
        np.pad(shown.pixels[part], around, mode="edge"),
        np.pad(shown.hidden[part], around, constant_values=1),
        shown.window.crop((left, top, left + CROP_SIDE, top + CROP_SIDE)),
    )


def targets(shown: Photograph) -> Targets:
    """What the detector should find in a window."""
    height, width = shown.pixels.shape
    return make_targets((height, width), *shown.visible())


class HeldOut(NamedTuple):
    """Windows to validate on, what their maps should be, and the symbols that should be found.

    pages: uint8 [n, 1, side, side].
    """

    pages: Tensor
    targets: Targets
    labelled: list[LabelledPage]


@dataclass(frozen=True)
class HeldOutWindows(Dataset[HeldOut]):
    """Batches of windows without tight crops, each composed on its own from its number."""

    materials: Materials
    seed: int
    batches: int
    batch_size: int = 4

    def __len__(self) -> int:
        return self.batches

    def __getitem__(self, number: int) -> HeldOut:
        random = np.random.default_rng([self.seed, 2, number])
        drawn = list(islice(make_examples(self.materials, random), self.batch_size))
        maps = [targets(photograph) for photograph in drawn]
        pixels = (photograph.pixels for photograph in drawn)
        pages = list(map(_labelled, drawn, maps))
        return HeldOut(*stacked(zip(pixels, maps, strict=True)), pages)


def _labelled(shown: Photograph, maps: Targets) -> LabelledPage:
    """A window with the symbols that the detector should find."""
    boxes, labels, heights = columns(shown.visible()[0])
    wanted = are_learnable(boxes, heights, shown.pixels.shape)
    truth = Truth(boxes[wanted], labels[wanted])
    return LabelledPage(shown.pixels, "", truth, maps.weight.numpy())


def stacked(examples: Iterable[tuple[Grey, Targets]]) -> tuple[Tensor, Targets]:
    """A batch of pages, uint8 [n, 1, h, w], and their targets."""
    pages, maps = zip(*examples, strict=True)
    targets = Targets(*map(torch.stack, zip(*maps, strict=True)))
    return torch.from_numpy(np.stack(pages))[:, None], targets


@dataclass(frozen=True)
class Windows(Dataset[tuple[Tensor, Targets]]):
    """The batches of an epoch, each composed on its own from (seed, epoch, its number).

    share: of the windows that are on one's own pages.
    """

    materials: Materials
    seed: int
    epoch: int
    batches: int
    batch_size: int
    side: int = SIDE
    own: OwnPages | None = None
    share: float = 0.0

    def __len__(self) -> int:
        return self.batches

    def __getitem__(self, number: int) -> tuple[Tensor, Targets]:
        """Pages and their targets: uint8 [batch_size, 1, side, side], or more but smaller ones."""
        random = np.random.default_rng([self.seed, 2, self.epoch, number])
        count = round(self.share * self.batch_size) if self.own else 0
        if not count and random.random() < self.materials.ranges.crops:
            crops = self.batch_size * (self.side // CROP_SIDE) ** 2  # as many pixels
            drawn = islice(make_crops(self.materials, random), crops)
        else:
            examples = make_examples(self.materials, random, self.side)
            drawn = islice(examples, self.batch_size - count)
        shown = [(example.pixels, targets(example)) for example in drawn]
        shown += [self.own.example(random, self.side) for _ in range(count) if self.own]
        return stacked(shown)


def num_workers(device: torch.device) -> int:
    """Processes that compose, on the cores that don't learn: beside a GPU, on all but one."""
    learning = learning_cores() if device.type == "cpu" else 1
    return max(1, system.cpu_count() - learning)


def batches(
    windows: Dataset[Item], device: torch.device = CPU.device, ahead: int = 8
) -> Iterator[Item]:
    """The batches in order, composed by worker processes ahead of a training on a device.

    ahead: how many each process may compose before they are taken.
    """
    workers, start = num_workers(device), partial(_start_worker, os.getpid())
    factor = ahead if workers else None
    loader = DataLoader(
        windows,
        None,
        num_workers=workers,
        collate_fn=_unchanged,
        prefetch_factor=factor,
        worker_init_fn=start,
    )
    # Ctrl-C while they start or end would be lost, or be theirs.
    with system.sigint_blocked():
        loaded = iter(loader)
    try:
        for _ in range(len(loader)):
            yield next(loaded)
    finally:
        with system.sigint_blocked():
            del loaded


def _unchanged(item: Item) -> Item:
    """Instead of PyTorch's conversion of arrays to tensors."""
    return item


def _start_worker(parent: int, number: int) -> None:
    """End with the training even if it is killed, because it has locked its run folder."""
    system.die_with_parent(parent)
