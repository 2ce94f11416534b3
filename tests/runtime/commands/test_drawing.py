from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image, ImageDraw

from digits import Classifier, Number, Prediction, Symbol
from digits.commands import drawing
from digits.errors import DigitsError
from digits.examination import Examination, examine
from digits.images import picture
from digits.images.picture import GreyImage, Source
from digits.prediction import NumberStatus
from digits.vision.components import Box, Component
from digits.vision.hypotheses import KINDS, Hypothesis
from digits.vision.judge import Judgement

Texts = list[tuple[str, tuple[float, ...]]]  # each with its box: left, top, right, bottom


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> Texts:
    """Record each text that Pillow draws."""
    drawn: Texts = []
    real = ImageDraw.ImageDraw.text

    def record(pen: ImageDraw.ImageDraw, corner: tuple[int, int], text: str, **how: Any) -> None:
        if text:
            drawn.append((text, pen.textbbox(corner, text, how["font"], how.get("anchor"))))
        real(pen, corner, text, **how)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", record)
    return drawn


def seven(box: tuple[int, int, int, int], status: NumberStatus = "accepted") -> Number:
    symbol = Symbol("7", 0.9, (0.0,) * 7 + (0.9,) + (0.0,) * 4, box)
    return Number("7", 0.9, status, "", "7", (symbol,))


def test_annotate_marks_numbers_that_are_not_accepted(tmp_path: Path, texts: Texts) -> None:
    Image.new("RGB", (200, 200), "white").save(tmp_path / "page.png")
    for status, colour, text in (
        ("accepted", drawing.SURE, "7"),
        ("review", drawing.UNSURE, "7?"),
        ("unreadable", drawing.UNSURE, "7?"),
    ):
        number = seven((50, 80, 90, 150), cast(NumberStatus, status))
        image = drawing.annotate(str(tmp_path / "page.png"), [number])
        assert image.getpixel((50, 120)) == colour
        assert texts.pop()[0] == text


def examination(weights: list[float]) -> Examination:
    """An examination with a hypothesis for each weight, inverted from the fifth on.

    Frame n is 9 * n + 1 on its left half and 9 * n + 2 on its right; its answer is n.
    """
    count = len(weights)
    component = Component(np.full((20, 10), 255, np.uint8), Box(40, 20, 50, 40))
    hypotheses = [Hypothesis(KINDS[n], component, 1.0, n >= 4, 0.0) for n in range(count)]
    frames = np.stack([np.full((28, 28), 9 * n + 1, np.uint8) for n in range(count)])
    frames[:, :, 14:] += 1
    judged = Judgement(np.full(10, 0.1), np.array(weights), 0.25, 0.125)
    shown = GreyImage("some.png", np.full((60, 90), 200, np.uint8), 1.0, (90, 60))
    return Examination(shown, hypotheses, frames, np.eye(10, dtype=np.float32)[:count], judged)


NOTE = "perhaps several digits: `digits read` reads them all"
PROBABILITIES = (0.7, *(0.03,) * 8, 0.06)
ANSWERS = {
    "0  (70.0 %)": Prediction(0, 0.7, PROBABILITIES, (40, 20, 50, 40)),
    "?  (70.0 %, perhaps 0)": Prediction(None, 0.7, PROBABILITIES, (40, 20, 50, 40), "unsure"),
    f"?  ({NOTE})": Prediction(None, 0.7, PROBABILITIES, (40, 20, 50, 40), "several", NOTE),
}


