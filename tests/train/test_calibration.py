import numpy as np
import pytest

from digits.data.mnist import Split
from digits_train import calibration


@pytest.mark.usefixtures("slice_as_mnist")
def test_frames_are_always_the_same(train_slice: Split) -> None:
    outliers, shown = calibration.draw_outliers(train_slice), calibration.draw_frames(train_slice)
    assert (outliers.shape, shown.images.shape) == ((60, 28, 28), (100, 28, 28))
    assert set(shown.labels) <= set(range(10))
    np.testing.assert_array_equal(calibration.draw_outliers(train_slice), outliers)
