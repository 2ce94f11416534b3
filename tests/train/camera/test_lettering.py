"""Words and signs, and which of their letters are doubtful."""

from pathlib import Path

import matplotlib
import numpy as np

from digits_train.camera.glyphs import EM
from digits_train.camera.lettering import doubtful_letters, write

FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


def test_letters_of_a_word_are_none_of_them_doubtful() -> None:
    assert doubtful_letters("total") == []
    assert doubtful_letters("SGTAB") == []


def test_a_letter_alone_may_be_a_digit() -> None:
    assert doubtful_letters("O") == [0]
    assert doubtful_letters("S") == [0]
    assert doubtful_letters("A") == []


def test_letters_among_their_kind_may_be_digits() -> None:
    assert doubtful_letters("IOl") == [0, 1, 2]


def test_a_full_stop_may_be_a_point() -> None:
    assert doubtful_letters("Tel.") == [3]


def test_capitals_are_as_high_as_digits() -> None:
    written = write("HE", FONT, np.random.default_rng(0))
    assert abs(written.coverage.shape[0] - EM) < 0.12 * EM
    assert abs(written.below) < 3


def test_a_descender_reaches_below_the_line() -> None:
    assert write("Hp", FONT, np.random.default_rng(0)).below > 0.15 * EM


def test_the_box_of_a_doubtful_letter_holds_its_ink() -> None:
    written = write("I.", FONT, np.random.default_rng(0))
    _, (left, top, right, bottom) = written.doubtful
    ink = written.coverage > 128
    columns = np.flatnonzero(ink[:, written.coverage.shape[1] * 3 // 4 :].any(0))
    assert left > 0.3 * written.coverage.shape[1]
    assert right <= written.coverage.shape[1]
    assert len(columns) and top > 0.6 * EM and bottom > top
