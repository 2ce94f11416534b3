import numpy as np
import pytest

from digits_train.camera import allographs


@pytest.mark.parametrize("digit", range(10))
def test_forms_fill_their_height_and_differ(digit: int) -> None:
    random = np.random.default_rng(digit)
    drawn = [allographs.draw(digit, 56, 4, random) for _ in range(20)]
    if digit in (6, 8):
        assert drawn == [None] * 20
        return
    inks = [ink for ink in drawn if ink is not None]
    assert len(inks) == 20 and len({ink.tobytes() for ink in inks}) == 20
    for ink in inks:
        assert 44 <= ink.shape[0] <= 72 and ink.max() == 1
        assert 0.03 < ink.mean() < 0.5
