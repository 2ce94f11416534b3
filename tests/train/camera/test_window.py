"""Windows on pages, their photographs, and the batches that a reader is trained on."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from digits.data.mnist import Split
from digits_train.camera.exposure import Photograph
from digits_train.camera.materials import Materials
from digits_train.camera.page import compose
from digits_train.camera.ranges import RANGES
from digits_train.camera.window import Window
from digits_train.distributed import DistributedContext
from digits_train.models import Reader
from digits_train.models.reader import Maps
from digits_train.reader_data import CROP_SIDE, Windows, crop, targets
from digits_train.symbols import Symbol, columns
from digits_train.tasks import detection
from tests.train import tiny_pages

SIDE = 160


@pytest.mark.slow
def test_windows_hold_all_symbols_or_no_numbers(materials: Materials) -> None:
    random = np.random.default_rng(0)
    windows = [compose(random, materials, (SIDE, SIDE)) for _ in range(40)]
    assert {symbol.label for window in windows for symbol in window.symbols} == set(range(12))
    counts = [len(window.symbols) for window in windows]
    assert 0 in counts and max(counts) > 20
    for window in windows:
        boxes, _, _ = columns(window.symbols)
        for left, top, right, bottom in boxes.astype(int).tolist():
            if min(left, top) >= 0 and max(right, bottom) <= SIDE:
                assert window.ink[top:bottom, left:right].max() > 0.2


def test_crops_show_their_symbol_and_hide_what_is_outside() -> None:
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


@pytest.mark.slow
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
        count, side = len(batch.inputs), CROP_SIDE // 4
        maps = Maps(*(torch.zeros(count, n, side, side) for n in (1, 12, 4)))
        parts.append((batch, task.loss(maps, batch)))
    together, _ = Windows(crops, 0, 0, 1, 4)[0]
    assert torch.equal(torch.cat([batch.inputs for batch, _ in parts]), together)
    assert together.shape == (16, 1, CROP_SIDE, CROP_SIDE)
    assert [batch.size for batch, _ in parts] == [task.examples] * 3 == [4] * 3
    for _, (objective, sums) in parts:
        assert objective.item() == pytest.approx(sums.item() / 4)
