from collections.abc import Callable

import numpy as np
import pytest

from digits.data.mnist import Split
from digits.vision import ink
from tests.runtime.vision.drawn import likeness, sheet
from tests.synthetic import PAPER, Sheet, lamp

Light = Callable[[int, int], np.ndarray]


def even(height: int, width: int) -> np.ndarray:
    return np.ones((height, width))


def slight(height: int, width: int) -> np.ndarray:
    """It is slightly darker on the right."""
    return np.linspace(1, 0.9, width)[None, :].repeat(height, 0)


@pytest.fixture
def page(test_slice: Split) -> Sheet:
    return sheet(test_slice, "274", 90)


def inverted(photo: np.ndarray, is_inverted: bool) -> np.ndarray:
    return 255 - photo if is_inverted else photo


@pytest.mark.parametrize("light", [even, lamp])
@pytest.mark.parametrize("noise", [0, 2, 8])
@pytest.mark.parametrize("is_inverted", [False, True])
def test_one_side_where_cues_agree(
    page: Sheet, light: Light, noise: float, is_inverted: bool
) -> None:
    photo = page.photograph(light=light(200, 300), noise=noise)
    [side] = ink.extract(inverted(photo, is_inverted))
    assert likeness(side.ink, np.asarray(page.ink)) > (0.99 if noise < 5 else 0.85)


@pytest.mark.parametrize("is_inverted", [False, True])
def test_unevenness(page: Sheet, is_inverted: bool) -> None:
    """The ink within the box changes nothing: it is the light on the paper that counts."""
    half = np.ones((200, 300))
    half[:, 150:] = 0.6
    lit = page.photograph(light=half)
    [side] = ink.extract(inverted(lit, is_inverted))
    assert side.unevenness(0, 0, 300, 200) == pytest.approx(0.4, abs=0.05)
    assert side.unevenness(20, 20, 120, 180) < 0.05
    assert ink.extract(np.full((40, 40), 200, np.uint8))[0].unevenness(0, 0, 40, 40) == 0


@pytest.mark.parametrize("paper", [0, 90, 255])
def test_flat_picture_has_one_ink(page: Sheet, paper: int) -> None:
    mask = np.asarray(page.ink) / 255
    grey = (paper + ((60 if paper > 128 else 220) - paper) * mask).astype(np.uint8)
    [side] = ink.extract(grey)
    assert side.flat
    assert side.ink is side.narrow is side.uncorrected
    assert likeness(side.ink, mask) > 0.999
    assert (side.ink == 0).mean() > 0.5


@pytest.mark.parametrize("band", [0.12, 0.2])
def test_narrow_ink_has_no_wide_strokes(page: Sheet, band: float) -> None:
    """A shadow as narrow as a large digit's stroke isn't a stroke of a small digit."""
    photo = page.photograph(noise=2).astype(float)
    photo[150:, 40 : 40 + round(band * 300)] *= 0.6
    side = ink.extract(photo.astype(np.uint8))[0]
    shaded = slice(160, None), slice(45, 35 + round(band * 300))
    assert side.ink[shaded].mean() > 60
    assert side.narrow[shaded].mean() < 10
    assert likeness(side.narrow[:145], np.asarray(page.ink)[:145]) > 0.95


def levels_of(*classes: tuple[float, float, float]) -> ink.Levels:
    """Of a picture of 10,000 pixels, with a share, a mean and a noise for each class."""
    random = np.random.default_rng(0)
    values = [random.normal(mean, noise, round(share * 10_000)) for share, mean, noise in classes]
    picture = np.concatenate(values).clip(0, 255).astype(np.uint8).reshape(100, 100)
    levels = ink.otsu_levels(picture)
    assert levels is not None
    return levels


@pytest.mark.parametrize("share", [0.005, 0.05, 0.3])
def test_levels_lie_between_paper_and_ink(share: float) -> None:
    levels = levels_of((1 - share, 20, 3), (share, 180, 3))
    assert levels.paper == pytest.approx(20, abs=1)
    assert levels.threshold == pytest.approx(100, abs=3)
    assert levels.low == pytest.approx(20 + 80 / 3, abs=3)
    assert levels.paper < levels.edge < levels.low


@pytest.mark.parametrize("fainter", [40, 70, 100])
def test_dark_level_between_two_inks(fainter: int) -> None:
    levels = levels_of((0.8, 5, 1), (0.1, fainter, 3), (0.1, 220, 3))
    assert fainter + 5 < levels.dark < 210


@pytest.mark.parametrize(
    "photo",
    [
        *(np.full(shape, 128) for shape in ((1, 1), (1, 500), (500, 1), (28, 28))),
        *(np.full((300, 200), value) for value in (0, 128, 255)),
        PAPER * lamp(200, 300),
        PAPER * np.linspace([1] * 300, 0.5, 200),
    ],
    ids=lambda photo: f"{photo.shape} {photo.mean():.0f}",
)
def test_no_ink_on_blank_sheet(photo: np.ndarray) -> None:
    for side in ink.extract(photo.astype(np.uint8)):
        assert ink.otsu_levels(side.ink) is None
        assert ink.otsu_levels(side.narrow) is None


@pytest.mark.parametrize("light", [even, slight])
@pytest.mark.parametrize(("contrast", "visible"), [(0, False), (1, False), (8, True), (20, True)])
def test_faint_pen_without_noise(page: Sheet, light: Light, contrast: int, visible: bool) -> None:
    """People see a contrast of 2 %."""
    photo = page.photograph(ink=PAPER - contrast, noise=0, light=light(200, 300))
    side = ink.extract(photo)[0]
    levels = ink.otsu_levels(side.ink)
    assert (levels is not None) == visible
    if levels is not None:
        assert likeness(side.ink > levels.threshold, np.asarray(page.ink) > 128) > 0.7


def test_morphological_close() -> None:
    row = np.array([[9, 9, 1, 9, 9, 2, 2, 2, 2, 9]], np.float32)
    closed = ink.close(row, 1)
    assert closed.tolist() == [[9, 9, 9, 9, 9, 2, 2, 2, 2, 9]]
    assert ink.close(row.T, 1).tolist() == closed.T.tolist()
    assert (ink.close(row, 20) == 9).all()
