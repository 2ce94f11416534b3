"""Marks that are no writing."""

import numpy as np

from digits.data.mnist import Split
from digits_train.camera.drawings import draw_marks


def test_marks_are_cropped_ink_of_many_kinds(train_slice: Split) -> None:
    marks = draw_marks(train_slice, 40, np.random.default_rng(0))
    assert len(marks) == 40 and len({mark.tobytes() for mark in marks}) == 40
    for mark in marks:
        assert mark.dtype == np.uint8 and mark.max() > 150
        assert mark[0].any() and mark[-1].any() and mark[:, 0].any() and mark[:, -1].any()
    wide = [mark.shape[1] > 2 * mark.shape[0] for mark in marks]
    assert any(wide) and not all(wide)
