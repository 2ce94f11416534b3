"""From pixels to ink."""

import numpy as np
import pytest

from digits.data.split import Split
from digits.vision.ink import extract_ink, otsu_levels
from tests.synthetic import PAPER, Sheet, chosen, lamp, likeness


@pytest.fixture
def page(test_slice: Split) -> Sheet:
    sheet = Sheet(200, 300)
    sheet.write(chosen(test_slice, "274"), 60, 50, size=90, gap=10)
    return sheet


@pytest.mark.parametrize("inverted", [False, True])
def test_dark_and_light_ink_in_uneven_light(page: Sheet, inverted: bool) -> None:
    photo = page.photograph(light=lamp(200, 300), noise=0)
    found, _ = extract_ink(255 - photo if inverted else photo)
    assert likeness(found, np.asarray(page.ink)) > 0.99


@pytest.mark.parametrize("paper", [0, 255])
def test_flat_picture(page: Sheet, paper: int) -> None:
    mask = np.asarray(page.ink) / 255
    grey = (paper + ((60 if paper > 128 else 220) - paper) * mask).astype(np.uint8)
    assert likeness(extract_ink(grey)[0], mask) > 0.999


@pytest.mark.parametrize(
    ("values", "counts", "levels"),
    [
        ([20, 180], [90, 10], (20, 40, 100, 47)),
        ([10, 30, 180], [45, 45, 10], (20, 40, 100, 50)),  # noise on the paper
        ([0, 150, 220], [94, 3, 3], (0, 23, 93, 31)),  # two inks
    ],
)
def test_levels(values: list[int], counts: list[int], levels: tuple[int, ...]) -> None:
    assert otsu_levels(np.repeat(np.array(values, np.uint8), counts)[None]) == levels


@pytest.mark.parametrize("light", [np.zeros((1, 1)), np.ones((1, 500)), lamp(200, 300)])
def test_no_ink_on_blank_sheet(light: np.ndarray) -> None:
    _, levels = extract_ink((PAPER * light).astype(np.uint8))
    assert levels is None


@pytest.mark.parametrize(("contrast", "visible"), [(4, False), (6, True)])
def test_faint_pen(page: Sheet, contrast: int, visible: bool) -> None:
    """People see a contrast of 2 %."""
    _, levels = extract_ink(page.photograph(ink=PAPER - contrast, noise=0))
    assert (levels is not None) == visible