def bounding_box(mask: np.ndarray, least: int = 1) -> tuple[int, ...]:
    """Left, top, right and bottom of the rows and columns with at least so many mask pixels."""
    rows, columns = (np.flatnonzero(mask.sum(axis) >= least) for axis in (1, 0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


@pytest.mark.parametrize("count", [1, 5, 8])
@pytest.mark.parametrize("answer", ANSWERS)
def test_debug_strip(texts: Texts, count: int, answer: str) -> None:
    heaviest = count // 2
    weights = [0.3 if index == heaviest else 0.01 * index for index in range(count)]
    strip = drawing.debug_strip(examination(weights), ANSWERS[answer])
    pixels = np.asarray(strip)
    coloured = (pixels == (drawing.SURE if answer[0] == "0" else drawing.UNSURE)).all(2)
    scale, left, top = 224 / 90, 16, 36 + (224 - 149) // 2
    box = left + 40 * scale, top + 20 * scale, left + 50 * scale, top + 40 * scale
    assert bounding_box(coloured[:242, :242]) == pytest.approx(box, abs=1)
    coloured[:242, :242] = False
    written, boxes = zip(*texts, strict=True)
    for index, weight in enumerate(weights):
        # Each pixel is enlarged to 8x8. Text has few pixels of each grey level in a row.
        left, top, right, bottom = bounding_box((pixels == 9 * index + 1).all(2), 60)
        assert (right - left, bottom - top) == (112, 224)
        assert (pixels[top:bottom, left:right] == 9 * index + 1).all()
        assert (pixels[top:bottom, right : right + 112] == 9 * index + 2).all()
        if index == heaviest:
            assert bounding_box(coloured) == (left - 4, top - 4, left + 228, top + 228)
        kind = f"{KINDS[index]}{' (inverted)' if index >= 4 else ''}"
        below = f"{index}  (100.0 %)", f"weight {100 * weight:.1f} %"
        assert (kind, *below) == written[2 + 3 * index : 5 + 3 * index]
    assert written[0].split("        ") == [answer, "several digits 25.0 %", "no digit 12.5 %"]
    for index, (left, top, right, bottom) in enumerate(boxes):
        assert left >= 0 and top >= 0 and right <= strip.width and bottom <= strip.height
        assert not any(
            left < earlier[2] and earlier[0] < right and top < earlier[3] and earlier[1] < bottom
            for earlier in boxes[:index]
        )


def strip_of(classifier: Classifier, source: Source) -> tuple[Examination, np.ndarray]:
    [examined] = examine(classifier, [picture.load(source)])
    return examined, np.asarray(drawing.debug_strip(examined, examined.prediction(0.5)))


def test_debug_strip_shows_picture_and_frames(classifier: Classifier, pictures: list[Path]) -> None:
    """Both are enlarged."""
    examined, strip = strip_of(classifier, pictures[6])  # 64x64
    shown = Image.fromarray(examined.picture.pixels).resize((224, 224), Image.Resampling.BICUBIC)
    same = strip[36 : 36 + 224, 16 : 16 + 224, 0] == np.asarray(shown)
    assert same.mean() > 0.95  # all but a box
    for number, frame in enumerate(examined.frames, 1):
        left = 16 + 240 * number
        panel = strip[36 : 36 + 224, left : left + 224, 0]
        assert (panel == frame.repeat(8, 0).repeat(8, 1)).all()


@pytest.mark.parametrize("size", [(50, 50), (640, 1), (1, 640)])
def test_debug_strip_of_narrow_and_blank_pictures(
    classifier: Classifier, texts: Texts, size: tuple[int, int]
) -> None:
    """The shorter side of a narrow picture's panel would round to zero pixels."""
    pixels = np.full(size[::-1], 240, np.uint8)
    _, strip = strip_of(classifier, pixels)
    assert (strip[36:260, 256:] == 255).all()  # no other panel
    assert [text for text, _ in texts] == [
        "?  (no ink found)        several digits 0.0 %        no digit 100.0 %",
        "picture",
    ]
    pixels.reshape(-1)[200:400] = 0
    _, strip = strip_of(classifier, pixels)
    assert len(strip) > 224


def test_save_chooses_format_by_suffix(tmp_path: Path) -> None:
    image = Image.new("RGB", (9, 9))
    for name, form in (("a.png", "PNG"), ("b.jpg", "JPEG")):
        drawing.save(tmp_path / name, image)
        with Image.open(tmp_path / name) as saved:
            assert saved.format == form
    with pytest.raises(DigitsError, match="can't write"):
        drawing.save(tmp_path / "a.png" / "c.png", image)


def test_close_up_of_a_box_that_reaches_far_outside(tmp_path: Path) -> None:
    """It once drew a line of a hundredth of the box's width, for a minute."""
    path = str(tmp_path / "page.png")
    Image.new("L", (400, 300), 255).save(path)
    whole = drawing.close_up(path, (10, 20, 400, 300))
    assert drawing.close_up(path, (10, 20, 999_999, 999_999)) == whole
