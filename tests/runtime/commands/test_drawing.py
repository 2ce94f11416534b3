import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits import Classifier
from digits.commands import drawing
from digits.data.mnist import Split
from digits.errors import DigitsError
from tests.drawn import Sheet, chosen


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier()


def test_boxes_are_drawn_around_the_digits(
    classifier: Classifier, test_slice: Split, tmp_path: Path
) -> None:
    sheet = Sheet()
    boxes = sheet.write(chosen(test_slice, "2718"), 120, 200)
    grey = sheet.photograph()
    Image.fromarray(np.dstack([grey] * 3)).save(tmp_path / "page.png")
    digits = classifier.read(tmp_path / "page.png").digits
    image = np.asarray(drawing.annotated(tmp_path / "page.png", digits)).astype(int)
    assert image.shape == (*grey.shape, 3)
    coloured = np.ptp(image, axis=2) > 60
    rows, columns = np.flatnonzero(coloured.any(1)), np.flatnonzero(coloured.any(0))
    assert columns[0] == pytest.approx(boxes[0][0], abs=5)
    assert columns[-1] == pytest.approx(boxes[-1][2], abs=12)
    assert 150 < rows[0] < rows[-1] < 260


@pytest.mark.parametrize("name", ["2.jpg", "4.png", "6.gif", "8.tif", "9.webp"])
def test_any_picture_can_be_annotated(
    classifier: Classifier, pictures: list[Path], name: str
) -> None:
    [path] = [path for path in pictures if path.name == name]
    for source in (path, path.read_bytes()):
        prediction = classifier.predict(source)
        image = drawing.annotated(source, [prediction])
        assert image.mode == "RGB"
        assert (np.ptp(np.asarray(image).astype(int), axis=2) > 60).any()
        left, top, right, bottom = prediction.box
        assert right <= image.width * 8 and bottom <= image.height * 8
        assert right > left and bottom > top


def test_the_steps_are_side_by_side(classifier: Classifier, pictures: list[Path]) -> None:
    strip = drawing.steps(pictures[7], classifier.predict(pictures[7]))
    assert strip.width > 4 * 224
    assert len(np.unique(np.asarray(strip))) > 50


def test_the_steps_of_a_blank_page(classifier: Classifier) -> None:
    blank = np.full((50, 50), 200, np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(blank).save(buffer, "PNG")
    prediction = classifier.predict(buffer.getvalue())
    assert prediction.note
    assert drawing.steps(buffer.getvalue(), prediction).width < 3 * 224


def test_pictures_are_saved_by_suffix_or_not_at_all(tmp_path: Path) -> None:
    image = Image.new("RGB", (9, 9))
    for name, form in (("a.png", "PNG"), ("b.jpg", "JPEG")):
        drawing.save(tmp_path / name, image)
        with Image.open(tmp_path / name) as saved:
            assert saved.format == form
    with pytest.raises(DigitsError, match="can't write"):
        drawing.save(Path("/proc/nowhere/a.png"), image)
