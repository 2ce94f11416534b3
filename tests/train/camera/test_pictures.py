"""Windows and pages, their photographs and what is said of them, and a detector's batches."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from digits.data.mnist import Split
from digits_train import detector_data
from digits_train.camera.exposure import Photograph
from digits_train.camera.lettering import doubtful_letters, write
from digits_train.camera.materials import Materials
from digits_train.camera.page import compose, labelled, number_page, page, random_lines
from digits_train.camera.ranges import RANGES
from digits_train.camera.single import KINDS, NONE, SEVERAL
from digits_train.camera.window import Window
from digits_train.detector_data import CROP_SIDE, Windows, crop, targets
from digits_train.distributed import DistributedContext
from digits_train.matching import LabelledPage
from digits_train.models import Detector
from digits_train.models.detector import Maps
from digits_train.symbols import Symbol, columns
from digits_train.tasks import detection
from tests.train import short
from tests.train.conftest import FONT

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
    """Beside batches of four windows, one of 16 crops is a batch of four as well."""
    monkeypatch.setattr(detector_data, "num_workers", lambda _: 0)
    recipe = replace(short.BARS, crops=4)
    crops = materials._replace(ranges=replace(RANGES, crops=1.0))
    model, parts = Detector(), []
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "labels"),
    [("digit", set(range(10))), ("several", {SEVERAL}), ("other", {NONE}), ("blank", {NONE})],
)
def test_pictures_match_their_kind(kind: str, labels: set[int], materials: Materials) -> None:
    shown = [KINDS[kind](np.random.default_rng(seed), materials) for seed in range(40)]
    assert {picture.label for picture in shown} == labels
    written = [bool(picture.ink.any()) for picture in shown]
    assert np.mean(written) > 0.9 if kind != "blank" else not any(written)


def ink_shows(shown: LabelledPage) -> list[bool]:
    """Of each digit: whether its box holds darker or lighter pixels than its surroundings."""
    pixels, boxes = shown.pixels.astype(float), shown.truth.boxes
    assert (boxes >= 0).all() and (boxes[:, 2:] <= pixels.shape[::-1]).all()
    shows = []
    for left, top, right, bottom in boxes.astype(int):
        part = pixels[top:bottom, left:right]
        around = pixels[max(0, top - 2) : bottom + 2, max(0, left - 2) : right + 2]
        shows.append(np.abs(part - np.median(around)).max() > 15)
    return shows


@pytest.mark.slow
def test_pages_show_their_digits_whole(materials: Materials) -> None:
    randoms = [np.random.default_rng([seed, 4]) for seed in range(6)]
    pages = [page(random, materials, "numbers") for random in randoms[:5]]
    assert np.mean([shows for shown in pages for shows in ink_shows(shown)]) > 0.98
    labels = {label for shown in pages for label in shown.truth.symbols.tolist()}
    assert labels <= set(range(10)) and len(labels) > 5
    assert not len(page(randoms[5], materials, "words").truth.symbols)


def test_signs_are_no_digits_and_what_is_hidden_is_doubtful() -> None:
    window = Window.empty((64, 96))
    boxes = (8, 8, 24, 40), (40, 24, 52, 28), (64, 8, 80, 40)
    window.symbols += [Symbol(box, label, 32) for box, label in zip(boxes, (3, 10, 5), strict=True)]
    window.doubtful.append((84, 48, 92, 60))
    hidden = np.zeros((64, 96), np.float32)
    hidden[:, 60:78] = 1
    shown = labelled(Photograph(np.zeros((64, 96), np.uint8), hidden, window))
    assert shown.truth.boxes.tolist() == [[8, 8, 24, 40]] and shown.truth.symbols.tolist() == [3]
    assert shown.weight[4, 18] == shown.weight[13, 22] == 0
    assert shown.weight[:, :15].all()


def test_each_character_of_a_number_is_seen(materials: Materials) -> None:
    for seed in range(6):  # no page of the one in a hundred that hardly shows its digits
        random = np.random.default_rng([seed, 1])
        lines = random_lines(random)
        shown = number_page(random, materials, lines)
        assert 2 <= len(lines) <= 6 and shown.weight.all()
        assert shown.text.splitlines() == lines
        digits = [int(character) for character in "".join(lines) if character.isdecimal()]
        assert shown.truth.symbols.tolist() == digits  # as they are written
        assert np.mean(ink_shows(shown)) > 0.9


@pytest.mark.parametrize(
    ("text", "doubtful"), [("SGTAB", []), ("A", []), ("IOl", [0, 1, 2]), ("Tel.", [3])]
)
def test_letters_that_may_be_digits_are_doubtful(text: str, doubtful: list[int]) -> None:
    """A letter of a word is known by the others; a full stop may be a point."""
    assert doubtful_letters(text) == doubtful


def test_doubtful_letters_are_in_their_boxes() -> None:
    alone = write("H.", FONT, np.random.default_rng(0)).leaning(0.3, 0.3).scaled(0.5)
    [(left, top, right, bottom)] = alone.doubtful.round().astype(int)
    parts, count = ndimage.label(alone.coverage > 100)
    point = np.argwhere(parts == parts[tuple(np.argwhere(parts)[parts[parts > 0].argmax()])])
    x, y = point.mean(0)[::-1] + 0.5
    assert count == 2 and len(point) < 60
    assert top - 1 < y < bottom + 1 and left - 1 < x < right + 1
