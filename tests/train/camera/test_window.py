"""Windows on pages, their photographs, and the batches that a reader is trained on."""

import numpy as np
import pytest
import torch

from digits.data.mnist import Split
from digits_train import reader_data
from digits_train.camera import exposure, fonts
from digits_train.camera.compose import compose
from digits_train.camera.lettering import write
from digits_train.camera.rows import Rows, random_style
from digits_train.camera.window import Materials, Window
from digits_train.detection import Targets
from digits_train.raster import sheared
from digits_train.reader_data import Example, Windows, batches, make_examples
from tests.train import small_materials

SIDE = 160
SMALL = 96


@pytest.fixture(scope="module")
def materials(train_slice: Split) -> Materials:
    return small_materials.make(train_slice)


@pytest.fixture(scope="module")
def windows(materials: Materials) -> list[Window]:
    random = np.random.default_rng(0)
    return [compose(random, materials, SIDE) for _ in range(80)]


@pytest.mark.slow
def test_windows_hold_all_symbols_or_no_numbers(
    materials: Materials, windows: list[Window]
) -> None:
    assert {symbol for window in windows for symbol in window.symbols} == set(range(12))
    counts = [len(window.symbols) for window in windows]
    assert 0 in counts and max(counts) > 20
    again = compose(np.random.default_rng(0), materials, SIDE)  # follows the seed
    assert (again.ink == windows[0].ink).all() and again.boxes == windows[0].boxes


def test_every_symbol_has_ink_in_its_box(windows: list[Window]) -> None:
    seen = 0
    for window in windows:
        assert len(window.boxes) == len(window.symbols) == len(window.heights)
        for left, top, right, bottom in window.boxes:
            if min(left, top) >= 0 and max(right, bottom) <= SIDE:
                seen += 1
                part = window.ink[round(top) : round(bottom), round(left) : round(right)]
                assert part.max() > 0.2
    assert seen > 100


def test_centres_of_neighbours_are_apart(windows: list[Window]) -> None:
    # Two in one cell could not both be learnt.
    for window in windows[:30]:
        boxes = np.array(window.boxes).reshape(-1, 4)
        digits = boxes[np.array(window.symbols, int) < 10]
        centres = (digits[:, :2] + digits[:, 2:]) / 2
        away = np.abs(centres[:, None] - centres).max(-1) + 100 * np.eye(len(centres))
        assert len(centres) < 2 or np.quantile(away.min(0), 0.02) >= 4


def test_photographs_show_the_ink(windows: list[Window]) -> None:
    random = np.random.default_rng(5)
    differences = []
    for window in windows[:12]:
        picture, hidden = exposure.photograph(window, 30, random)
        assert picture.shape == (SIDE, SIDE) and picture.dtype == np.uint8
        ink = (window.ink > 0.8) & (hidden == 0)
        if ink.sum() > 200:
            differences.append(abs(float(picture[ink].mean()) - float(picture[~ink].mean())))
    assert np.median(differences) > 20
    textures = [exposure.texture(SIDE, random) for _ in range(8)]
    assert {picture.shape for picture in textures} == {(SIDE, SIDE)}
    assert len({picture.tobytes() for picture in textures}) == 8


def test_the_other_side_shines_through_mirrored() -> None:
    sheet, behind = Window.empty(64), Window.empty(64)
    behind.ink[20:40, 5:15] = 1
    darker = np.zeros((64, 64))
    for seed in range(30):
        plain, through = (
            exposure.photograph(sheet, 20, np.random.default_rng(seed), other).pixels.astype(float)
            for other in (sheet, behind)
        )
        darker += np.abs(through - plain)
    assert darker[20:40, 49:59].mean() > 3 * darker[20:40, 5:15].mean()


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_digits_stand_in_the_middle_of_their_cells(materials: Materials, slope: float) -> None:
    random, window = np.random.default_rng(3), Window.empty(400)
    style = random_style(random)._replace(height=24, slope=slope, slant=slope, cell=1.6, taught=0)
    rows = Rows(window, style, materials.pens.writer(random), materials, random)
    end = rows.number(20, 200)
    boxes = np.array(window.boxes)
    assert set(window.symbols) <= set(range(10)) and len(boxes) > 1
    middles = (boxes[:, 0] + boxes[:, 2]) / 2 - 20
    np.testing.assert_allclose(np.mod(middles / 24, 1.6), 0.8, atol=0.1)
    bars = np.flatnonzero(window.printed[198 + round(slope * 20)] > 0.5)
    assert bars.min() == pytest.approx(20, abs=4) and end == pytest.approx(
        20 + 1.6 * 24 * len(boxes)
    )


