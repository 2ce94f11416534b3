"""A detector's batches of windows and tight crops."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from digits_train.camera.exposure import Photograph
from digits_train.camera.materials import Materials
from digits_train.camera.ranges import RANGES, changed
from digits_train.camera.window import Window
from digits_train.data.detector_batches import CROP_SIDE, DetectorBatches, crop, make_single
from digits_train.symbols import LabelledPage, Symbol, label_window
from tests.train import short


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
    labelled = label_window(cut.pixels, *cut.visible())
    assert labelled.truth.boxes.tolist() == [[left, top, right, bottom]]
    assert labelled.doubtful == [(left + 20, top, right + 20, bottom)]
    large = crop(shown, (0, 0, 190, 190), np.zeros(4))
    assert (1 - large.hidden).sum() == (CROP_SIDE - 32) ** 2


def batch(materials: Materials, number: int = 0, **values: object) -> list[LabelledPage]:
    usual: dict[str, Any] = {"recipe": short.DETECTOR, "seed": 0, "size": 4}
    return DetectorBatches(materials, **usual | values)[number]


def pixels(pages: Sequence[LabelledPage]) -> bytes:
    return b"".join(page.pixels.tobytes() for page in pages)


@pytest.mark.slow
def test_a_batch_depends_on_seed_rank_and_number(materials: Materials) -> None:
    words = materials._replace(
        ranges=changed(RANGES, text={"contents": (0, 1, 0)}, window={"textures": 0, "tight": 0})
    )
    batches = [
        batch(words),
        batch(words, 1),
        batch(words, seed=1),
        batch(words, rank=1),
        batch(words, size=3),
    ]
    assert pixels(batch(words)) == pixels(batches[0])
    assert len({pixels(each) for each in batches}) == 5
    assert [*map(len, batches)] == [4] * 4 + [3]
    assert pixels(batches[0]).startswith(pixels(batches[-1]))
    assert {page.pixels.shape for each in batches for page in each} == {(96, 96)}


@pytest.mark.parametrize("chances", [(1.0, 0.125), (0.0, 1.0)])
def test_crops_and_single_digits_are_as_many_pixels_and_never_validate(
    materials: Materials, chances: tuple[float, float]
) -> None:
    recipe, (tight, alone) = replace(short.DETECTOR, window=192), chances
    ranges = changed(RANGES, window={"tight": tight, "alone": alone})
    crops = materials._replace(ranges=ranges)
    for held_out, count, side in ((False, 16, CROP_SIDE), (True, 4, 192)):
        pages = batch(crops, recipe=recipe, held_out=held_out)
        assert [page.pixels.shape for page in pages] == [(side, side)] * count


def test_pictures_of_one_digit_are_labelled_where_it_is(materials: Materials) -> None:
    random = np.random.default_rng(0)
    pages = [make_single(materials, random) for _ in range(100)]
    assert {len(page.truth.symbols) for page in pages} == {0, 1}
    digits = [page for page in pages if len(page.truth.symbols)]
    assert len(digits) > 40
    visible = 0
    for page in digits:
        [(left, top, right, bottom)] = page.truth.boxes.tolist()
        assert -1 <= left < right <= CROP_SIDE + 1 and -1 <= top < bottom <= CROP_SIDE + 1
        rows, columns = (
            slice(max(0, int(top)), int(bottom) + 1),
            slice(max(0, int(left)), int(right) + 1),
        )
        visible += int(np.ptp(page.pixels[rows, columns])) > 10
    assert visible > 0.8 * len(digits)  # a scan in black and white may lose a faint one
