import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from digits import Classifier, Number, Symbol, drawing
from digits.digit import examine
from digits.images import picture
from digits.images.picture import Source
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
    accepted = Number("7", 0.9, "accepted", "", "7", (symbol,))
    for number, colour, text in (
        (accepted, drawing.SURE, "7"),
        (replace(accepted, status="review"), drawing.UNSURE, "7?"),
    ):
        image = drawing.annotate(str(tmp_path / "page.png"), [number])
        assert image.size == (200, 300)
        assert image.getpixel((50, 120)) == image.getpixel((90, 120)) == colour
        assert texts.pop() == text


def strip_of(classifier: Classifier, source: Source) -> tuple[Candidates, np.ndarray]:
    [examined] = examine(classifier.networks, [picture.load(source)])
    prediction = examined.prediction(classifier.threshold)
    return examined, np.asarray(drawing.debug_strip(examined, prediction))


def test_debug_strip_shows_each_hypothesis(
    classifier: Classifier, pictures: list[Path], texts: list[str]
) -> None:
    examined, strip = strip_of(classifier, pictures[6])
    colour, heaviest = drawing.SURE, int(examined.ranking.hypothesis_probabilities.argmax())
    for index, frame in enumerate(examined.frames):
        kind, answer = examined.hypotheses[index].kind, examined.answers[index]
        weight = 100 * examined.ranking.hypothesis_probabilities[index]
        above, below = texts[1 + 2 * index : 3 + 2 * index]
        assert above.startswith(kind)
        assert below == (
            f"{answer.argmax()}  ({100 * answer.max():.1f} %)    weight {weight:.1f} %"
        )
        left = 20 + 248 * (index + 1)  # the first panel is the picture
        panel = strip[24 : 24 + 224, left : left + 224, 0]
        assert (panel == frame.repeat(8, 0).repeat(8, 1)).all()
        assert (tuple(strip[50, left - 2]) == colour) == (index == heaviest)
    assert texts[0] == "picture"
    assert texts[-1].split("        ")[0] == "6  (100.0 %)"
    assert (np.ptp(strip[:240, :250].astype(int), axis=2) > 60).any()  # the box in the picture


def test_debug_strip_of_a_narrow_blank_picture(classifier: Classifier, texts: list[str]) -> None:
    """The shorter side of its panel would round to zero pixels."""
    strip_of(classifier, np.full((1, 640), 240, np.uint8))
    assert texts == [
        "picture",
        "no ink found        several digits 0.0 %        no digit 100.0 %",
    ]


def test_close_up(tmp_path: Path) -> None:
    path = str(tmp_path / "page.png")
    Image.new("L", (2000, 300), 255).save(path)
    magnified = Image.open(io.BytesIO(drawing.close_up(path, (40, 50, 90, 80))))
    assert magnified.size == (82, 62)
    red, _, blue = np.moveaxis(np.asarray(magnified, int), 2, 0)
    assert 100 < (red - blue > 80).sum() < 400  # the box
    whole = drawing.close_up(path, (10, 20, 2000, 300))
    assert Image.open(io.BytesIO(whole)).size == (1024, 154)
    assert drawing.close_up(path, (10, 20, 999_999, 999_999)) == whole
