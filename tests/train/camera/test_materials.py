"""What windows are composed of: numbers, glyphs, words and marks."""

import re

import numpy as np
import pytest
from scipy import ndimage
from skimage.morphology import skeletonize

from digits import Classifier
from digits.data.mnist import Split
from digits_train.camera import allographs, fonts, scene
from digits_train.camera.glyphs import PenBank, bare_one, font_writers, with_tail
from digits_train.camera.ink import EM, Glyph
from digits_train.camera.lettering import doubtful_letters, write
from digits_train.camera.marks import draw_mark
from digits_train.camera.materials import make_materials
from digits_train.camera.numbers import KINDS, random_number
from digits_train.camera.ranges import RANGES
from digits_train.camera.strokes import bend, grain, strokes
from tests.train.small_materials import FONT


@pytest.mark.parametrize(
    ("kind", "pattern", "least"),
    [
        *((kind, r".*\d", 500) for kind in KINDS),
        ("doubled", r".*(\d)\1", 250),
        ("doubled", ".*0", 200),
        ("amount", "-", 1),
        ("amount", r"-?\d+[.,]\d\d$", 1),
        *(("ones", f"{text}$", 1) for text in ("11", "111", "10", "12", "19")),
    ],
)
def test_numbers_that_readers_lose_are_frequent(kind: str, pattern: str, least: int) -> None:
    random = np.random.default_rng(0)
    made = [random_number(random, kind) for _ in range(500)]
    assert sum(bool(re.match(pattern, text)) for text in made) >= least


@pytest.mark.parametrize("by", ["pen", "font"])
def test_a_writer_writes_what_it_is_asked(by: str, train_slice: Split) -> None:
    random, bank = np.random.default_rng(1), PenBank(train_slice, 60, np.random.default_rng(0))
    assert (np.diff(bank.widths) >= 0).all() and bank.widths[-1] > 1.5 * bank.widths[0]
    [in_font] = font_writers([FONT], random)
    writer = bank.writer(random) if by == "pen" else in_font
    assert 1 < writer.pen < 0.35 * EM
    for character in "0123456789-.,":
        glyph = writer.glyph(character, random)
        assert glyph is not None and glyph.coverage.max() > 150
        assert not character.isdecimal() or 0.8 * EM < glyph.coverage.shape[0] < 1.2 * EM
    assert writer.glyph("&", random) is None
    for _ in range(20):
        minus, comma = writer.glyph("-", random), writer.glyph(",", random)
        assert minus is not None and comma is not None
        assert minus.below < -0.2 * EM < 0 < comma.below  # a minus floats
        assert minus.coverage.shape[1] > minus.coverage.shape[0]


def test_a_bare_one_is_narrow_and_a_tail_makes_a_digit_longer() -> None:
    random = np.random.default_rng(3)
    bare = bare_one(random, 5.0).coverage
    assert bare.shape[0] > 0.9 * EM and bare.shape[1] < 0.4 * EM
    for digit in "4679":
        longer = with_tail(Glyph(np.full((EM, 30), 255, np.uint8)), digit, random)
        assert longer.coverage.shape[0] > EM
        assert (longer.below > 0) == (digit != "6")  # a 6's stem rises


@pytest.mark.parametrize("digit", "0123456789")
def test_forms_fill_their_height_and_differ(digit: str) -> None:
    random = np.random.default_rng(int(digit))
    drawn = [allographs.draw(digit, 4, random) for _ in range(20)]
    inks = [glyph.coverage for glyph in drawn if glyph is not None]
    assert len({ink.tobytes() for ink in inks}) == (0 if digit in "68" else 20)
    for ink in inks:
        assert 44 <= ink.shape[0] <= 72 and ink.max() == 255
        assert 0.03 < ink.mean() / 255 < 0.5


@pytest.mark.parametrize(
    ("text", "doubtful"),
    [("total", []), ("SGTAB", []), ("O", [0]), ("S", [0]), ("A", []), ("IOl", [0, 1, 2])]
    + [("Tel.", [3])],
)
def test_letters_that_may_be_digits_are_doubtful(text: str, doubtful: list[int]) -> None:
    """A letter of a word is known by the others; a full stop may be a point."""
    assert doubtful_letters(text) == doubtful
    assert len(write(text, FONT, np.random.default_rng(0)).doubtful) == len(doubtful)


