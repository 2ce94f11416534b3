from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image, ImageDraw

from digits import Classifier, Number, Symbol
from digits.classifier import examine
from digits.commands import drawing
from digits.errors import DigitsError
from digits.images import picture
from digits.images.picture import Source
from digits.prediction import NumberStatus
from digits.vision.candidates import Candidates


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record each text that Pillow draws."""
    drawn: list[str] = []
    real = ImageDraw.ImageDraw.text

    def record(pen: ImageDraw.ImageDraw, corner: Any, text: str, *how: Any, **more: Any) -> None:
        drawn.extend([text] * bool(text))
        real(pen, corner, text, *how, **more)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", record)
    return drawn


def test_annotate_marks_numbers_that_are_not_accepted(tmp_path: Path, texts: list[str]) -> None:
    Image.new("RGB", (200, 300), "white").save(tmp_path / "page.png")
    symbol = Symbol("7", 0.9, (0.0,) * 7 + (0.9,) + (0.0,) * 4, (50, 80, 90, 150))
    for status, colour, text in (
        ("accepted", drawing.SURE, "7"),
        ("review", drawing.UNSURE, "7?"),
        ("unreadable", drawing.UNSURE, "7?"),
    ):
        number = Number("7", 0.9, cast(NumberStatus, status), "", "7", (symbol,))
        image = drawing.annotate(str(tmp_path / "page.png"), [number])
        assert image.size == (200, 300)
        assert image.getpixel((50, 120)) == image.getpixel((90, 120)) == colour
        assert texts.pop() == text


def strip_of(classifier: Classifier, source: Source) -> tuple[Candidates, np.ndarray]:
    [examined] = examine(classifier, [picture.load(source)])
    prediction = examined.prediction(classifier.threshold)
    return examined, np.asarray(drawing.debug_strip(examined, prediction))


@pytest.mark.parametrize("index", [6, 9])
def test_debug_strip_shows_each_hypothesis(
    classifier: Classifier, pictures: list[Path], texts: list[str], index: int
) -> None:
    examined, strip = strip_of(classifier, pictures[index])
    colour, heaviest = drawing.SURE, int(examined.ranking.hypotheses.argmax())
    for number, frame in enumerate(examined.frames):
        kind, answer = examined.hypotheses[number].kind, examined.answers[number]
        weight = 100 * examined.ranking.hypotheses[number]
        above, below = texts[1 + 2 * number : 3 + 2 * number]
        assert above.startswith(kind)
        assert below == (
            f"{answer.argmax()}  ({100 * answer.max():.1f} %)    weight {weight:.1f} %"
        )
        left = 20 + 248 * (number + 1)  # the first panel is the picture
        panel = strip[24 : 24 + 224, left : left + 224, 0]
        assert (panel == frame.repeat(8, 0).repeat(8, 1)).all()
        assert (tuple(strip[50, left - 2]) == colour) == (number == heaviest)
    assert texts[0] == "picture"
    assert texts[-1].split("        ")[0] == f"{index}  (100.0 %)"
    assert (np.ptp(strip[:240, :250].astype(int), axis=2) > 60).any()  # the box in the picture


@pytest.mark.parametrize("size", [(50, 50), (640, 1), (1, 640)])
def test_debug_strip_of_narrow_and_blank_pictures(
    classifier: Classifier, texts: list[str], size: tuple[int, int]
) -> None:
    """The shorter side of a narrow picture's panel would round to zero pixels."""
    pixels = np.full(size[::-1], 240, np.uint8)
    strip_of(classifier, pixels)
    assert texts == [
        "picture",
        "?  (no ink found)        several digits 0.0 %        no digit 100.0 %",
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
