from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits import Classifier, Prediction, Symbol
from digits.classifier import Examination
from digits.commands import drawing
from digits.data.mnist import Split
from digits.errors import DigitsError
from digits.images.picture import GreyImage
from digits.vision.components import Box, Component
from digits.vision.hypotheses import KINDS, Hypothesis
from digits.vision.judge import Judgement
from tests.runtime.commands.conftest import Texts
from tests.synthetic import Sheet, chosen


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier()


def symbol(symbol: str | None, *box: int) -> Symbol:
    values = (0.0,) * 7 + (0.9,) + (0.0,) * 4
    return Symbol(symbol, 0.9, values, (box[0], box[1], box[2], box[3]))


def test_annotate_draws_boxes_around_symbols(test_slice: Split, tmp_path: Path) -> None:
    sheet = Sheet()
    boxes = sheet.write(chosen(test_slice, "7777"), 120, 200)
    grey = sheet.photograph()
    Image.fromarray(np.dstack([grey] * 3)).save(tmp_path / "page.png")
    symbols = [symbol("7", *box) for box in boxes]
    image = np.asarray(drawing.annotate(str(tmp_path / "page.png"), symbols)).astype(int)
    assert image.shape == (*grey.shape, 3)
    coloured = np.ptp(image, axis=2) > 60
    rows, columns = np.flatnonzero(coloured.any(1)), np.flatnonzero(coloured.any(0))
    assert columns[0] == pytest.approx(boxes[0][0], abs=5)
    assert columns[-1] == pytest.approx(boxes[-1][2], abs=12)
    assert 150 < rows[0] < rows[-1] < 260


@pytest.mark.parametrize(("read", "colour"), [("7", drawing.SURE), (None, drawing.UNSURE)])
def test_annotate_marks_rejected_symbols(
    tmp_path: Path, read: str | None, colour: drawing.Colour
) -> None:
    Image.new("RGB", (200, 200), "white").save(tmp_path / "page.png")
    image = drawing.annotate(str(tmp_path / "page.png"), [symbol(read, 50, 80, 90, 150)])
    assert image.getpixel((50, 120)) == colour


@pytest.mark.parametrize("name", ["2.jpg", "4.png", "6.gif", "8.tif", "9.webp"])
def test_annotate_any_format(classifier: Classifier, pictures: list[Path], name: str) -> None:
    [path] = [path for path in pictures if path.name == name]
    for source in (str(path), path.read_bytes()):
        box = classifier.predict(source).box
        image = drawing.annotate(source, [symbol("7", *box)])
        assert image.mode == "RGB"
        assert (np.ptp(np.asarray(image).astype(int), axis=2) > 60).any()


def examination(weights: list[float]) -> Examination:
    """An examination with a hypothesis for each weight, inverted from the fifth on.

    Frame n is 9 * n + 1 on its left half and 9 * n + 2 on its right; its answer is n.
    """
    count = len(weights)
    component = Component(np.full((20, 10), 255, np.uint8), Box(40, 20, 50, 40))
    hypotheses = [Hypothesis(KINDS[n], component, 1.0, n >= 4) for n in range(count)]
    frames = np.stack([np.full((28, 28), 9 * n + 1, np.uint8) for n in range(count)])
    frames[:, :, 14:] += 1
    judged = Judgement(np.full(10, 0.1), np.array(weights), 0.25, 0.125)
    shown = GreyImage("some.png", np.full((60, 90), 200, np.uint8), 1.0, (90, 60))
    return Examination(shown, hypotheses, frames, np.eye(10, dtype=np.float32)[:count], judged)


def prediction_of(digit: int | None, note: str = "") -> Prediction:
    return Prediction(digit, 0.7, (0.7, *(0.03,) * 8, 0.06), (40, 20, 50, 40), note)


