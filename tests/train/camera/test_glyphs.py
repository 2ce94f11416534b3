"""Glyphs to write pages with."""

import numpy as np
import pytest

from digits.data.mnist import Split
from digits_train.camera.glyphs import EM, Glyph, PenBank, bare_one, stroke_width, with_tail


@pytest.fixture(scope="module")
def bank(train_slice: Split) -> PenBank:
    return PenBank(train_slice, 60, np.random.default_rng(0))


def test_glyphs_are_a_line_high(bank: PenBank) -> None:
    heights = np.array([glyph.shape[0] for glyph in bank.glyphs])
    assert heights.max() == EM
    assert np.median(heights) > 0.9 * EM


def test_a_bank_is_in_order_of_its_pens(bank: PenBank) -> None:
    assert (np.diff(bank.widths) >= 0).all()
    assert bank.widths[-1] > 1.5 * bank.widths[0]


def test_a_writer_writes_what_it_is_asked(bank: PenBank) -> None:
    random = np.random.default_rng(1)
    writer = bank.writer(random)
    for character in "0123456789-.,":
        glyph = writer.glyph(character, random)
        assert glyph is not None and glyph.coverage.max() > 200
    assert writer.glyph("&", random) is None


def test_signs_have_their_places(bank: PenBank) -> None:
    random = np.random.default_rng(2)
    writer = bank.writer(random)
    for _ in range(20):
        minus, comma = writer.glyph("-", random), writer.glyph(",", random)
        assert minus is not None and comma is not None
        assert minus.below < -0.2 * EM  # floats
        assert comma.below > 0
        assert minus.coverage.shape[1] > minus.coverage.shape[0]


def test_stroke_width_of_a_bar() -> None:
    bar = np.zeros((60, 20), np.uint8)
    bar[5:55, 6:14] = 255
    assert stroke_width(bar) == pytest.approx(8, rel=0.2)


def test_a_bare_one_is_a_narrow_stroke() -> None:
    one = bare_one(np.random.default_rng(3), 5.0)
    assert one.coverage.shape[0] > 0.9 * EM
    assert one.coverage.shape[1] < 0.4 * EM


@pytest.mark.parametrize("digit", [4, 6, 7, 9])
def test_a_tail_makes_the_digit_longer(digit: int) -> None:
    glyph = Glyph(np.full((EM, 30), 255, np.uint8))
    longer = with_tail(glyph, digit, np.random.default_rng(4))
    assert longer.coverage.shape[0] > EM
    assert (longer.below > 0) == (digit != 6)  # a 6's stem rises
