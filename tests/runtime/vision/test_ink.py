import numpy as np
import pytest

from digits.data.mnist import Split
from digits.vision import ink
from tests.synthetic import PAPER, Sheet, chosen, lamp, likeness

EVEN = np.ones((200, 300))


@pytest.fixture
def page(test_slice: Split) -> Sheet:
    sheet = Sheet(200, 300)
    sheet.write(chosen(test_slice, "274"), 60, 50, size=90, gap=10)
    return sheet


@pytest.mark.parametrize("light", [EVEN, lamp(200, 300)], ids=["even", "lamp"])
@pytest.mark.parametrize("noise", [0, 8])
@pytest.mark.parametrize("inverted", [False, True])
def test_one_side_where_cues_agree(
    page: Sheet, light: np.ndarray, noise: float, inverted: bool
) -> None:
    photo = page.photograph(light=light, noise=noise)
    [side] = ink.extract(255 - photo if inverted else photo)
    assert likeness(side.ink, np.asarray(page.ink)) > (0.99 if noise < 5 else 0.85)


def test_unevenness(page: Sheet) -> None:
    """The ink within the box changes nothing: it is the light on the paper that counts."""
    half = EVEN.copy()
    half[:, 150:] = 0.6
    [side] = ink.extract(255 - page.photograph(light=half))
    assert side.unevenness(0, 0, 300, 200) == pytest.approx(0.4, abs=0.05)
    assert side.unevenness(20, 20, 120, 180) < 0.05
    assert ink.extract(np.full((40, 40), 200, np.uint8))[0].unevenness(0, 0, 40, 40) == 0


@pytest.mark.parametrize("paper", [0, 90, 255])
def test_flat_picture_has_one_ink(page: Sheet, paper: int) -> None:
    mask = np.asarray(page.ink) / 255
    grey = (paper + ((60 if paper > 128 else 220) - paper) * mask).astype(np.uint8)
    [side] = ink.extract(grey)
    assert side.flat
    assert (side.ink == side.narrow).all() and (side.ink == side.uncorrected).all()
    assert likeness(side.ink, mask) > 0.999
    assert (side.ink == 0).mean() > 0.5


@pytest.mark.parametrize("band", [0.12, 0.2])
def test_shadow_as_narrow_as_a_large_stroke_is_no_narrow_ink(page: Sheet, band: float) -> None:
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


@pytest.mark.parametrize("share", [0.005, 0.3])
def test_levels_lie_between_paper_and_ink(share: float) -> None:
    levels = levels_of((1 - share, 20, 3), (share, 180, 3))
    assert levels.paper == pytest.approx(20, abs=1)
    assert levels.threshold == pytest.approx(100, abs=3)
    assert levels.low == pytest.approx(20 + 80 / 3, abs=3)
    assert levels.paper < levels.edge < levels.low
    levels = levels_of((0.8, 5, 1), (0.1, 100, 3), (0.1, 220, 3))
    assert 105 < levels.dark < 210  # between two inks


@pytest.mark.parametrize(
    "photo",
    [
        *(np.full(shape, 128) for shape in ((1, 1), (1, 500), (500, 1))),
        *(np.full((300, 200), value) for value in (0, 255)),
        PAPER * lamp(200, 300),
        PAPER * np.linspace([1] * 300, 0.5, 200),
    ],
    ids=lambda photo: f"{photo.shape} {photo.mean():.0f}",
)
def test_no_ink_on_blank_sheet(photo: np.ndarray) -> None:
    for side in ink.extract(photo.astype(np.uint8)):
        assert ink.otsu_levels(side.ink) is None
        assert ink.otsu_levels(side.narrow) is None


@pytest.mark.parametrize("light", [EVEN, EVEN * np.linspace(1, 0.9, 300)], ids=["even", "slight"])
@pytest.mark.parametrize(("contrast", "visible"), [(1, False), (8, True)])
def test_faint_pen_without_noise(
    page: Sheet, light: np.ndarray, contrast: int, visible: bool
) -> None:
    """People see a contrast of 2 %."""
    photo = page.photograph(ink=PAPER - contrast, noise=0, light=light)
    side = ink.extract(photo)[0]
    levels = ink.otsu_levels(side.ink)
    assert (levels is not None) == visible
    if levels is not None:
        assert likeness(side.ink > levels.threshold, np.asarray(page.ink) > 128) > 0.7
