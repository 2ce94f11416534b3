"""Hard negatives."""

import numpy as np
import pytest
from torch import Tensor
from torch.nn.functional import avg_pool2d

from digits_train import mining
from digits_train.camera.ink import NO_BOXES, Glyph
from digits_train.camera.materials import Materials
from digits_train.models.reader import Maps, Reader


def text(level: int, doubtful: np.ndarray = NO_BOXES) -> Glyph:
    return Glyph(np.full((40, 90), level, np.uint8), 0.0, doubtful)


def ink_maps(model: object, pages: Tensor) -> Maps:
    """The blacker a cell of 4x4 pixels, the surer a symbol."""
    ink = avg_pool2d(255 - pages.float(), 4)
    return Maps(ink, ink, ink)


def test_the_most_misleading_of_the_tried_are_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mining, "predict_maps", ink_maps)
    random, model = np.random.default_rng(0), Reader()
    everywhere = np.array([(0, 0, 90, 40)], np.float32)
    texts = [[text(50), text(255), text(255, everywhere)], [text(150)]]
    marks = [Glyph(np.full((300, 2000), 200, np.uint8))]  # so large that it is cut off
    materials = Materials((), (), texts, marks)
    chosen = mining.with_hard_negatives(materials, model, random, limit=3)
    assert [int(hard.coverage.max()) for hard in chosen.hard] == [255, 200, 150]
    assert not len(chosen.hard[0].doubtful)  # the other one of 255 may well be a symbol
    assert chosen._replace(hard=()) == materials
    assert len(mining.with_hard_negatives(materials, model, random, tried=2).hard) == 2
