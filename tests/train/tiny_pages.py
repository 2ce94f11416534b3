"""Pages of bars instead of writing, and the `digits` command that trains a reader on them.

python -m tests.train.tiny_pages train --network reader
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from digits.__main__ import main
from digits_train import models
from digits_train.config import ReaderRecipe
from digits_train.detection import Targets, make_targets
from digits_train.own_pages import OwnPages
from digits_train.symbols import Symbol
from digits_train.tasks import detection
from tests.train import subset_digits

RECIPE = ReaderRecipe(
    "default",
    epochs=2,
    batch_size=4,
    learning_rate=3e-3,
    weight_decay=0.02,
    ema_decay=0.9,
    crops=12,
)
SIDE = 64
_SHAPES = {1: (6, 24), 10: (20, 6)}  # width and height of a one and a minus


@dataclass(frozen=True)
class TinyWindows(Dataset[tuple[Tensor, Targets]]):
    """Like `reader_data.Windows`, with a bar in each quarter of a page."""

    materials: object
    seed: int
    epoch: int
    batches: int
    batch_size: int
    own: OwnPages | None = None
    share: float = 0.0

    def __len__(self) -> int:
        return self.batches

    def __getitem__(self, number: int) -> tuple[Tensor, Targets]:
        random = np.random.default_rng([self.seed, self.epoch, number])
        pages = np.full((self.batch_size, 1, SIDE, SIDE), 220, np.uint8)
        maps = []
        for page in pages[:, 0]:
            symbols = []
            for quarter, symbol in enumerate(random.choice(list(_SHAPES), 4).tolist()):
                width, height = _SHAPES[symbol]
                left = quarter % 2 * 32 + int(random.integers(1, 31 - width))
                top = quarter // 2 * 32 + int(random.integers(1, 31 - height))
                page[top : top + height, left : left + width] = 30
                symbols.append(Symbol((left, top, left + width, top + height), symbol, 24))
            maps.append(make_targets(page.shape, symbols))
        count = round(self.share * self.batch_size) if self.own else 0
        for page in range(count):
            assert self.own is not None
            pages[page, 0], maps[page] = self.own.example(random, SIDE)
        return torch.from_numpy(pages), Targets(*map(torch.stack, zip(*maps, strict=True)))


def patches() -> list[tuple[Any, str, Any]]:
    """What to set, to train readers on tiny pages: object, attribute and value."""
    recipes = {
        "default": RECIPE,
        "quick": replace(RECIPE, name="quick", epochs=1),
        "finetune": replace(RECIPE, name="finetune", epochs=2, own=0.5),
    }
    return [
        (detection, "make_materials", lambda *_: object()),
        (detection, "with_hard_negatives", lambda materials, *_: materials),
        (detection, "Windows", TinyWindows),
        (detection, "NUM_VALIDATION", 2),
        (models.Reader, "recipes", recipes),
    ]


if __name__ == "__main__":
    subset_digits.install()
    for patch in patches():
        setattr(*patch)
    main()
