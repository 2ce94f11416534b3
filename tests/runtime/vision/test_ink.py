import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

from digits.data.mnist import Split
from digits.vision import ink
from tests.drawn import PAPER, Sheet, chosen, lamp, shadow


def sheet(split: Split) -> Sheet:
    page = Sheet(200, 300)
    page.write(chosen(split, "274"), 60, 50, size=90, gap=10)
    return page


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of two pictures: 1 when they are the same."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def test_ink_is_what_the_pen_drew(test_slice: Split) -> None:
    page = sheet(test_slice)
    found = ink.extract(page.photograph())
    assert found.dtype == np.uint8
    assert likeness(found, np.asarray(page.ink)) > 0.98
    assert np.median(found) < 10


def test_light_on_dark_is_the_same(test_slice: Split) -> None:
    photo = sheet(test_slice).photograph()
    assert likeness(ink.extract(255 - photo), ink.extract(photo)) > 0.98


@pytest.mark.parametrize("light", [lamp, shadow])
@pytest.mark.parametrize("pen", [60, 140])
def test_light_and_shadow_change_little(test_slice: Split, light: object, pen: int) -> None:
    page = sheet(test_slice)
    even = ink.extract(page.photograph(ink=pen))
    uneven = ink.extract(page.photograph(ink=pen, light=light(200, 300)))  # type: ignore[operator]
    middle = slice(40, 150), slice(50, 250)
    assert likeness(uneven[middle], even[middle]) > 0.95


def test_a_table_beside_the_sheet_keeps_the_ink_dark(test_slice: Split) -> None:
    """Black on white stays so, though black is most of what is far from white."""
    page = sheet(test_slice)
    found = ink.extract(page.photograph(table=30))[:160, 40:]
    assert likeness(found, np.asarray(page.ink)[:160, 40:]) > 0.95


@pytest.mark.parametrize("share", [0.005, 0.05, 0.3])
def test_levels_lie_between_paper_and_ink(share: float) -> None:
    random = np.random.default_rng(0)
    picture = random.normal(8, 3, (100, 100)).clip(0, 255)
    picture.ravel()[: round(share * 10_000)] = 180
    levels = ink.levels(picture.astype(np.uint8))
    assert levels is not None
    assert 80 < levels.threshold < 110  # half-way from 8 to 180
    assert 2 < levels.noise < 4
    assert 3 * levels.noise <= levels.faint <= levels.threshold


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (28, 28), (300, 200)])
@pytest.mark.parametrize("value", [0, 128, 255])
def test_an_even_sheet_has_no_ink(shape: tuple[int, int], value: int) -> None:
    assert ink.levels(ink.extract(np.full(shape, value, np.uint8))) is None


def test_a_shaded_noisy_sheet_has_no_ink() -> None:
    random = np.random.default_rng(0)
    page = np.linspace(250, 120, 300)[None, :] + random.normal(0, 2, (200, 300))
    assert ink.levels(ink.extract(page.clip(0, 255).astype(np.uint8))) is None


def test_the_edge_of_a_shadow_is_hardly_ink() -> None:
    page = PAPER * shadow(300, 400)
    assert np.quantile(ink.extract(page.astype(np.uint8)), 0.95) < 15


@settings(deadline=None)
@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=200)))
def test_any_grey_picture_has_as_much_ink_as_pixels(grey: np.ndarray) -> None:
    found = ink.extract(grey)
    assert (found.shape, found.dtype) == (grey.shape, np.uint8)
    levels = ink.levels(found)
    assert levels is None or (found > levels.threshold).any()


def test_closing_fills_what_is_narrow_and_keeps_what_is_wide() -> None:
    row = np.array([[9, 9, 1, 9, 9, 2, 2, 2, 2, 9]], np.float32)
    closed = ink._closed(row, 1)
    assert closed.tolist() == [[9, 9, 9, 9, 9, 2, 2, 2, 2, 9]]
    assert ink._closed(row.T, 1).tolist() == closed.T.tolist()
    assert (ink._closed(row, 20) == 9).all()


def test_the_last_digits_of_the_fit_don_t_show(
    monkeypatch: pytest.MonkeyPatch, test_slice: Split
) -> None:
    """They differ from processor to processor (measured: by 0.001)."""
    grey = 255 - test_slice.images[0]
    found = ink.extract(grey)
    smooth = ink._smooth
    error = np.random.default_rng(0).normal(0, 0.001, grey.shape).astype(np.float32)
    monkeypatch.setattr(ink, "_smooth", lambda small: smooth(small) + error)
    np.testing.assert_array_equal(ink.extract(grey), found)
