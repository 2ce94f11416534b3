"""Pictures of one digit, of several and of none match what is said of them."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from digits.data.mnist import Split
from digits_train.camera.materials import Materials
from digits_train.camera.single import KINDS, NONE, SEVERAL, Single
from digits_train.raster import ink_box
from tests.train import small_materials


@pytest.fixture(scope="module")
def materials(train_slice: Split) -> Materials:
    return small_materials.make(train_slice, 200)


def pictures(kind: str, materials: Materials, **ranges: float) -> list[Single]:
    materials = materials._replace(ranges=replace(materials.ranges, **ranges))  # type: ignore[arg-type]
    return [KINDS[kind](np.random.default_rng(seed), materials) for seed in range(40)]


@pytest.mark.parametrize(
    ("kind", "labels"),
    [("digit", set(range(10))), ("several", {SEVERAL}), ("other", {NONE}), ("blank", {NONE})],
)
def test_pictures_match_their_kind(kind: str, labels: set[int], materials: Materials) -> None:
    shown = pictures(kind, materials)
    assert {picture.label for picture in shown} == labels
    for picture in shown:
        assert picture.pixels.dtype == np.uint8 and picture.ink.dtype == bool
        assert picture.pixels.shape == picture.ink.shape
    written = [bool(picture.ink.any()) for picture in shown]
    assert np.mean(written) > 0.9 if kind != "blank" else not any(written)
    if kind == "digit":  # thumbnails and photographs of either polarity
        heights = [len(picture.pixels) for picture in shown]
        assert min(heights) < 20 and 400 < max(heights) <= 640
        lighter = [np.median(pixels[ink]) > np.median(pixels) for pixels, _, ink in shown]
        assert 0.1 < np.mean(lighter) < 0.6


@pytest.mark.parametrize("neighbours", [0.0, 1.0])
def test_ink_is_the_digit_and_no_neighbour(neighbours: float, materials: Materials) -> None:
    """In drawn pictures, all that isn't the ground is ink; of a neighbour only the end is seen."""
    beside = []
    shown = pictures("digit", materials, drawn=1.0, boxed=0.0, neighbour=neighbours)
    for pixels, _, ink in shown:
        levels, counts = np.unique(pixels[~ink], return_counts=True)
        contrast = np.abs(pixels.astype(int) - levels[counts.argmax()])
        drawn = contrast > 0.4 * contrast[ink].max()
        others = drawn & ~ndimage.binary_dilation(ink, iterations=2)
        beside.append(bool(others.any()))
        assert drawn[ink].mean() > 0.7
        columns, rows = ink_box(others)[1], ink_box(ink)[0]
        assert columns.stop - columns.start < max(4, 0.4 * (rows.stop - rows.start))
    assert np.mean(beside) > 0.6 if neighbours else not any(beside)
