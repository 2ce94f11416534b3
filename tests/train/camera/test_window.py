"""Windows on pages."""

import numpy as np
import pytest

from digits.data.mnist import Split
from digits_train.camera import exposure, window
from digits_train.camera.drawings import draw_marks
from digits_train.camera.glyphs import PenBank
from digits_train.camera.lettering import Lettering, write
from digits_train.camera.window import Materials, Window
from tests.train.camera.test_lettering import FONT

SIDE = 160


@pytest.fixture(scope="module")
def materials(train_slice: Split) -> Materials:
    random = np.random.default_rng(0)
    texts: list[Lettering] = [
        write(text, FONT, random) for text in ("sum", "Tel.", "&", "O", "date")
    ]
    marks = draw_marks(train_slice, 20, random)
    return Materials(PenBank(train_slice, 400, random), (), [texts], marks)


def windows(materials: Materials, count: int, seed: int = 0) -> list[Window]:
    random = np.random.default_rng(seed)
    return [window.compose(random, materials, SIDE) for _ in range(count)]


def test_every_symbol_has_ink_in_its_box(materials: Materials) -> None:
    seen = 0
    for shown in windows(materials, 20):
        for left, top, right, bottom in shown.boxes:
            if min(left, top) < 0 or max(right, bottom) > SIDE:
                continue
            seen += 1
            assert shown.ink[round(top) : round(bottom), round(left) : round(right)].max() > 0.2
    assert seen > 100


def test_windows_hold_all_symbols(materials: Materials) -> None:
    symbols = {symbol for shown in windows(materials, 80) for symbol in shown.symbols}
    assert symbols == set(range(12))


def test_some_windows_have_no_numbers(materials: Materials) -> None:
    counts = [len(shown.symbols) for shown in windows(materials, 60)]
    assert 0 in counts and max(counts) > 20


def test_symbols_and_their_boxes_are_as_many(materials: Materials) -> None:
    for shown in windows(materials, 20):
        assert len(shown.boxes) == len(shown.symbols) == len(shown.heights)


def test_centres_of_neighbours_are_apart(materials: Materials) -> None:
    # Two in one cell could not both be learnt.
    for shown in windows(materials, 30, seed=1):
        boxes = np.array(shown.boxes).reshape(-1, 4)
        digits = boxes[np.array(shown.symbols, int) < 10]
        centres = (digits[:, :2] + digits[:, 2:]) / 2
        away = np.abs(centres[:, None] - centres).max(-1) + 100 * np.eye(len(centres))
        assert len(centres) < 2 or np.quantile(away.min(0), 0.02) >= 4


def test_the_same_seed_gives_the_same_window(materials: Materials) -> None:
    one, other = windows(materials, 3), windows(materials, 3)
    assert all(
        (a.ink == b.ink).all() and a.boxes == b.boxes for a, b in zip(one, other, strict=True)
    )


def test_photographs_show_the_ink(materials: Materials) -> None:
    random = np.random.default_rng(5)
    differences = []
    for shown in windows(materials, 12, seed=2):
        picture, hidden = exposure.photograph(shown, 30, random)
        assert picture.shape == (SIDE, SIDE) and picture.dtype == np.uint8
        ink = (shown.ink > 0.8) & (hidden == 0)
        if ink.sum() > 200:
            differences.append(abs(float(picture[ink].mean()) - float(picture[~ink].mean())))
    assert np.median(differences) > 20


def test_textures_are_pictures() -> None:
    random = np.random.default_rng(6)
    pictures = [exposure.texture(SIDE, random) for _ in range(8)]
    assert {picture.shape for picture in pictures} == {(SIDE, SIDE)}
    assert len({picture.tobytes() for picture in pictures}) == 8


@pytest.mark.parametrize("turn", [0.3, -0.3])
def test_a_turned_page_leans_as_a_whole(turn: float) -> None:
    """A square's sides turn as a photograph's do: to the right of level and of upright."""
    square = np.full((60, 60), 255, np.uint8)
    drawn = window._sheared(square, turn, turn).astype(float)
    assert drawn.shape == (78, 78)
    y, x = np.indices(drawn.shape)

    def slope_of_middles(across: np.ndarray, axis: int) -> float:
        middles = (across * drawn).sum(axis) / drawn.sum(axis)
        return float(np.polyfit(np.arange(25, 53), middles[25:53], 1)[0])

    assert slope_of_middles(y, 0) == pytest.approx(turn, abs=0.05)
    assert slope_of_middles(x, 1) == pytest.approx(-turn, abs=0.05)
    assert drawn.sum() == pytest.approx(square.sum() * (1 + turn**2), rel=0.03)


def test_what_leans_no_pixel_stays_as_it_is() -> None:
    square = np.full((5, 5), 255, np.uint8)
    assert window._sheared(square, 0.05, -0.05) is square


def test_words_of_a_turned_page_follow_its_lines(materials: Materials) -> None:
    random = np.random.default_rng(0)
    shown = Window.empty(400)
    style = window.random_style(random)._replace(height=30, slope=0.3, slant=0.3)
    rows = window._Rows(shown, style, materials.pens.writer(random), materials, random)
    [text] = [write("mmmmmmmmmm", FONT, random)]
    rows.texts = [text]
    end = rows.word(50, 100)
    columns = np.flatnonzero(shown.ink.any(0))
    heights = [
        np.flatnonzero(shown.ink[:, part].any(1)).mean() for part in (columns[:20], columns[-20:])
    ]
    assert heights[1] - heights[0] == pytest.approx(0.3 * (end - 50 - 20), rel=0.2)
