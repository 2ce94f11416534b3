from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from digits.data.mnist import Split
from digits.vision import ink
from tests.synthetic import PAPER, Sheet, chosen, lamp, shadow

Light = Callable[[int, int], np.ndarray]


def sheet(split: Split) -> Sheet:
    page = Sheet(200, 300)
    page.write(chosen(split, "274"), 60, 50, size=90, gap=10)
    return page


def on_table(photo: np.ndarray, margin: int, grey: int) -> np.ndarray:
    """Surround the photo by a slightly uneven table."""
    height, width = photo.shape
    random = np.random.default_rng(0)
    shape = height + 2 * margin, width + 2 * margin
    found = random.normal(grey, 2, shape).clip(0, 255).astype(np.uint8)
    found[margin:-margin, margin:-margin] = photo
    return found


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """The correlation of two pictures, 1 when they are equal."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def only(grey: np.ndarray) -> np.ndarray:
    [side] = ink.extract(grey)
    return side.ink


def test_ink_is_pen(test_slice: Split) -> None:
    page = sheet(test_slice)
    found = only(page.photograph())
    assert found.dtype == np.uint8
    assert likeness(found, np.asarray(page.ink)) > 0.99
    assert np.median(found) < 10


@pytest.mark.parametrize("light", [None, lamp])
@pytest.mark.parametrize("noise", [0, 2, 8])
@pytest.mark.parametrize("inverted", [False, True])
def test_one_side_where_cues_agree(
    test_slice: Split, light: Light | None, noise: float, inverted: bool
) -> None:
    factor = None if light is None else light(200, 300)
    photo = sheet(test_slice).photograph(light=factor, noise=noise)
    assert len(ink.extract(255 - photo if inverted else photo)) == 1


@pytest.mark.parametrize("light", [None, lamp, shadow])
def test_light_on_dark(test_slice: Split, light: Light | None) -> None:
    photo = sheet(test_slice).photograph(light=None if light is None else light(200, 300))
    sides, inverted = ink.extract(photo), ink.extract(255 - photo)
    assert len(sides) == len(inverted)
    for side, other in zip(sides, inverted, strict=True):
        assert likeness(side.ink, other.ink) > 0.99
        assert likeness(side.narrow, other.narrow) > 0.99
        assert likeness(side.uncorrected, other.uncorrected) > 0.99


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("margin", [10, 30, 60])
def test_both_sides_of_sheet_on_table(test_slice: Split, inverted: bool, margin: int) -> None:
    """The table is as dark (or light) as the ink, so the border suggests the wrong polarity."""
    page = sheet(test_slice)
    photo = page.photograph()
    picture = on_table(255 - photo if inverted else photo, margin, 230 if inverted else 40)
    sides = ink.extract(picture)
    assert len(sides) == 2
    own = slice(margin, -margin), slice(margin, -margin)
    alike = sorted(likeness(side.ink[own], np.asarray(page.ink)) for side in sides)
    assert alike[0] < -0.9  # the ink of one side is the paper of the other
    assert alike[1] > 0.98


@pytest.mark.parametrize("light", [lamp, shadow])
@pytest.mark.parametrize("pen", [60, 140])
def test_light_and_shadow(test_slice: Split, light: Light, pen: int) -> None:
    page = sheet(test_slice)
    even = ink.extract(page.photograph(ink=pen))[0].ink
    sides = ink.extract(page.photograph(ink=pen, light=light(200, 300)))
    middle = slice(40, 150), slice(50, 250)
    assert max(likeness(side.ink[middle], even[middle]) for side in sides) > 0.95


def test_uncorrected_ink_keeps_light(test_slice: Split) -> None:
    page = sheet(test_slice)
    side = ink.extract(page.photograph(light=lamp(200, 300)))[0]
    corrected, uncorrected = side.ink, side.uncorrected
    # Bare paper in the darkest corner, and in the lightest one.
    assert uncorrected[-20:, -20:].mean() > uncorrected[:20, :20].mean() + 80
    assert abs(corrected[-20:, -20:].mean() - corrected[:20, :20].mean()) < 10


def test_uncorrected_ink_of_tight_crop() -> None:
    """A stroke over most of the picture looks like uneven light; uncorrected ink keeps it."""
    y, x = np.mgrid[-1:1:28j, -1:1:28j]
    photo = np.where(np.abs(x) < 0.6, 40, 220) + 3 * y
    photo += np.random.default_rng(0).normal(0, 2, photo.shape)
    stroke = np.abs(x) < 0.6
    sides = ink.extract(photo.clip(0, 255).astype(np.uint8))
    assert max(likeness(side.uncorrected, stroke) for side in sides) > 0.99


@pytest.mark.parametrize("table", [10, 30])
def test_dark_side_beside_table(test_slice: Split, table: int) -> None:
    """Black on white is likelier, even if most pixels are black."""
    page = sheet(test_slice)
    found = ink.extract(page.photograph(table=table))[0].ink[:160, 40:]
    assert likeness(found, np.asarray(page.ink)[:160, 40:]) > 0.95


@pytest.mark.parametrize("paper", [0, 90, 255])
def test_flat_picture_has_one_ink(test_slice: Split, paper: int) -> None:
    mask = np.asarray(sheet(test_slice).ink) / 255
    grey = (paper + ((60 if paper > 128 else 220) - paper) * mask).astype(np.uint8)
    [side] = ink.extract(grey)
    assert side.flat
    assert side.ink is side.narrow is side.uncorrected
    assert likeness(side.ink, mask) > 0.999
    assert (side.ink == 0).mean() > 0.5


@pytest.mark.parametrize("band", [0.12, 0.2])
def test_narrow_ink_has_no_wide_strokes(test_slice: Split, band: float) -> None:
    """A shadow as narrow as a large digit's stroke isn't a stroke of a small digit."""
    page = sheet(test_slice)
    photo = page.photograph(noise=2).astype(float)
    photo[150:, 40 : 40 + round(band * 300)] *= 0.6
    side = ink.extract(photo.astype(np.uint8))[0]
    shaded = slice(160, None), slice(45, 35 + round(band * 300))
    assert side.ink[shaded].mean() > 60
    assert side.narrow[shaded].mean() < 10
    assert likeness(side.narrow[:145], np.asarray(page.ink)[:145]) > 0.95


def histogram(*levels: tuple[float, float, float]) -> np.ndarray:
    """A picture of 10,000 pixels, with a share, a mean and a noise for each level."""
    random = np.random.default_rng(0)
    values = [random.normal(mean, noise, round(share * 10_000)) for share, mean, noise in levels]
    return np.concatenate(values).clip(0, 255).astype(np.uint8).reshape(100, 100)


@pytest.mark.parametrize("share", [0.005, 0.05, 0.3])
def test_levels_lie_between_paper_and_ink(share: float) -> None:
    levels = ink.otsu_levels(histogram((1 - share, 20, 3), (share, 180, 3)))
    assert levels is not None
    assert levels.paper == pytest.approx(20, abs=1)
    assert levels.threshold == pytest.approx(100, abs=3)
    assert levels.low == pytest.approx(20 + 80 / 3, abs=3)
    assert levels.paper < levels.edge < levels.low


@pytest.mark.parametrize("noise", [2, 5, 10, 15])
def test_low_above_noise(noise: float) -> None:
    levels = ink.otsu_levels(histogram((0.95, 50, noise), (0.05, 130, 2)))
    assert levels is not None
    assert levels.threshold == pytest.approx(90, abs=4)
    assert levels.low == pytest.approx(50 + max(40 / 3, min(3 * noise, 40)), abs=4)


@pytest.mark.parametrize("fainter", [40, 70, 100])
def test_dark_level_between_two_inks(fainter: int) -> None:
    levels = ink.otsu_levels(histogram((0.8, 5, 1), (0.1, fainter, 3), (0.1, 220, 3)))
    assert levels is not None
    assert fainter + 5 < levels.dark < 210


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (28, 28), (300, 200)])
@pytest.mark.parametrize("value", [0, 128, 255])
def test_no_ink_on_even_sheet(shape: tuple[int, int], value: int) -> None:
    for side in ink.extract(np.full(shape, value, np.uint8)):
        assert ink.otsu_levels(side.ink) is None
        assert ink.otsu_levels(side.uncorrected) is None


@pytest.mark.parametrize("light", [lamp, lambda *shape: np.linspace([1] * shape[1], 0.5, shape[0])])
def test_no_ink_on_blank_sheet_under_lamp(light: Light) -> None:
    page = (PAPER * light(200, 300)).astype(np.uint8)
    for side in ink.extract(page):
        assert ink.otsu_levels(side.ink) is None
        assert ink.otsu_levels(side.narrow) is None


def slight(height: int, width: int) -> np.ndarray:
    """It is slightly darker on the right."""
    return np.linspace(1, 0.9, width)[None, :].repeat(height, 0)


@pytest.mark.parametrize("light", [None, slight])
@pytest.mark.parametrize(("contrast", "visible"), [(0, False), (1, False), (8, True), (20, True)])
def test_faint_pen_without_noise(
    test_slice: Split, light: Light | None, contrast: int, visible: bool
) -> None:
    """People see a contrast of 2 %."""
    page = sheet(test_slice)
    factor = None if light is None else light(200, 300)
    photo = page.photograph(ink=PAPER - contrast, noise=0, light=factor)
    found = ink.extract(photo)[0].ink
    levels = ink.otsu_levels(found)
    assert (levels is not None) == visible
    if levels is not None:
        assert likeness(found > levels.threshold, np.asarray(page.ink) > 128) > 0.7


def test_shadow_edge_hardly_ink() -> None:
    page = PAPER * shadow(300, 400)
    assert np.quantile(ink.extract(page.astype(np.uint8))[0].ink, 0.95) < 15


@settings(max_examples=200)
@given(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=200))
    | hnp.arrays(
        np.uint8,
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20),
        elements=st.integers(0, 255),
    )
)
def test_any_grey_picture(grey: np.ndarray) -> None:
    before = grey.copy()
    sides = ink.extract(grey)
    assert len(sides) in (1, 2)
    for found in (one for side in sides for one in (side.ink, side.narrow, side.uncorrected)):
        assert found.shape == grey.shape
        assert found.dtype == np.uint8
        with np.errstate(all="raise"):
            levels = ink.otsu_levels(found)
        if levels is not None:
            assert np.isfinite(levels).all()
            assert 0 <= levels.paper <= levels.edge <= levels.threshold
            assert levels.edge <= levels.low <= levels.threshold
            assert (found > levels.threshold).any()
    assert (grey == before).all()


def test_morphological_close() -> None:
    row = np.array([[9, 9, 1, 9, 9, 2, 2, 2, 2, 9]], np.float32)
    closed = ink._close(row, 1)
    assert closed.tolist() == [[9, 9, 9, 9, 9, 2, 2, 2, 2, 9]]
    assert ink._close(row.T, 1).tolist() == closed.T.tolist()
    assert (ink._close(row, 20) == 9).all()


def test_background_fit_rounding(monkeypatch: pytest.MonkeyPatch, test_slice: Split) -> None:
    """Fits differ between processors (measured: by 0.001)."""
    photo = sheet(test_slice).photograph(light=lamp(200, 300), noise=0)
    before = only(photo)
    fit = ink._fit_background
    random = np.random.default_rng(0)

    def elsewhere(small: np.ndarray) -> np.ndarray:
        return fit(small) + random.normal(0, 0.001, small.shape).astype(np.float32)

    monkeypatch.setattr(ink, "_fit_background", elsewhere)
    changed = np.abs(only(photo).astype(int) - before)
    assert changed.max() <= 1
    assert changed.mean() < 0.01


def test_flat_paper_without_fit(monkeypatch: pytest.MonkeyPatch, test_slice: Split) -> None:
    """So that an MNIST digit gives the same ink on every processor."""
    grey = 255 - test_slice.images[0]
    before = only(grey)
    monkeypatch.setattr(ink, "_fit_background", lambda small: small * np.nan)
    np.testing.assert_array_equal(only(grey), before)
