"""What windows are composed of: numbers, glyphs, words and marks."""

import re

import numpy as np
import pytest
from scipy import ndimage
from skimage.morphology import skeletonize

from digits.data.mnist import Split
from digits_train.camera import allographs, fonts, scene
from digits_train.camera.glyphs import font_writers, pen_writers
from digits_train.camera.ink import EM
from digits_train.camera.lettering import doubtful_letters, write
from digits_train.camera.marks import draw_mark
from digits_train.camera.materials import make_materials
from digits_train.camera.numbers import KINDS
from digits_train.camera.strokes import strokes
from tests.train.small_materials import FONT


@pytest.mark.parametrize(
    ("kind", "pattern", "least"),
    [
        *((kind, r".*\d", 500) for kind in KINDS),
        ("doubled", r".*(\d)\1", 250),
        ("amount", r"-?\d+[.,]\d\d$", 1),
        *(("ones", f"{text}$", 1) for text in ("111", "10", "19")),
    ],
)
def test_numbers_that_readers_lose_are_frequent(kind: str, pattern: str, least: int) -> None:
    random = np.random.default_rng(0)
    made = [KINDS[kind](random) for _ in range(500)]
    assert sum(bool(re.match(pattern, text)) for text in made) >= least


@pytest.mark.parametrize("by", ["pen", "font"])
def test_a_writer_writes_what_it_is_asked(by: str, train_slice: Split) -> None:
    random = np.random.default_rng(1)
    hands = pen_writers(train_slice, 60, random) if by == "pen" else font_writers([FONT], random)
    [writer] = hands
    assert 1 < writer.pen < 0.35 * EM
    for character in "0123456789-.,":
        glyph = writer.glyph(character, random)
        assert glyph is not None and glyph.coverage.max() > 150
        assert not character.isdecimal() or 0.8 * EM < glyph.coverage.shape[0] < 1.2 * EM
    assert writer.glyph("&", random) is None
    minus, comma = writer.glyph("-", random), writer.glyph(",", random)
    assert minus is not None and comma is not None
    assert minus.below < -0.2 * EM < 0 < comma.below  # a minus floats
    assert minus.coverage.shape[1] > minus.coverage.shape[0]


@pytest.mark.parametrize(
    ("text", "doubtful"),
    [("total", []), ("SGTAB", []), ("O", [0]), ("A", []), ("IOl", [0, 1, 2]), ("Tel.", [3])],
)
def test_letters_that_may_be_digits_are_doubtful(text: str, doubtful: list[int]) -> None:
    """A letter of a word is known by the others; a full stop may be a point."""
    assert doubtful_letters(text) == doubtful


def test_letters_stand_on_their_line_and_doubtful_ones_in_their_boxes() -> None:
    random = np.random.default_rng(0)
    written = write("HE", FONT, random)
    assert abs(written.coverage.shape[0] - EM) < 0.12 * EM and abs(written.below) < 3
    assert write("Hp", FONT, random).below > 0.15 * EM
    alone = write("H.", FONT, random).leaning(0.3, 0.3).scaled(0.5)
    [(left, top, right, bottom)] = alone.doubtful.round().astype(int)
    parts, count = ndimage.label(alone.coverage > 100)
    point = np.argwhere(parts == parts[tuple(np.argwhere(parts)[parts[parts > 0].argmax()])])
    middle = point.mean(0) + 0.5
    assert count == 2 and len(point) < 60
    assert top - 1 < middle[0] < bottom + 1 and left - 1 < middle[1] < right + 1


def test_marks_and_forms_of_digits_are_of_many_kinds() -> None:
    random = np.random.default_rng(0)
    marks = [draw_mark(EM, random, alone=bool(n % 2)).coverage for n in range(20)]
    assert len({mark.tobytes() for mark in marks}) == 20
    for mark in marks:
        assert mark[0].any() and mark[-1].any() and mark[:, 0].any() and mark[:, -1].any()
    for digit in "0123456789":
        drawn = [allographs.draw(digit, 4, random) for _ in range(20)]
        inks = [glyph.coverage for glyph in drawn if glyph is not None]
        assert len({ink.tobytes() for ink in inks}) == (0 if digit in "68" else 20)
        assert all(44 <= len(ink) <= 72 and 0.03 < ink.mean() / 255 < 0.5 for ink in inks)


@pytest.mark.parametrize("pen", [0.04, 0.2])
def test_strokes_are_as_wide_as_the_pen(pen: float, train_slice: Split) -> None:
    for image in train_slice.images[:10]:
        coverage = strokes(image, 4 * EM, pen, np.random.default_rng(0))
        ink = np.pad(coverage > 128, 1)
        width = 2 * np.median(ndimage.distance_transform_edt(ink)[skeletonize(ink)])
        assert len(coverage) == 4 * EM and width == pytest.approx(pen * 4 * EM, rel=0.2)


def test_light_and_shadow_darken_by_given_share() -> None:
    for n in range(6):
        light = scene.light((90, 160), np.random.default_rng(n), 0.4)
        shadow = scene.shadow((90, 160), np.random.default_rng(n), 0.4, 0.02)
        for factor, spare in ((light, 0.02), (shadow, 0.05)):
            assert factor.max() == pytest.approx(1, abs=0.01)
            assert factor.min() == pytest.approx(0.6, abs=spare)


def test_materials_are_of_all_fonts(train_slice: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("hands", "printed"):  # they would have to be fetched
        monkeypatch.setattr(fonts, kind, lambda use="training": fonts.bundled(use)[:2])
    made = make_materials(train_slice, 0, bank=20, texts=40, letters=5)
    assert (len(made.pens), len(made.fonts)) == (1, 2)
    assert sum(map(len, made.pens[0].variants.values())) == 20
    assert [len(texts) for texts in made.texts] == [10] * 4
    assert (len(made.marks), len(made.hard)) == (10, 5)