@pytest.mark.parametrize("turn", [0.3, -0.3])
def test_a_turned_page_leans_as_a_whole(turn: float) -> None:
    """A square's sides turn as a photograph's do: to the right of level and of upright."""
    square = np.full((60, 60), 255, np.uint8)
    drawn = sheared(square, turn, turn).astype(float)
    assert drawn.shape == (78, 78)
    y, x = np.indices(drawn.shape)

    def slope_of_middles(across: np.ndarray, axis: int) -> float:
        middles = (across * drawn).sum(axis) / drawn.sum(axis)
        return float(np.polyfit(np.arange(25, 53), middles[25:53], 1)[0])

    assert slope_of_middles(y, 0) == pytest.approx(turn, abs=0.05)
    assert slope_of_middles(x, 1) == pytest.approx(-turn, abs=0.05)
    assert drawn.sum() == pytest.approx(square.sum() * (1 + turn**2), rel=0.03)
    small = square[:5, :5]
    assert sheared(small, turn / 6, turn / 6) is small  # what leans no pixel stays as it is


def test_words_of_a_turned_page_follow_its_lines(materials: Materials) -> None:
    random, window = np.random.default_rng(0), Window.empty(400)
    word = write("mmmmmmmmmm", small_materials.FONT, random)
    style = random_style(random)._replace(height=30, slope=0.3, slant=0.3)
    writer = materials.pens.writer(random)
    rows = Rows(window, style, writer, materials._replace(texts=[[word]]), random)
    end = rows.word(50, 100)
    columns = np.flatnonzero(window.ink.any(0))
    left, right = (
        np.flatnonzero(window.ink[:, part].any(1)).mean() for part in (columns[:20], columns[-20:])
    )
    assert right - left == pytest.approx(0.3 * (end - 50 - 20), rel=0.2)


def dataset(materials: Materials, epoch: int = 0, seed: int = 0) -> Windows:
    return Windows(materials, seed, epoch, batches=2, batch_size=3, side=SMALL)


def test_a_batch_has_pages_and_their_targets(materials: Materials) -> None:
    pages, targets = dataset(materials)[0]
    assert pages.shape == (3, 1, SMALL, SMALL) and pages.dtype == torch.uint8
    cells = SMALL // 4
    assert targets.heat.shape == targets.weight.shape == targets.symbols.shape == (3, cells, cells)
    assert targets.boxes.shape == (3, 4, cells, cells)
    assert targets.symbols.dtype == torch.int64
    assert len(list(make_examples(materials, np.random.default_rng(0), 5, SMALL))) == 5


def test_batches_depend_on_seed_and_epoch_alone(materials: Materials) -> None:
    def pages(chosen: Windows, workers: int) -> list[bytes]:
        made = list(batches(chosen, workers))
        assert all(isinstance(targets, Targets) for _, targets in made)
        return [batch.numpy().tobytes() for batch, _ in made]

    first = pages(dataset(materials), 0)
    assert first == pages(dataset(materials), 1)  # however many processes compose them
    assert first[0] != first[1]
    assert first != pages(dataset(materials, epoch=1), 0)
    assert first != pages(dataset(materials, seed=1), 0)


def test_a_hidden_symbol_is_neither_wanted_nor_wrong() -> None:
    window = Window.empty(SMALL)
    window.boxes += [(left, 30, left + 16, 54) for left in (10, 60)]
    window.symbols, window.heights = [3, 3], [24, 24]
    hidden = np.zeros((SMALL, SMALL), np.float32)
    hidden[:, 50:] = 1
    targets = Example(np.zeros((SMALL, SMALL), np.uint8), window, hidden).targets()
    assert torch.argwhere(targets.heat == 1).tolist() == [[10, 4]]
    assert targets.weight[10, 17] == 0


@pytest.mark.slow
@pytest.mark.usefixtures("slice_as_mnist")
def test_materials_and_pages_are_written_in_all_fonts(
    train_slice: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("hands", "printed"):  # they would have to be fetched
        monkeypatch.setattr(fonts, kind, lambda use="training": fonts.bundled(use)[:4])
    made = reader_data.make_materials(train_slice, 0, bank=20, texts=40)
    assert (len(made.fonts), len(made.texts), len(made.marks)) == (4, 9, 10)
    pages = reader_data.validation_pages(10, seed=0)
    assert [bool(page.text) for page in pages] == [True] * 9 + [False]
    for page in pages:
        assert page.pixels.dtype == np.uint8 and page.pixels.ndim == 2
        assert len(page.digits) == len(page.boxes) == sum(map(str.isdecimal, page.text))
        height, width = page.pixels.shape
        assert (page.boxes[:, :2] < page.boxes[:, 2:]).all()
        assert (page.boxes >= 0).all() and (page.boxes[:, 2:] <= (width, height)).all()
    assert (reader_data.validation_pages(1, seed=0)[0].pixels == pages[0].pixels).all()
    for index, page in enumerate(reader_data.number_pages(4, seed=0)):
        lines = page.text.splitlines()
        assert 2 <= len(lines) <= 6 and all(line.isdecimal() and len(line) <= 10 for line in lines)
        in_font = index % 2  # then its boxes aren't known
        assert len(page.digits) == len(page.boxes) == (0 if in_font else len("".join(lines)))
