import numpy as np
import pytest

from digits.data.mnist import Split
from digits_train import calibration


def test_outliers_are_frames_and_always_the_same(
    train_slice: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "NUM_OUTLIERS", 40)
    monkeypatch.setattr(calibration, "NUM_BLANK", 10)
    images = calibration.draw_outliers(train_slice)
    assert images.dtype == np.uint8
    assert images.shape == (50, 28, 28)
    assert len(np.unique(images.reshape(50, -1), axis=0)) > 45
    np.testing.assert_array_equal(calibration.draw_outliers(train_slice), images)
