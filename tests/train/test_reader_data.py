"""The windows and pages that the reader is trained and validated on."""

import numpy as np
import pytest
import torch

from digits.data.mnist import Split
from digits_train.camera import fonts
from digits_train.camera.drawings import draw_marks
from digits_train.camera.glyphs import PenBank
from digits_train.camera.lettering import write
from digits_train.camera.window import Materials, Window
from digits_train.detection import Targets
from digits_train.reader_data import Example, Windows, batches, make_examples, validation_pages
from tests.train.camera.test_lettering import FONT

SIDE = 96


@pytest.fixture(scope="module")
def materials(train_slice: Split) -> Materials:
    random = np.random.default_rng(0)
    marks = draw_marks(train_slice, 20, random)
    texts = [[write("sum", FONT, random)]]
    return Materials(PenBank(train_slice, 400, random), (), texts, marks)


def windows(materials: Materials, epoch: int = 0, seed: int = 0) -> Windows:
    return Windows(materials, seed, epoch, batches=2, batch_size=3, side=SIDE)


def test_a_batch_has_pages_and_their_targets(materials: Materials) -> None:
    pages, targets = windows(materials)[0]
    assert pages.shape == (3, 1, SIDE, SIDE) and pages.dtype == torch.uint8
    cells = SIDE // 4
    assert targets.heat.shape == targets.weight.shape == targets.symbols.shape == (3, cells, cells)
    assert targets.boxes.shape == (3, 4, cells, cells)
    assert targets.symbols.dtype == torch.int64


def test_batches_depend_on_seed_and_epoch_alone(materials: Materials) -> None:
    def pages(chosen: Windows, workers: int) -> list[bytes]:
        return [batch.numpy().tobytes() for batch, _ in batches(chosen, workers)]

    first = pages(windows(materials), 0)
    assert first == pages(windows(materials), 1)  # however many processes compose them
    assert first[0] != first[1]
    assert first != pages(windows(materials, epoch=1), 0)
    assert first != pages(windows(materials, seed=1), 0)


def test_batches_of_worker_processes_are_targets(materials: Materials) -> None:
    assert all(isinstance(targets, Targets) for _, targets in batches(windows(materials), 1))


def test_examples_are_as_many_as_asked(materials: Materials) -> None:
    random = np.random.default_rng(0)
    assert len(list(make_examples(materials, random, 5, SIDE))) == 5


def test_a_hidden_symbol_is_neither_wanted_nor_wrong() -> None:
    shown = Window.empty(SIDE)
    for left in (10, 60):
        shown.boxes.append((left, 30, left + 16, 54))
        shown.symbols.append(3)
        shown.heights.append(24)
    hidden = np.zeros((SIDE, SIDE), np.float32)
    hidden[:, 50:] = 1
    targets = Example(np.zeros((SIDE, SIDE), np.uint8), shown, hidden).targets()
    assert np.argwhere(targets.heat == 1).tolist() == [[10, 4]]
    assert targets.weight[10, 17] == 0


@pytest.mark.slow
@pytest.mark.usefixtures("slice_as_mnist")
def test_validation_pages_say_what_is_on_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("hands", "printed"):  # they would have to be fetched
        monkeypatch.setattr(fonts, kind, fonts.bundled)
    pages = validation_pages(10, seed=0)
    assert [bool(page.text) for page in pages] == [True] * 9 + [False]
    for page in pages:
        assert page.pixels.dtype == np.uint8 and page.pixels.ndim == 2
        assert len(page.digits) == len(page.boxes) == sum(map(str.isdecimal, page.text))
        height, width = page.pixels.shape
        assert (page.boxes[:, :2] < page.boxes[:, 2:]).all()
        assert (page.boxes >= 0).all() and (page.boxes[:, 2:] <= (width, height)).all()
    assert (validation_pages(1, seed=0)[0].pixels == pages[0].pixels).all()
