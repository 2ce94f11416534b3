"""Hard negatives."""

import numpy as np
from torch import Tensor
from torch.nn.functional import avg_pool2d

from digits_train import mining
from digits_train.camera.ink import NO_BOXES, Glyph
from digits_train.camera.materials import Materials
from digits_train.models import Detector
from digits_train.models.detection import Maps


def text(level: int, doubtful: np.ndarray = NO_BOXES) -> Glyph:
    return Glyph(np.full((40, 90), level, np.uint8), 0.0, doubtful)


class InkDetector(Detector):
    def forward(self, pages: Tensor) -> Maps:
        """The blacker a cell of 4x4 pixels, the surer a symbol."""
        ink = avg_pool2d(255 - pages.float(), 4)
        return Maps(ink, ink, ink)


def test_the_most_misleading_of_the_tried_are_chosen() -> None:
    random, model = np.random.default_rng(0), InkDetector()
    everywhere = np.array([(0, 0, 90, 40)], np.float32)
    texts = [[text(50), text(255), text(255, everywhere)], [text(150)]]
    marks = [Glyph(np.full((300, 2000), 200, np.uint8))]  # so large that it is cut off
    materials = Materials((), (), texts, marks)
    # The other one of 255 may well be a symbol.
    assert mining.find_hard(materials, model, random, limit=3) == [1, 4, 3]
    assert len(mining.find_hard(materials, model, random, tried=2)) == 2
    chosen = mining.with_hard(materials, [1, 4])
    assert [*chosen.hard] == [texts[0][1], marks[0]] and chosen._replace(hard=()) == materials
