"""Hard negatives."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from digits.data.mnist import Split
from digits_train import mining
from digits_train.camera.glyphs import PenBank
from digits_train.camera.lettering import Lettering
from digits_train.camera.window import Materials
from digits_train.models.network import BaseNetwork
from digits_train.models.reader import Maps

_PLAIN = np.zeros((0, 4), np.float32)


class InkDetector(BaseNetwork):
    """The blacker a cell of 4x4 pixels, the surer it is of a symbol."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))

    def forward(self, pages: Tensor) -> Maps:
        ink = avg_pool2d(255 - pages.float(), 4) * self.scale
        return Maps(ink, ink.expand(-1, 12, -1, -1), ink.expand(-1, 4, -1, -1))


def text(level: int, doubtful: np.ndarray = _PLAIN) -> Lettering:
    return Lettering(np.full((40, 90), level, np.uint8), 0.0, doubtful)


@pytest.fixture
def materials(train_slice: Split) -> Materials:
    random = np.random.default_rng(0)
    everywhere = np.array([(0, 0, 90, 40)], np.float32)
    texts = [[text(50), text(255), text(255, everywhere)], [text(150)]]
    return Materials(PenBank(train_slice, 20, random), (), texts, [text(200).coverage])


def test_the_most_misleading_are_kept(
    materials: Materials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mining, "_KEPT", 3)
    model = InkDetector().train()
    found = mining.with_hard_negatives(materials, model, np.random.default_rng(0))
    assert [int(one.coverage.max()) for one in found.hard] == [255, 200, 150]
    assert not len(found.hard[0].doubtful)  # the other one of 255 may well be a symbol
    assert found._replace(hard=()) == materials
    assert model.training


def test_only_some_are_tried(materials: Materials, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mining, "_TRIED", 2)
    seen = {
        int(one.coverage.max())
        for seed in range(20)
        for one in mining.with_hard_negatives(
            materials, InkDetector(), np.random.default_rng(seed)
        ).hard
    }
    found = mining.with_hard_negatives(materials, InkDetector(), np.random.default_rng(0))
    assert len(found.hard) == 2 and seen == {50, 150, 200, 255}


def test_long_and_high_texts_are_cut_off() -> None:
    long = Lettering(np.full((300, 2000), 255, np.uint8), 0.0, _PLAIN)
    strip = mining._strip(long)
    assert strip.shape == (48, 160) and (strip < 50).all()
