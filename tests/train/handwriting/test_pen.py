import numpy as np
import pytest

from digits_train.handwriting.pen import SIZE, Pen, Picture, draw, random_pen
from digits_train.handwriting.strokes import Glyph, line

STEM: Glyph = [line((0, 0), (0, 1))]


def drawn(glyph: Glyph, pen: Pen, seed: int = 0) -> Picture:
    return draw(glyph, pen, np.random.default_rng(seed))


def ink_by_row(pen: Pen, seed: int = 0) -> list[float]:
    """The pixels of ink in each row of a stem."""
    return [float(row.sum()) / 255 for row in drawn(STEM, pen, seed)]


@pytest.mark.parametrize("width", [0.03, 0.1, 0.28])
def test_width_is_a_share_of_the_height_and_ends_are_round(width: float) -> None:
    rows = ink_by_row(Pen(width))
    assert np.mean(rows[SIZE // 4 : -SIZE // 4]) == pytest.approx(width * SIZE, abs=1)
    assert len(rows) == pytest.approx(SIZE * (1 + width), abs=2)
    assert min(rows) > 0  # uninterrupted
    if width == 0.28:
        assert rows[0] < rows[3] < rows[10] and rows[-1] < rows[-4] < rows[-11]


def test_taper_thins_only_the_end_and_pressure_varies_the_width() -> None:
    rows = ink_by_row(Pen(0.1, taper=0.3))
    assert rows[-SIZE // 20] < 0.6 * rows[SIZE // 2]
    assert rows[SIZE // 10] == pytest.approx(rows[SIZE // 2], abs=1)
    steady, varied = (np.std(ink_by_row(Pen(0.15, pressure))[20:-20]) for pressure in (0, 0.35))
    assert steady < 0.5 < varied


def test_gap_interrupts_the_stroke_and_retouching_widens_it() -> None:
    broken = [0 in ink_by_row(Pen(0.03, gap=1), seed) for seed in range(20)]
    assert np.mean(broken) > 0.7  # a gap of two points may be closed by the round ends
    widths = [drawn(STEM, Pen(0.3, retouch=1), seed).shape[1] / SIZE for seed in range(20)]
    assert min(widths) > 0.29  # what is drawn beside the stroke isn't cut off
    assert max(widths) > 0.4


def test_random_pen_range() -> None:
    rng = np.random.default_rng(0)
    widths = [random_pen(rng).width for _ in range(500)]
    assert 0.03 <= min(widths) < 0.035 and 0.3 < max(widths) <= 0.32
    assert 0.08 < np.median(widths) < 0.15
    assert max(random_pen(rng, 0.1).width for _ in range(500)) <= 0.1
