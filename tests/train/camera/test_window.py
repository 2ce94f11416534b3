"""Windows on pages, their photographs, and the batches that a reader is trained on."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from digits.data.mnist import Split
from digits_train.camera import scene
from digits_train.camera.exposure import Photograph
from digits_train.camera.lettering import write
from digits_train.camera.materials import Materials
from digits_train.camera.page import compose
from digits_train.camera.ranges import RANGES
from digits_train.camera.rows import Rows
from digits_train.camera.style import Style, random_style
from digits_train.camera.window import Window
from digits_train.distributed import DistributedContext
from digits_train.models import Reader
from digits_train.models.reader import Maps
from digits_train.reader_data import CROP_SIDE, Windows, batches, crop, make_crops, targets
from digits_train.symbols import Symbol, columns
from digits_train.tasks import detection
from tests.train import small_materials, tiny_pages

SIDE = 160
SMALL = 96


def test_windows_hold_all_symbols_or_no_numbers(materials: Materials) -> None:
    random = np.random.default_rng(0)
    windows = [compose(random, materials, (SIDE, SIDE)) for _ in range(40)]
    assert {symbol.label for window in windows for symbol in window.symbols} == set(range(12))
    counts = [len(window.symbols) for window in windows]
    assert 0 in counts and max(counts) > 20
    for window in windows:
        boxes, labels, _ = columns(window.symbols)
        for left, top, right, bottom in boxes.astype(int).tolist():
            if min(left, top) >= 0 and max(right, bottom) <= SIDE:
                assert window.ink[top:bottom, left:right].max() > 0.2
        centres = (boxes[:, :2] + boxes[:, 2:])[labels < 10] / 2
        away = np.abs(centres[:, None] - centres).max(-1) + 100 * np.eye(len(centres))
        # Two in one cell could not both be learnt.
        assert len(centres) < 2 or np.quantile(away.min(0), 0.02) >= 4


def test_a_sheet_ends_where_it_is_said() -> None:
    sheet = np.full((60, 100), 300, np.float32)  # whiter than any table
    edged, beyond = scene.edges(sheet, np.random.default_rng(0), {0: 30, 3: 15})
    assert beyond[:5].all() and beyond[:, 92:].all() and not beyond[25:, :70].any()
    assert (edged[beyond == 0] == 300).all() and (edged[beyond == 1] < 290).all()


def style(height: float, turn: float, cell: float = 0) -> Style:
    usual = random_style(np.random.default_rng(3))
    return usual._replace(height=height, slope=turn, slant=turn, taught=0, cell=cell)


def test_digits_stand_in_the_middle_of_their_cells(materials: Materials) -> None:
    random, window = np.random.default_rng(3), Window.empty((400, 400))
    rows = Rows(window, style(24, 0.2, cell=1.6), materials, random)
    end = rows.number(20, 200)
    boxes, labels, _ = columns(window.symbols)
    assert set(labels) <= set(range(10)) and len(boxes) > 1
    middles = (boxes[:, 0] + boxes[:, 2]) / 2 - 20
    np.testing.assert_allclose(np.mod(middles / 24, 1.6), 0.8, atol=0.1)
    bars = np.flatnonzero(window.printed[198 + round(0.2 * 20)] > 0.5)
    assert bars.min() == pytest.approx(20, abs=4)
    assert end == pytest.approx(20 + 1.6 * 24 * len(boxes))


def test_words_of_a_turned_page_follow_its_lines(materials: Materials) -> None:
    random, window, turn = np.random.default_rng(0), Window.empty((600, 900)), 0.3
    word = write("mmmmmmmmmm", small_materials.FONT, random)
    rows = Rows(window, style(30, turn), materials._replace(texts=[[word]]), random)
    end = rows.word(50, 200)
    inked = np.flatnonzero(window.ink.any(0))
    left, right = (
        np.flatnonzero(window.ink[:, part].any(1)).mean() for part in (inked[:20], inked[-20:])
    )
    assert right - left == pytest.approx(turn * (end - 50 - 20), rel=0.2)
    assert (left + right) / 2 == pytest.approx(200 + turn * (50 + end) / 2 - 12, abs=5)


def test_batches_depend_on_seed_and_epoch_alone(materials: Materials) -> None:
    def pages(seed: int, epoch: int, workers: int = 0) -> list[bytes]:
        windows = Windows(materials, seed, epoch, batches=2, batch_size=3, side=SMALL)
        composed = list(batches(windows, workers))
        for shown, maps in composed:
            assert shown.shape == (3, 1, SMALL, SMALL) and shown.dtype == torch.uint8
            assert maps.heat.shape == maps.weight.shape == (3, SMALL // 4, SMALL // 4)
        return [shown.numpy().tobytes() for shown, _ in composed]

    first = pages(0, 0)
    assert first == pages(0, 0, workers=1)  # however many processes compose them
    assert len({*first, *pages(0, 1), *pages(1, 0)}) == 6


def test_crops_show_their_symbol_and_hide_what_is_outside(materials: Materials) -> None:
    page = np.arange(192 * 192, dtype=np.uint32).reshape(192, 192).astype(np.uint8)
    window = Window.empty((192, 192))
    boxes = (100, 60, 116, 84), (120, 60, 136, 84), (10, 10, 26, 34)
    window.symbols += [Symbol(box, label, 24) for label, box in enumerate(boxes, 3)]
    shown = Photograph(page, np.zeros((192, 192), np.float32), window)
    cut = crop(shown, window.symbols[0].box, np.array([4, 2, 6, 8]))
    assert cut.pixels.shape == cut.hidden.shape == (CROP_SIDE, CROP_SIDE)
    rows, wide = (np.flatnonzero(1 - cut.hidden.min(axis)) for axis in (1, 0))
    part = slice(rows[0], rows[-1] + 1), slice(wide[0], wide[-1] + 1)
    assert (cut.pixels[part] == page[58:92, 96:122]).all()
    assert (cut.pixels[: rows[0], part[1]] == page[58, 96:122]).all()  # edges repeat
    assert min(rows[0], wide[0]) >= 16 and cut.hidden.sum() == CROP_SIDE**2 - 34 * 26
    left, top, right, bottom = (round(side) for side in cut.window.symbols[0].box)
    assert (cut.pixels[top:bottom, left:right] == page[60:84, 100:116]).all()
    maps = targets(cut)
    assert torch.argwhere(maps.heat == 1).tolist() == [[(top + 12) // 4, (left + 8) // 4]]
    assert maps.weight[(top + 12) // 4, (left + 28) // 4] == 0  # may be found or not
    large = crop(shown, (0, 0, 190, 190), np.zeros(4))
    assert (1 - large.hidden).sum() == (CROP_SIDE - 32) ** 2
    for share, count in ((0.0, 6), (1.0, 0)):
        some = materials._replace(ranges=replace(RANGES, textures=share))
        crops = list(islice(make_crops(some, np.random.default_rng(0)), 6))
        assert {each.pixels.shape for each in crops} == {(SMALL, SMALL)}
        assert sum(bool(each.window.symbols) for each in crops) == count


def test_small_crops_count_as_the_windows_in_whose_place_they_are(
    materials: Materials, train_slice: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside batches of four windows, one of sixteen crops is a batch of four as well."""
    monkeypatch.setattr(detection, "num_workers", lambda: 0)
    recipe = replace(tiny_pages.RECIPE, crops=4)
    crops = materials._replace(ranges=replace(RANGES, crops=1.0))
    model, parts = Reader(), []
    for rank in range(3):
        here = DistributedContext(torch.device("cpu"), rank, 3)
        task = detection.Detection(recipe, train_slice, train_slice, dist=here, materials=crops)
        [batch] = task.batches(0, torch.Generator(), model)
        cells = (len(batch.inputs), CROP_SIDE // 4, CROP_SIDE // 4)
        maps = Maps(*(torch.zeros(cells[0], n, *cells[1:]) for n in (1, 12, 4)))
        parts.append((batch, task.loss(maps, batch)))
    together, _ = Windows(crops, 0, 0, 1, 4)[0]
    assert torch.equal(torch.cat([batch.inputs for batch, _ in parts]), together)
    assert together.shape == (16, 1, CROP_SIDE, CROP_SIDE)
    assert [batch.size for batch, _ in parts] == [task.examples] * 3
    assert task.examples == 4
    for _, (objective, sums) in parts:
        assert objective.item() == pytest.approx(sums.item() / 4)
