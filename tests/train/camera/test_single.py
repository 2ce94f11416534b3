"""Pictures of one digit, of several and of none match what is said of them."""

import numpy as np
import pytest
from scipy import ndimage

from digits.data.mnist import Split
from digits_train.camera import single
from digits_train.camera.single import KINDS, NONE, SEVERAL, Single
from digits_train.camera.window import Materials
from digits_train.raster import ink_box
from tests.train import small_materials

COUNT = 40


@pytest.fixture(scope="module")
def materials(train_slice: Split) -> Materials:
    return small_materials.make(train_slice, 200)


def pictures(kind: str, materials: Materials) -> list[Single]:
    return [KINDS[kind](np.random.default_rng(seed), materials) for seed in range(COUNT)]


@pytest.mark.parametrize(
    ("kind", "labels"),
    [("digit", set(range(10))), ("several", {SEVERAL}), ("other", {NONE}), ("blank", {NONE})],
)
def test_pictures_match_their_kind_and_seed(
    kind: str, labels: set[int], materials: Materials
) -> None:
    shown = pictures(kind, materials)
    assert {picture.label for picture in shown} == labels
    for picture, again in zip(shown, pictures(kind, materials), strict=True):
        assert picture.pixels.dtype == np.uint8 and picture.ink.dtype == bool
        assert picture.pixels.shape == picture.ink.shape
        assert np.array_equal(picture.pixels, again.pixels)
        assert np.array_equal(picture.ink, again.ink)
    written = [bool(picture.ink.any()) for picture in shown]
    assert np.mean(written) > 0.9 if kind != "blank" else not any(written)


def test_digits_are_thumbnails_and_photographs_of_either_polarity(materials: Materials) -> None:
    shown = pictures("digit", materials)
    heights = [picture.pixels.shape[0] for picture in shown]
    assert min(heights) < 20 and 400 < max(heights) <= 640
    lighter = [np.median(pixels[ink]) > np.median(pixels) for pixels, _, ink in shown]
    assert 0.1 < np.mean(lighter) < 0.6


@pytest.mark.parametrize("neighbours", [0.0, 1.0])
def test_ink_is_the_digit_and_no_neighbour(
    neighbours: float, materials: Materials, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In drawn pictures, all that isn't the ground is ink; of a neighbour only the end is seen."""
    for name, share in (("_DRAWN", 1.0), ("_FRAMES", 0.0), ("_NEIGHBOURS", neighbours)):
        monkeypatch.setattr(single, name, share)
    beside = []
    for pixels, _, ink in pictures("digit", materials):
        levels, counts = np.unique(pixels[~ink], return_counts=True)
        contrast = np.abs(pixels.astype(int) - levels[counts.argmax()])
        drawn = contrast > 0.4 * contrast[ink].max()
        others = drawn & ~ndimage.binary_dilation(ink, iterations=2)
        beside.append(bool(others.any()))
        assert drawn[ink].mean() > 0.7
        columns, rows = ink_box(others)[1], ink_box(ink)[0]
        assert columns.stop - columns.start < max(4, 0.4 * (rows.stop - rows.start))
    assert np.mean(beside) > 0.6 if neighbours else not any(beside)
