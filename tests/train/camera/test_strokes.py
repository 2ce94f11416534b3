"""Digits drawn anew, and the light on them."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.morphology import skeletonize

from digits.data.mnist import Split
from digits_train.camera import scene
from digits_train.camera.strokes import grain, strokes


@pytest.mark.parametrize("pen", [0.015, 0.04, 0.1, 0.16, 0.25])
def test_stroke_width_matches_pen(pen: float, test_slice: Split) -> None:
    ones = test_slice.images[test_slice.labels == 1][:3]
    for digit in [*ones, *test_slice.images[test_slice.labels == 0][:3]]:
        coverage = strokes(digit, 600, pen, np.random.default_rng(0))
        assert len(coverage) == 600
        ink = np.pad(coverage > 0.5, 1)
        middle = skeletonize(ink)
        width = 2 * np.median(ndimage.distance_transform_edt(ink)[middle])
        assert width == pytest.approx(pen * 600, rel=0.15)


@pytest.mark.parametrize("keep", [0.5, 0.8])
def test_grain_keeps_its_share_of_sharp_strokes(keep: float, test_slice: Split) -> None:
    coverage = strokes(test_slice.images[0], 300, 0.1, np.random.default_rng(0))
    assert coverage.dtype == np.float32 and (coverage.min(), coverage.max()) == (0, 1)
    edges = np.diff(coverage > 0.5, axis=1).sum()
    assert ((coverage > 0.05) & (coverage < 0.95)).sum() / edges < 4
    left = grain(coverage, np.random.default_rng(0), keep)
    assert left.dtype == np.float32 and (left <= coverage).all()
    assert left.sum() / coverage.sum() == pytest.approx(keep, abs=0.06)


def test_light_and_shadow_darken_by_given_share() -> None:
    shape = (90, 160)
    for n in range(6):
        light = scene.light(shape, np.random.default_rng(n), 0.4)
        shadow = scene.shadow(shape, np.random.default_rng(n), 0.4, 0.02)
        for factor, spare in ((light, 0.02), (shadow, 0.05)):
            assert factor.dtype == np.float32
            assert factor.max() == pytest.approx(1, abs=0.01)
            assert factor.min() == pytest.approx(0.6, abs=spare)
