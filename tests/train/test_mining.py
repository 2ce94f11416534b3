"""Hard negatives."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from digits.data.mnist import Split
from digits_train import mining
from digits_train.camera.glyphs import pen_writers
from digits_train.camera.ink import NO_BOXES, Glyph
from digits_train.camera.materials import Materials
from digits_train.models.network import BaseNetwork
from digits_train.models.reader import Maps


class InkDetector(BaseNetwork):
    """The blacker a cell of 4x4 pixels, the surer it is of a symbol."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))

    def forward(self, pages: Tensor) -> Maps:
        ink = avg_pool2d(255 - pages.float(), 4) * self.scale
        return Maps(ink, ink.expand(-1, 12, -1, -1), ink.expand(-1, 4, -1, -1))


def text(level: int, doubtful: np.ndarray = NO_BOXES) -> Glyph:
    return Glyph(np.full((40, 90), level, np.uint8), 0.0, doubtful)


def test_the_most_misleading_of_the_tried_are_chosen(train_slice: Split) -> None:
    random, model = np.random.default_rng(0), InkDetector().train()
    everywhere = np.array([(0, 0, 90, 40)], np.float32)
    texts = [[text(50), text(255), text(255, everywhere)], [text(150)]]
    marks = [Glyph(np.full((300, 2000), 200, np.uint8))]  # so large that it is cut off
    materials = Materials(pen_writers(train_slice, 20, random), (), texts, marks)
    chosen = mining.with_hard_negatives(materials, model, random, limit=3)
    assert [int(hard.coverage.max()) for hard in chosen.hard] == [255, 200, 150]
    assert not len(chosen.hard[0].doubtful)  # the other one of 255 may well be a symbol
    assert chosen._replace(hard=()) == materials
    assert model.training
    few = [mining.with_hard_negatives(materials, model, random, tried=2).hard for _ in range(20)]
    assert all(len(hard) == 2 for hard in few)
    assert {int(chosen.coverage.max()) for hard in few for chosen in hard} == {50, 150, 200, 255}
