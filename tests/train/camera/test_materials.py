"""What windows are composed of: numbers, glyphs, words and marks."""

import re

import numpy as np
import pytest

from digits import Classifier
from digits.data.mnist import Split
from digits_train.camera import fonts
from digits_train.camera.glyphs import (
    Glyph,
    PenBank,
    bare_one,
    font_writers,
    stroke_width,
    with_tail,
)
from digits_train.camera.lettering import EM, doubtful_letters, library, write
from digits_train.camera.marks import draw_marks
from digits_train.camera.materials import make_materials
from digits_train.camera.numbers import KINDS, random_number
from digits_train.camera.ranges import RANGES
from digits_train.camera.strokes import bend
from tests.train.small_materials import FONT


def numbers(kind: str, count: int = 500) -> list[str]:
    random = np.random.default_rng(0)
    return [random_number(random, kind) for _ in range(count)]


def test_every_kind_of_number_holds_a_digit_and_follows_the_seed() -> None:
    for kind in KINDS:
        made = numbers(kind)
        assert all(any(character.isdecimal() for character in text) for text in made)
        assert made == numbers(kind)


@pytest.mark.parametrize(
    ("kind", "pattern", "least"),
    [
        ("doubled", r".*(\d)\1", 250),
        ("doubled", ".*0", 200),
        ("amount", "-", 1),
        ("amount", r"-?\d+\.\d\d$", 1),
        ("amount", r"-?\d+,\d\d$", 1),
        *(("ones", f"{text}$", 1) for text in ("11", "111", "10", "12", "19")),
    ],
)
def test_numbers_that_readers_lose_are_frequent(kind: str, pattern: str, least: int) -> None:
    assert sum(bool(re.match(pattern, text)) for text in numbers(kind)) >= least


@pytest.fixture(scope="module")
def bank(train_slice: Split) -> PenBank:
    return PenBank(train_slice, 60, np.random.default_rng(0))


def test_a_bank_is_in_order_of_its_pens(bank: PenBank) -> None:
    heights = np.array([glyph.shape[0] for glyph in bank.glyphs])
    assert heights.max() == EM and np.median(heights) > 0.9 * EM
    assert (np.diff(bank.widths) >= 0).all()
    assert bank.widths[-1] > 1.5 * bank.widths[0]


@pytest.mark.parametrize("by", ["pen", "font"])
def test_a_writer_writes_what_it_is_asked(by: str, bank: PenBank) -> None:
    random = np.random.default_rng(1)
    [in_font] = font_writers([FONT], random)
    writer = bank.writer(random) if by == "pen" else in_font
    assert 1 < writer.pen < 0.35 * EM
    for character in "0123456789-.,":
        glyph = writer.glyph(character, random)
        assert glyph is not None and glyph.coverage.max() > 150
    assert writer.glyph("&", random) is None
    for _ in range(20):
        minus, comma = writer.glyph("-", random), writer.glyph(",", random)
        assert minus is not None and comma is not None
        assert minus.below < -0.2 * EM < 0 < comma.below  # a minus floats
        assert minus.coverage.shape[1] > minus.coverage.shape[0]


def test_stroke_width_of_a_bar() -> None:
    bar = np.zeros((60, 20), np.uint8)
    bar[5:55, 6:14] = 255
    assert stroke_width(bar) == pytest.approx(8, rel=0.2)


def test_a_bare_one_is_narrow_and_a_tail_makes_a_digit_longer() -> None:
    random = np.random.default_rng(3)
    bare = bare_one(random, 5.0).coverage
    assert bare.shape[0] > 0.9 * EM and bare.shape[1] < 0.4 * EM
    for digit in (4, 6, 7, 9):
        longer = with_tail(Glyph(np.full((EM, 30), 255, np.uint8)), digit, random)
        assert longer.coverage.shape[0] > EM
        assert (longer.below > 0) == (digit != 6)  # a 6's stem rises


@pytest.mark.parametrize(
    ("text", "doubtful"),
    [("total", []), ("SGTAB", []), ("O", [0]), ("S", [0]), ("A", []), ("IOl", [0, 1, 2])]
    + [("Tel.", [3])],
)
def test_letters_that_may_be_digits_are_doubtful(text: str, doubtful: list[int]) -> None:
    """A letter of a word is known by the others; a full stop may be a point."""
    assert doubtful_letters(text) == doubtful


def test_capitals_are_as_high_as_digits_and_descenders_reach_below() -> None:
    random = np.random.default_rng(0)
    written = write("HE", FONT, random)
    assert abs(written.coverage.shape[0] - EM) < 0.12 * EM
    assert abs(written.below) < 3
    assert write("Hp", FONT, random).below > 0.15 * EM


def test_the_box_of_a_doubtful_letter_holds_its_ink() -> None:
    written = write("I.", FONT, np.random.default_rng(0))
    _, (left, top, right, bottom) = written.doubtful
    width = written.coverage.shape[1]
    assert 0.3 * width < left < right <= width and 0.6 * EM < top < bottom
    assert (written.coverage[:, width * 3 // 4 :] > 128).any()


def test_a_library_has_texts_of_each_font() -> None:
    first, second = library([FONT, FONT], 60, np.random.default_rng(0))
    assert len(first) == len(second) == 30
    assert len({text.coverage.tobytes() for text in (*first, *second)}) > 50


def test_marks_are_cropped_ink_of_many_kinds() -> None:
    marks = draw_marks(40, EM, np.random.default_rng(0))
    assert len({mark.tobytes() for mark in marks}) == 40
    for mark in marks:
        assert mark.dtype == np.uint8 and mark.max() > 150
        assert mark[0].any() and mark[-1].any() and mark[:, 0].any() and mark[:, -1].any()
    wide = [mark.shape[1] > 2 * mark.shape[0] for mark in marks]
    assert any(wide) and not all(wide)


def test_bent_digits_differ_and_can_be_read(train_slice: Split) -> None:
    random, pictures = np.random.default_rng(0), []
    labels, images = train_slice.labels[:40].tolist(), train_slice.images[:40]
    for image in images:
        bent = bend(image, RANGES.bent[1], random)
        assert bent.dtype == np.uint8 and not np.array_equal(bent, image)
        assert np.array_equal(bend(image, 0.0, random), image)
        pictures.append(255 - np.kron(bent, np.ones((4, 4), np.uint8)))
    read = [prediction.digit for prediction in Classifier().predict_batch(pictures)]
    assert np.mean([digit == label for digit, label in zip(read, labels, strict=True)]) > 0.9


def test_materials_are_of_all_fonts(train_slice: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("hands", "printed"):  # they would have to be fetched
        monkeypatch.setattr(fonts, kind, lambda use="training": fonts.bundled(use)[:2])
    made = make_materials(train_slice, 0, bank=20, texts=40)
    assert (len(made.pens.glyphs), len(made.fonts), len(made.texts)) == (20, 2, 4)
    assert len(made.marks) == 10 and not made.hard