def test_letters_stand_on_their_line_and_doubtful_ones_in_their_boxes() -> None:
    random = np.random.default_rng(0)
    written = write("HE", FONT, random)
    assert abs(written.coverage.shape[0] - EM) < 0.12 * EM
    assert abs(written.below) < 3
    assert write("Hp", FONT, random).below > 0.15 * EM
    written = write("I.", FONT, random)
    _, (left, top, right, bottom) = written.doubtful
    width = written.coverage.shape[1]
    assert 0.3 * width < left < right <= width and 0.6 * EM < top < bottom
    assert (written.coverage[:, width * 3 // 4 :] > 128).any()


def test_marks_are_cropped_ink_of_many_kinds() -> None:
    random = np.random.default_rng(0)
    marks = [draw_mark(EM, random, alone=bool(n % 2)).coverage for n in range(40)]
    assert len({mark.tobytes() for mark in marks}) == 40
    for mark in marks:
        assert mark.dtype == np.uint8 and mark.max() > 150
        assert mark[0].any() and mark[-1].any() and mark[:, 0].any() and mark[:, -1].any()
    assert 0 < sum(mark.shape[1] > 2 * mark.shape[0] for mark in marks) < 40


def test_bent_digits_differ_and_can_be_read(train_slice: Split) -> None:
    random, pictures = np.random.default_rng(0), []
    labels, images = train_slice.labels[:40].tolist(), train_slice.images[:40]
    for image in images:
        bent = bend(image, RANGES.bent[1], random)
        assert bent.dtype == np.uint8 and not np.array_equal(bent, image)
        pictures.append(255 - np.kron(bent, np.ones((4, 4), np.uint8)))
    read = [prediction.digit for prediction in Classifier().predict_batch(pictures)]
    assert np.mean([digit == label for digit, label in zip(read, labels, strict=True)]) > 0.9


@pytest.mark.parametrize("pen", [0.015, 0.04, 0.1, 0.16, 0.25])
def test_stroke_width_matches_pen(pen: float, test_slice: Split) -> None:
    ones = test_slice.images[test_slice.labels == 1][:3]
    for digit in [*ones, *test_slice.images[test_slice.labels == 0][:3]]:
        coverage = strokes(digit, 600, pen, np.random.default_rng(0))
        assert len(coverage) == 600
        ink = np.pad(coverage > 0.5, 1)
        width = 2 * np.median(ndimage.distance_transform_edt(ink)[skeletonize(ink)])
        assert width == pytest.approx(pen * 600, rel=0.15)


@pytest.mark.parametrize("keep", [0.5, 0.8])
def test_grain_keeps_its_share_of_sharp_strokes(keep: float, test_slice: Split) -> None:
    coverage = strokes(test_slice.images[0], 300, 0.1, np.random.default_rng(0))
    left = grain(coverage, np.random.default_rng(0), keep)
    assert left.dtype == np.float32 and (left <= coverage).all()
    assert left.sum() / coverage.sum() == pytest.approx(keep, abs=0.06)


def test_light_and_shadow_darken_by_given_share() -> None:
    for n in range(6):
        light = scene.light((90, 160), np.random.default_rng(n), 0.4)
        shadow = scene.shadow((90, 160), np.random.default_rng(n), 0.4, 0.02)
        for factor, spare in ((light, 0.02), (shadow, 0.05)):
            assert factor.dtype == np.float32
            assert factor.max() == pytest.approx(1, abs=0.01)
            assert factor.min() == pytest.approx(0.6, abs=spare)


def test_materials_are_of_all_fonts(train_slice: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("hands", "printed"):  # they would have to be fetched
        monkeypatch.setattr(fonts, kind, lambda use="training": fonts.bundled(use)[:2])
    made = make_materials(train_slice, 0, bank=20, texts=40, letters=5)
    assert (len(made.pens.digits), len(made.fonts)) == (20, 2)
    assert [len(texts) for texts in made.texts] == [10] * 4
    assert (len(made.marks), len(made.hard)) == (10, 5)
