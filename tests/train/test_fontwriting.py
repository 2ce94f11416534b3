from pathlib import Path

import numpy as np
import pytest

from digits_train import fontwriting
from digits_train.camera import fonts, glyphs
from digits_train.outliers.letters import LATIN_LETTERS


@pytest.fixture(autouse=True)
def few_hands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Matplotlib's fonts instead of those that are downloaded."""
    monkeypatch.setattr(fonts, "hands", lambda use: fonts.bundled(use)[:3])


def test_each_digit_is_written_equally_often() -> None:
    images, labels = fontwriting.generate(40, 0)
    assert images.shape == (40, 28, 28) and images.dtype == np.uint8
    assert np.bincount(labels).tolist() == [4] * 10
    assert len({image.tobytes() for image in images}) == 40  # no two alike
    ink = images > 127
    # Framed like MNIST's, and a 1 is narrow in any font.
    assert 18 <= np.median(ink.any(2).sum(1)) <= 20
    widths = ink.any(1).sum(1)
    assert widths[labels == 1].mean() < widths[labels == 0].mean()


def test_the_seed_decides() -> None:
    same, other = fontwriting.generate(10, 0), fontwriting.generate(10, 1)
    for first, second in zip(same, fontwriting.generate(10, 0), strict=True):
        assert (first == second).all()
    assert (same[0] != other[0]).any()
    assert (same[0] != fontwriting.generate(10, 0, "held back")[0]).any()
    letters = fontwriting.generate_letters(10, 0)
    assert (letters == fontwriting.generate_letters(10, 0)).all()


def test_a_hand_without_the_letter_does_not_write_it(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, draw = [], glyphs.draw_character

    def record(file: Path, character: str, random: np.random.Generator) -> glyphs.Glyph | None:
        drawn.append((file, character))
        return draw(file, character, random)

    only = fonts.bundled()[1]
    monkeypatch.setattr(fonts, "has", lambda file, text: file == only or text in "ace")
    monkeypatch.setattr(glyphs, "draw_character", record)
    assert len(fontwriting.generate_letters(60, 0)) == 60
    assert {letter for file, letter in drawn if file != only} <= set("ace")
    assert {letter for file, letter in drawn} - set("ace") <= set(LATIN_LETTERS)
    assert len({letter for file, letter in drawn}) > 20
