"""Where a form's sheet is in a picture."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from digits.errors import DataError
from digits.forms.form import Field, Form
from digits.forms.homography import project, rectify
from digits.forms.locate import SheetNotFound, find_sheet, load_blank
from digits.images.grey import Grey
from digits.reader.detections import Floats

SCALE = 4  # pixels a millimetre of the drawn sheets
BOX = 4.0, 100.0, 54.0, 115.0
MARKED = Form((210, 297), (Field("q3", BOX),), marker_set=7)
CORNERS = np.array([BOX[:2], BOX[2:]])


def marked(*hidden: int, form: Form = MARKED) -> Grey:
    family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    image = Image.new("L", (210 * SCALE, 297 * SCALE), 235)
    for corner, (number, box) in enumerate(form.marker_boxes.items()):
        if corner not in hidden:
            mark = cv2.aruco.generateImageMarker(family, number, 12 * SCALE)
            image.paste(Image.fromarray(mark), (round(box[0] * SCALE), round(box[1] * SCALE)))
    ImageDraw.Draw(image).rectangle([side * SCALE for side in BOX], fill=0)
    return np.asarray(image)


def printed(seed: int) -> Grey:
    """A form with a heading that all have, and lines and boxes that each has elsewhere."""
    random = np.random.default_rng(seed)
    image = Image.new("L", (840, 1188), 235)
    draw = ImageDraw.Draw(image)
    draw.text((80, 80), "Examination in mathematics", 20, font_size=44)
    for top in range(180, 1100, 70):
        words = "".join(random.choice([*"abcdefghijklmnopqrstuvwxyz   "], 12))
        left = int(random.integers(60, 300))
        draw.text((left, top), words, 20, font_size=26)
        right = left + int(random.integers(300, 450))
        draw.rectangle((left + 230, top, right, top + 40), outline=40, width=2)
    return np.asarray(image)


def photograph(sheet: Grey, turns: int = 0, tilt: float = 0.2) -> tuple[Grey, Floats]:
    """A sheet on a grey table, seen aslant, in uneven light; and the homography to it."""
    height, width = sheet.shape
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    slanted = np.array([(tilt, tilt / 3), (1 - tilt, 0), (1, 1), (0, 1 - tilt / 3)]) * (1000, 1300)
    target = (slanted + 120).astype(np.float32)
    matrix = np.asarray(cv2.getPerspectiveTransform(corners, target), np.float64)
    warped = cv2.warpPerspective(sheet, matrix, (1240, 1540), borderValue=90)
    light = np.asarray(np.linspace(0.5, 1, 1240) * warped, np.float64)
    noise = np.random.default_rng(0).normal(0, 4, warped.shape)
    lit = np.asarray(cv2.GaussianBlur(light, (0, 0), 1) + noise)
    page: Grey = np.asarray(lit.clip(0, 255), np.uint8)
    for _ in range(turns):
        matrix = np.array([[0, 1, 0], [-1, 0, page.shape[1]], [0, 0, 1]]) @ matrix
        page = np.ascontiguousarray(np.rot90(page))
    return page, matrix


@pytest.mark.parametrize("turns", range(4))
def test_markers_give_the_place_of_a_field(turns: int) -> None:
    page, matrix = photograph(marked(*[3] * (turns == 1)), turns)
    homography, note = find_sheet(MARKED, page)
    expected = project(matrix, CORNERS * SCALE)
    np.testing.assert_allclose(project(homography, CORNERS), expected, atol=1.5)
    assert note == ("the lower left marker is missing or hidden" if turns == 1 else "")
    crop, to_page = rectify(page, homography, BOX)
    assert crop[3:-3, 3:-3].max() < 60  # the black box, all of it and alone
    ends = project(to_page, np.array([[0, 0], crop.shape[::-1]], np.float64))
    np.testing.assert_allclose(ends, expected, atol=1.5)


other = Form(MARKED.size, MARKED.fields, marker_set=8)
REFUSED: dict[str, Callable[[], Grey]] = {
    "field q3 is cut off": lambda: marked()[:, 20:],
    "2 of the four markers are seen": lambda: marked(0, 1),
    "0 of the four": lambda: np.zeros((1, 1), np.uint8),
    "two sheets": lambda: np.hstack([marked(), marked()]),
    "two sheets are": lambda: np.hstack([marked(0), marked(1, 2, 3)]),
    "markers are those of another form": lambda: marked(form=other),
}


@pytest.mark.parametrize("message", REFUSED)
def test_sheet_that_markers_do_not_show_is_refused(message: str) -> None:
    with pytest.raises(SheetNotFound, match=message):
        find_sheet(MARKED, REFUSED[message]())


@pytest.mark.slow
def test_blank_finds_its_sheets_and_no_other(tmp_path: Path) -> None:
    Image.fromarray(printed(1)).save(tmp_path / "blank.png")
    field = Field("q3", (300, 300, 500, 350))
    form = Form((840, 1188), (field,), "blank", blank=tmp_path / "blank.png")
    corners = np.array([[300, 300], [500, 350.0]])
    for turns in (0, 3):
        page, matrix = photograph(printed(1), turns)
        place = project(find_sheet(form, page)[0], corners)
        np.testing.assert_allclose(place, project(matrix, corners), atol=2)
    other, (alone, _) = photograph(printed(2))[0], photograph(printed(1))
    for picture in (other, np.zeros((1, 1), np.uint8), page[:, ::-1].copy()):
        with pytest.raises(SheetNotFound, match="print isn't seen"):
            find_sheet(form, picture)
    with pytest.raises(SheetNotFound, match="two sheets"):
        find_sheet(form, np.hstack([alone, alone]))
    Image.new("L", (840, 1188), 255).save(tmp_path / "blank.png")
    changed = Form(form.size, (), "blank", blank=form.blank)
    with pytest.raises(DataError, match="print sheets with markers"):
        load_blank(changed)
    (tmp_path / "blank.png").unlink()
    with pytest.raises(DataError, match="blank.png"):
        load_blank(changed)


def test_fixed_camera_scales_its_form() -> None:
    form = Form((400, 300), (Field("board", (100, 100, 300, 150)),), "fixed")
    homography, _ = find_sheet(form, np.zeros((600, 800), np.uint8))
    np.testing.assert_allclose(homography, np.diag([2, 2, 1]))
    with pytest.raises(SheetNotFound, match="same camera"):
        find_sheet(form, np.zeros((600, 850), np.uint8))
