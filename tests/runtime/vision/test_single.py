import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

from digits.data.mnist import Split
from digits.errors import PictureError
from digits.vision import ink
from digits.vision.frame import frame
from digits.vision.single import Found, find, framed
from tests.drawn import Sheet, chosen, lamp


def found(photo: np.ndarray) -> Found:
    found = find(ink.extract(photo))
    assert isinstance(found, Found)
    return found


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Mean difference of the digits' frames (0 to 255), at the best of the nine places around.

    The centre of mass may fall on either side of the line between two pixels.
    """
    shifts = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    frames = [frame(found(photo).digit.ink).astype(int) for photo in (one, other)]
    return min(
        float(np.abs(np.roll(frames[0], shift, (0, 1)) - frames[1]).mean()) for shift in shifts
    )


def sheet(split: Split, digit: str = "5", size: int = 110) -> Sheet:
    page = Sheet(200, 200)
    page.write(chosen(split, digit), 70, 40, size)
    return page


def test_the_digit_is_found_where_it_is(test_slice: Split) -> None:
    for digit in "0123456789":
        page = Sheet(200, 200)
        [expected] = page.write(chosen(test_slice, digit), 70, 40, size=110)
        box = found(page.photograph()).digit.box
        np.testing.assert_allclose(
            (box.left, box.top, box.right, box.bottom), expected, atol=5, err_msg=digit
        )


def test_light_that_falls_off_changes_little(test_slice: Split) -> None:
    page = sheet(test_slice)
    assert difference(page.photograph(), page.photograph(light=lamp(200, 200))) < 5


def test_specks_and_a_border_are_not_the_digit(test_slice: Split) -> None:
    clean = sheet(test_slice).photograph()
    dirty = clean.copy()
    dirty[5:9, 5:9] = 20
    dirty[-4:] = 60
    dirty[:, :3] = 60
    assert difference(clean, dirty) < 5


def test_a_digit_in_pieces_stays_one(test_slice: Split) -> None:
    photo = sheet(test_slice, "7").photograph()
    box = found(photo).digit.box
    middle = (box.top + box.bottom) // 2
    photo[middle - 2 : middle + 2] = 215
    assert found(photo).digit.box == pytest.approx(box, abs=2) or (
        found(photo).digit.box.height > 0.95 * box.height
    )


def test_a_neighbour_is_another_digit(test_slice: Split) -> None:
    page = Sheet(200, 400)
    page.write(chosen(test_slice, "52"), 80, 40, size=110, gap=90)
    seen = found(page.photograph())
    assert len(seen.parts) == 2 or len(seen.others) == 1
    assert not seen.crowded


def test_a_page_is_crowded(test_slice: Split) -> None:
    page = Sheet()
    for top in range(30, 400, 90):
        page.write(chosen(test_slice, "31415926"), 60, top)
    assert found(page.photograph()).crowded


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_sheet_has_none(level: int) -> None:
    grey = np.full((60, 60), level, np.uint8)
    assert find(ink.extract(grey)) == "no ink is found on it"
    with pytest.raises(PictureError, match="the array: no ink is found on it"):
        framed(grey)


def test_a_speck_is_no_digit() -> None:
    photo = np.full((60, 60), 230, np.uint8)
    photo[30, 30] = 0
    ink_alone = np.where(photo < 100, 255, 0).astype(np.uint8)
    assert find(ink_alone[29:31, 30:31]) == "what is on it is too small to be a digit"


@settings(deadline=None)
@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40)))
def test_any_grey_picture_gives_a_digit_or_a_reason(grey: np.ndarray) -> None:
    answer = find(ink.extract(grey))
    if isinstance(answer, str):
        return
    digit = answer.digit
    assert 0 <= digit.box.left < digit.box.right <= grey.shape[1]
    assert 0 <= digit.box.top < digit.box.bottom <= grey.shape[0]
    assert digit.ink.shape == (digit.box.height, digit.box.width)