def bounding_box(mask: np.ndarray, least: int = 1) -> tuple[int, ...]:
    """Left, top, right and bottom of the rows and columns with at least so many mask pixels."""
    rows, columns = (np.flatnonzero(mask.sum(axis) >= least) for axis in (1, 0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


@pytest.mark.parametrize("count", range(1, 9))
@pytest.mark.parametrize(("digit", "colour"), [(0, (0, 158, 115)), (None, (213, 94, 0))])
def test_debug_strip_shows_and_highlights_hypotheses(
    count: int, digit: int | None, colour: tuple[int, int, int]
) -> None:
    heaviest = count // 2
    weights = [0.3 if number == heaviest else 0.01 for number in range(count)]
    strip = np.asarray(drawing.debug_strip(examination(weights), prediction_of(digit)))
    coloured = (strip == colour).all(2)
    scale, left, top = 224 / 90, 16, 36 + (224 - 149) // 2
    box = left + 40 * scale, top + 20 * scale, left + 50 * scale, top + 40 * scale
    assert bounding_box(coloured[:242, :242]) == pytest.approx(box, abs=1)
    coloured[:242, :242] = False
    for number in range(count):
        # Each pixel is enlarged to 8x8. Text has few pixels of each grey level in a row.
        left, top, right, bottom = bounding_box((strip == 9 * number + 1).all(2), 60)
        assert (right - left, bottom - top) == (112, 224)
        assert (strip[top:bottom, left:right] == 9 * number + 1).all()
        assert (strip[top:bottom, right : right + 112] == 9 * number + 2).all()
        if number == heaviest:
            assert bounding_box(coloured) == (left - 4, top - 4, left + 228, top + 228)


NOTE = "perhaps several digits: `digits read` reads them all"


@pytest.mark.parametrize("count", range(1, 9))
@pytest.mark.parametrize(
    ("prediction", "printed"),
    [
        (prediction_of(0), "0  (70.0 %)"),
        (prediction_of(None), "?  (70.0 %, perhaps 0)"),
        (prediction_of(None, NOTE), f"?  ({NOTE})"),
    ],
)
def test_debug_strip_texts_do_not_overlap(
    texts: Texts, count: int, prediction: Prediction, printed: str
) -> None:
    weights = [0.01 * number for number in range(count)]
    strip = drawing.debug_strip(examination(weights), prediction)
    written, boxes = [text for text, _ in texts if text], [box for text, box in texts if text]
    for number in range(count):
        suffix = " (inverted)" if number >= 4 else ""
        assert f"{KINDS[number]}{suffix}" in written
        place = written.index(f"weight {number}.0 %")
        assert written[place - 1] == f"{number}  (100.0 %)"
    assert [text.split("        ") for text in written if "several digits 25" in text] == [
        [printed, "several digits 25.0 %", "no digit 12.5 %"]
    ]
    for place, (left, top, right, bottom) in enumerate(boxes):
        assert left >= 0 and top >= 0 and right <= strip.width and bottom <= strip.height
        assert not any(
            left < other[2] and other[0] < right and top < other[3] and other[1] < bottom
            for other in boxes[:place]
        )


def test_debug_strip_shows_picture_and_frames(classifier: Classifier, pictures: list[Path]) -> None:
    """Both are enlarged."""
    [examined] = classifier.examine([pictures[6]])  # 64x64
    strip = np.asarray(drawing.debug_strip(examined, classifier.prediction(examined)).convert("L"))
    shown = Image.fromarray(examined.picture.pixels).resize((224, 224), Image.Resampling.BICUBIC)
    same = strip[36 : 36 + 224, 16 : 16 + 224] == np.asarray(shown)
    assert same.mean() > 0.95  # all but a box
    panels = [frame.repeat(8, 0).repeat(8, 1) for frame in examined.frames]
    for number, panel in enumerate(panels, 1):
        left = 16 + 240 * number
        assert (strip[36 : 36 + 224, left : left + 224] == panel).all()


@pytest.mark.parametrize("size", [(50, 50), (640, 1), (1, 640)])
def test_debug_strip_of_blank_page(
    classifier: Classifier, texts: Texts, size: tuple[int, int]
) -> None:
    [examined] = classifier.examine([Image.new("L", size, 200)])
    strip = drawing.debug_strip(examined, classifier.prediction(examined))
    assert (np.asarray(strip)[36:260, 256:] == 255).all()  # no other panel
    assert [text for text, _ in texts if text] == [
        "?  (no ink found)        several digits 0.0 %        no digit 100.0 %",
        "picture",
    ]


@pytest.mark.parametrize("size", [(640, 1), (1, 640)])
def test_debug_strip_of_one_pixel_high_picture(
    classifier: Classifier, size: tuple[int, int]
) -> None:
    """The shorter side of its panel would round to zero pixels."""
    line = np.full(size[::-1], 240, np.uint8)
    line.reshape(-1)[200:400] = 0
    [examined] = classifier.examine([line])
    strip = drawing.debug_strip(examined, classifier.prediction(examined))
    assert strip.height > 224


def test_save_chooses_format_by_suffix(tmp_path: Path) -> None:
    image = Image.new("RGB", (9, 9))
    for name, form in (("a.png", "PNG"), ("b.jpg", "JPEG")):
        drawing.save(tmp_path / name, image)
        with Image.open(tmp_path / name) as saved:
            assert saved.format == form
    with pytest.raises(DigitsError, match="can't write"):
        drawing.save(tmp_path / "a.png" / "c.png", image)
