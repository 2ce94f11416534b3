from typing import Any

import pytest
from PIL import ImageDraw

Texts = list[tuple[str, tuple[float, ...]]]  # each with its box: left, top, right, bottom


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> Texts:
    """Record each text that Pillow draws."""
    found: Texts = []
    real = ImageDraw.ImageDraw.text

    def record(pen: ImageDraw.ImageDraw, place: tuple[int, int], text: str, **how: Any) -> None:
        found.append((text, pen.textbbox(place, text, how["font"], how.get("anchor"))))
        real(pen, place, text, **how)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", record)
    return found
