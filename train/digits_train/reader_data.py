"""The windows on pages that the reader is trained and validated on."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from digits import system
from digits.data import mnist
from digits.data.mnist import Split
from digits.terminal import track
from digits_train.camera import FITTED, exposure, fonts, page
from digits_train.camera.compose import compose
from digits_train.camera.drawings import draw_marks
from digits_train.camera.glyphs import PenBank, font_writers
from digits_train.camera.lettering import library
from digits_train.camera.plan import plain_numbers
from digits_train.camera.window import Box, Materials, Window
from digits_train.detection import Targets, make_targets
from digits_train.matching import LabelledPage
from digits_train.own_pages import OwnPages
from digits_train.raster import Random

SIDE = 192  # pixels of a window
_BANK, _TEXTS = 50_000, 16_000  # glyphs and words to compose from; they take minutes to draw
_TEXTURES = 0.12  # share of the windows that are composed without any writing
_PHOTOGRAPHS = 2  # of each window
_SHINES_THROUGH = 0.2  # share of the photographs with the other side of the sheet
_MOST_HIDDEN = 0.2  # of a symbol's box; of what is hidden more, nobody can tell


class Example(NamedTuple):
    """A photographed window and what is on it.

    page: uint8 [side, side]. shown: its ink and its symbols. hidden: float32 [side, side], 1 where
    they can't be seen.
    """

    page: NDArray[np.uint8]
    shown: Window
    hidden: NDArray[np.float32]

    def targets(self) -> Targets:
        boxes = np.array(self.shown.boxes, np.float32).reshape(-1, 4)
        seen = np.array([self._is_seen(box) for box in self.shown.boxes], bool)
        return make_targets(
            (self.page.shape[0], self.page.shape[1]),
            boxes[seen],
            np.array(self.shown.symbols, np.int64)[seen],
            np.array(self.shown.heights, np.float32)[seen],
            [*self.shown.doubtful, *map(tuple, boxes[~seen].tolist())],
        )

    def _is_seen(self, box: Box) -> bool:
        left, top, right, bottom = (max(0, round(side)) for side in box)
        part = self.hidden[top : bottom + 1, left : right + 1]
        return not part.size or float(part.mean()) < _MOST_HIDDEN


def make_materials(digits: Split, seed: int, bank: int = _BANK, texts: int = _TEXTS) -> Materials:
    """Draw the glyphs and words that windows are composed of. The same seed gives the same ones."""
    random = np.random.default_rng([seed, 1])
    hands = fonts.hands()
    return Materials(
        PenBank(digits, bank, random),
        font_writers(hands, random),
        library(hands, fonts.printed(), texts, random),
        draw_marks(digits, texts // 4, random),
    )


def make_examples(
    materials: Materials, random: Random, count: int, side: int = SIDE
) -> Iterator[Example]:
    """Random windows. Each one with writing is photographed twice: composing takes longer."""
    made, before = 0, Window.empty(side)
    while made < count:
        if random.random() < _TEXTURES:
            blank = Window.empty(side)
            yield Example(exposure.texture(side, random), blank, blank.printed)
            made += 1
            continue
        shown = compose(random, materials, side)
        height = shown.heights[0] if shown.heights else 30.0
        for _ in range(min(_PHOTOGRAPHS, count - made)):
            behind = before if random.random() < _SHINES_THROUGH else None
            pixels, hidden = exposure.photograph(shown, height, random, behind)
            yield Example(pixels, shown, hidden)
            made += 1
        before = shown


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
        """Pages, uint8 [batch_size, 1, side, side], and their targets."""
        random = np.random.default_rng([self.seed, 2, self.epoch, number])
        count = round(self.share * self.batch_size) if self.own else 0
        examples = make_examples(self.materials, random, self.batch_size - count, self.side)
        shown = [(example.page, example.targets()) for example in examples]
        shown += [self.own.example(random, self.side) for _ in range(count) if self.own]
        pages, maps = zip(*shown, strict=True)
        return torch.from_numpy(np.stack(pages))[:, None], Targets(
            *map(torch.stack, zip(*maps, strict=True))
        )


def batches(windows: Windows, workers: int = 1) -> Iterator[tuple[Tensor, Targets]]:
    """The batches in order, composed ahead of the training by worker processes."""
    # Ctrl-C while they start or end would be lost, or be theirs.
    with system.sigint_blocked():
        loaded = iter(
            DataLoader(
                windows,
                batch_size=None,
                num_workers=workers,
                prefetch_factor=8 if workers else None,
                worker_init_fn=partial(_start_worker, os.getpid()),
            )
        )
    try:
        for _ in range(len(windows)):
            yield next(loaded)
    finally:
        with system.sigint_blocked():
            del loaded


def _start_worker(parent: int, number: int) -> None:
    """End with the training even if it is killed, because it has locked its run folder."""
    system.die_with_parent(parent)


def validation_pages(count: int, seed: int) -> list[LabelledPage]:
    """Photograph whole pages with MNIST's validation digits; training knows only windows.

    Words are in the hands and fonts of training. A tenth of the pages has nothing but words. Only
    the first half of the digits is used; benchmarks use the other.
    """
    validation = mnist.load("validation")
    digits = Split(validation.images[:FITTED], validation.labels[:FITTED])
    files = [str(file) for file in (*fonts.hands(), *fonts.printed())]
    pages = []
    for number in track(range(count), count, "drawing pages"):
        random = np.random.default_rng([seed, 3, number])
        shown = page.page(digits, random, files, digits=number % 10 != 9)
        pages.append(_labelled(shown))
    return pages


def number_pages(count: int, seed: int) -> list[LabelledPage]:
    """Photograph pages with nothing but a number a line: of the same digits, every other in a font.

    Of digits in fonts, the boxes aren't known.
    """
    validation = mnist.load("validation")
    digits = Split(validation.images[:FITTED], validation.labels[:FITTED])
    files, pages = fonts.hands(), []
    for number in track(range(count), count, "drawing pages of numbers"):
        random = np.random.default_rng([seed, 4, number])
        if number % 2:
            pages.append(_labelled(page.font_page(random, files)))
        else:
            pages.append(_labelled(page.page(digits, random, make_plan=plain_numbers)))
    return pages


def _labelled(shown: page.Page) -> LabelledPage:
    grey = np.asarray(Image.fromarray(shown.image).convert("L"))
    boxes, classes = shown.boxes.astype(np.float32), shown.classes.astype(np.int64)
    return LabelledPage(grey, shown.text, boxes, classes)
