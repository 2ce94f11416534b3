import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from digits import Number, Reader, Symbol, drawing
from digits.images import picture


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
    accepted = Number("7", 0.9, "accepted", "", "", "7", (symbol,))
    for number, colour, text in (
        (accepted, drawing.SURE, "7"),
        (replace(accepted, status="review"), drawing.UNSURE, "7?"),
    ):
        image = drawing.annotate(str(tmp_path / "page.png"), [number])
        assert image.size == (200, 300)
        assert image.getpixel((50, 120)) == image.getpixel((90, 120)) == colour
        assert texts.pop() == text


def test_debug_strip_shows_box_frame_and_answer(
    reader: Reader, pictures: list[Path], texts: list[str]
) -> None:
    page = picture.load(pictures[6])
    prediction = reader.predict(page)
    strip = np.asarray(drawing.debug_strip(page, prediction))
    assert prediction.frame is not None
    assert (strip[16:240, 256:480, 0] == prediction.frame.repeat(8, 0).repeat(8, 1)).all()
    assert (np.ptp(strip[:240, :250].astype(int), axis=2) > 60).any()  # the box in the picture
    assert texts == ["6  (100.0 %)"]


def test_debug_strip_of_a_digit_as_thin_as_a_pixel(reader: Reader) -> None:
    """Its box would be less than a pixel wide in the reduced picture."""
    pixels = np.full((8000, 1), 240, np.uint8)
    pixels[3000:5000] = 10
    page = picture.load(pixels)
    prediction = reader.predict(page)
    assert prediction.frame is not None
    drawing.debug_strip(page, prediction)


def test_debug_strip_of_a_narrow_blank_picture(reader: Reader, texts: list[str]) -> None:
    """The shorter side of its panel would round to zero pixels."""
    page = picture.load(np.full((1, 640), 240, np.uint8))
    drawing.debug_strip(page, reader.predict(page))
    assert texts == ["no ink found"]


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
