import numpy as np
import pytest
from numpy.random import Generator

from digits_train.handwriting import digits
from digits_train.handwriting.digits import STYLES, draw_digit, generate
from digits_train.handwriting.pen import Picture
from digits_train.handwriting.strokes import size

EVERY = [(digit, name) for digit, styles in STYLES.items() for name in styles]


@pytest.fixture
def drawn_styles(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the names of the styles that `generate` draws."""
    names: list[str] = []

    def draw(rng: Generator, digit: int, style: str) -> Picture:
        names.append(f"{digit} {style}")
        return np.full((20, 10), 255, np.uint8)

    monkeypatch.setattr(digits, "draw_digit", draw)
    return names


def test_every_digit_has_styles_none_rare() -> None:
    assert list(STYLES) == list(range(10))
    for styles in STYLES.values():
        weights = np.array([style.weight for style in styles.values()])
        assert weights.sum() == pytest.approx(1)
        assert weights.min() >= 0.08 - 1e-9


@pytest.mark.parametrize(("digit", "style"), EVERY)
def test_style_is_varied_about_1_high_and_drawn_cropped(digit: int, style: str) -> None:
    rng = np.random.default_rng(0)
    glyphs = [STYLES[digit][style].model(rng) for _ in range(20)]
    assert all(0.75 < size(glyph)[1] < 1.35 for glyph in glyphs)
    assert len({glyph[0].tobytes() for glyph in glyphs}) == 20
    for picture in (draw_digit(rng, digit, style) for _ in range(5)):
        assert picture.dtype == np.uint8
        assert picture.max() == 255
        assert 80 < max(picture.shape) < 180
        assert all(edge.any() for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]))
        assert 0.01 < (picture > 127).mean() < 0.98


@pytest.mark.parametrize("digit", [0, 4, 6, 8, 9])
def test_pen_leaves_loops_open(digit: int) -> None:
    rng = np.random.default_rng(0)
    inked = [(draw_digit(rng, digit) > 127).mean() for _ in range(100)]
    assert np.quantile(inked, 0.95) < 0.75


def test_1_and_7_differ() -> None:
    """A 1's upstroke is at an acute angle to its stem; a 7's bar is nearly level."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        for length in ("short", "medium", "long"):
            x, y = STYLES[1][f"{length} upstroke"].model(rng)[0][0]
            assert x < 0 < y and 15 < np.degrees(np.arctan2(-x, y)) < 60
        for style in ("plain", "crossed"):
            stroke = STYLES[7][style].model(rng)[0]
            x, y = stroke[1] - stroke[0]
            assert x > 0.4 and abs(np.degrees(np.arctan2(y, x))) < 15


def test_generate_frames_each_digit_equally_often() -> None:
    """More pictures than are framed together, the same for the same seed."""
    frames, labels = generate(510, 5)
    again, same_labels = generate(510, 5)
    assert np.array_equal(frames, again) and np.array_equal(labels, same_labels)
    assert frames.shape == (510, 28, 28) and frames.dtype == labels.dtype == np.uint8
    assert np.bincount(labels).tolist() == [51] * 10
    assert (np.diff(labels) == 1).mean() < 0.5  # in random order
    assert (frames.max((1, 2)) == 255).all()
    assert len({frame.tobytes() for frame in (*frames, *generate(30, 6)[0])}) == 540


def test_generate_draws_every_style_by_its_weight(drawn_styles: list[str]) -> None:
    generate(4000, 0)
    assert set(drawn_styles) == {f"{digit} {name}" for digit, name in EVERY}
    assert 80 < drawn_styles.count("7 crossed") < 112  # of 400, 24 %


def test_generate_without_some_styles(drawn_styles: list[str]) -> None:
    _, labels = generate(2000, 0, without=["1 long upstroke", "7 crossed"])
    assert not {"1 long upstroke", "7 crossed"} & set(drawn_styles)
    assert "7 crossed and hooked" in drawn_styles
    assert np.bincount(labels).tolist() == [200] * 10
    with pytest.raises(ValueError, match="no such style: 7 dotted"):
        generate(10, 0, without=["7 dotted", "7 crossed"])
