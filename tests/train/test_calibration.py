import numpy as np
import pytest

from digits.data.mnist import Split
from digits_train.calibration import draw_outliers


@pytest.mark.slow
def test_outliers_are_frames_and_always_the_same(train_slice: Split) -> None:
    images = draw_outliers(train_slice)
    assert images.dtype == np.uint8
    assert images.shape[1:] == (28, 28)
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) > 0.9 * len(images) > 1000
    np.testing.assert_array_equal(draw_outliers(train_slice), images)
