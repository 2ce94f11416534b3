import numpy as np
import pytest

from digits.data.mnist import Split
from digits.vision import ink
from tests.synthetic import PAPER, Sheet, chosen, lamp, likeness


@pytest.fixture
def page(test_slice: Split) -> Sheet:
    sheet = Sheet(200, 300)
    sheet.write(chosen(test_slice, "274"), 60, 50, size=90, gap=10)
    return sheet


@pytest.mark.parametrize("inverted", [False, True])
def test_one_side_where_cues_agree(page: Sheet, inverted: bool) -> None:
    photo = page.photograph(light=lamp(200, 300), noise=0)
    [side] = ink.extract(255 - photo if inverted else photo)
    assert likeness(side.ink, np.asarray(page.ink)) > 0.99


def test_unevenness(page: Sheet) -> None:
    """The ink within the box changes nothing: it is the light on the paper that counts."""
    half = np.ones((200, 300))
    half[:, 150:] = 0.6
    [side] = ink.extract(255 - page.photograph(light=half))
    assert side.unevenness(0, 0, 300, 200) == pytest.approx(0.4, abs=0.05)
    assert side.unevenness(20, 20, 120, 180) < 0.05


@pytest.mark.parametrize("paper", [0, 255])
def test_flat_picture_has_one_ink(page: Sheet, paper: int) -> None:
    mask = np.asarray(page.ink) / 255
    grey = (paper + ((60 if paper > 128 else 220) - paper) * mask).astype(np.uint8)
    [side] = ink.extract(grey)
    assert side.flat
    assert (side.ink == side.narrow).all() and (side.ink == side.uncorrected).all()
    assert likeness(side.ink, mask) > 0.999


@pytest.mark.parametrize(
    ("values", "counts", "levels", "darker"),
    [
        ([20, 180], [90, 10], (20, 40, 100, 47), 0),
        ([10, 30, 180], [45, 45, 10], (20, 40, 100, 50), 0),  # noise on the paper
        ([0, 150, 220], [94, 3, 3], (0, 23, 93, 31), 150),  # two inks
    ],
)
def test_levels(values: list[int], counts: list[int], levels: tuple[int, ...], darker: int) -> None:
    picture = np.repeat(np.array(values, np.uint8), counts)[None]
    assert ink.otsu_levels(picture) == levels
    bare = np.zeros((1, values.count(0) * 80), np.uint8)
    assert ink.otsu_levels(picture[:, bare.size :], bare.size) == levels
    assert ink.darker_level(picture, levels[-1]) == darker


@pytest.mark.parametrize("light", [np.zeros((1, 1)), np.ones((1, 500)), lamp(200, 300)])
def test_no_ink_on_blank_sheet(light: np.ndarray) -> None:
    for side in ink.extract((PAPER * light).astype(np.uint8)):
        assert ink.otsu_levels(side.ink) is None
        assert ink.otsu_levels(side.narrow) is None


@pytest.mark.parametrize(("contrast", "visible"), [(4, False), (6, True)])
def test_faint_pen(page: Sheet, contrast: int, visible: bool) -> None:
    """People see a contrast of 2 %."""
    [side] = ink.extract(page.photograph(ink=PAPER - contrast, noise=0))
    assert (ink.otsu_levels(side.ink) is not None) == visible
