"""Pages of bars instead of writing, to train readers on."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from digits.images.grey import Grey
from digits_train import models
from digits_train.config import ReaderRecipe
from digits_train.detection import Targets, make_targets
from digits_train.reader_data import Windows
from digits_train.symbols import Symbol
from digits_train.tasks import detection

RECIPE = ReaderRecipe(
    "default", 2, batch_size=4, learning_rate=3e-3, weight_decay=0.02, ema_decay=0.9, crops=12
)
SIDE = 64
_SHAPES = {1: (6, 24), 10: (20, 6)}  # width and height of a one and a minus


def bars(random: np.random.Generator) -> tuple[Grey, Targets]:
    """A page with one in each quarter."""
    page, symbols = np.full((SIDE, SIDE), 220, np.uint8), []
    for quarter, symbol in enumerate(random.choice(list(_SHAPES), 4).tolist()):
        width, height = _SHAPES[symbol]
        left = quarter % 2 * 32 + int(random.integers(1, 31 - width))
        top = quarter // 2 * 32 + int(random.integers(1, 31 - height))
        page[top : top + height, left : left + width] = 30
        symbols.append(Symbol((left, top, left + width, top + height), symbol, 24))
    return page, make_targets(page.shape, symbols)


class TinyWindows(Windows):
    def __getitem__(self, number: int) -> tuple[Tensor, Targets]:
        random = np.random.default_rng([self.seed, self.epoch, number])
        own = round(self.share * self.batch_size) if self.own else 0
        shown = [self.own.example(random, SIDE) for _ in range(own) if self.own]
        shown += [bars(random) for _ in range(self.batch_size - own)]
        pages, maps = zip(*shown, strict=True)
        targets = Targets(*map(torch.stack, zip(*maps, strict=True)))
        return torch.from_numpy(np.stack(pages))[:, None], targets


def patches() -> list[tuple[Any, str, Any]]:
    """What to set, to train readers on tiny pages: object, attribute and value."""
    recipes = {
        "default": RECIPE,
        "quick": replace(RECIPE, name="quick", epochs=3, crops=100, ema_decay=0.95),
        "finetune": replace(RECIPE, name="finetune", epochs=2, own=0.5),
    }
    return [
        (detection, "make_materials", lambda *_: object()),
        (detection, "with_hard_negatives", lambda materials, *_: materials),
        (detection, "Windows", TinyWindows),
        (detection, "NUM_VALIDATION", 2),
        (models.Reader, "recipes", recipes),
    ]
