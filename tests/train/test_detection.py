"""What the detector learns, and what it is judged by; hard negatives."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, one_hot

from digits.inference.interface import SYMBOLS
from digits_train import mining
from digits_train.camera.ink import NO_BOXES, Glyph
from digits_train.camera.materials import Materials
from digits_train.detection import Targets, detection_loss, make_targets
from digits_train.matching import (
    DOUBTFUL,
    INVENTED,
    NOTHING,
    LabelledPage,
    Match,
    Truth,
    confusion,
    find_symbols,
)
from digits_train.models.detector import Detector, Maps
from digits_train.symbols import Box, Symbol

ALL = np.ones((24, 24), np.float32)
Symbols = list[tuple[Box, int]]
ONE, TWO = (20, 20, 26, 50), (60, 20, 80, 50)
FOUR, SEVEN = (20, 20, 44, 50), (36, 20, 60, 50)  # touching: their centres are in each other's box
TRUTH: Symbols = [(ONE, 1), (TWO, 2)]


def targets_of(
    *boxes: Box, symbol: int = 7, height: float | None = None, doubtful: tuple[Box, ...] = ()
) -> Targets:
    symbols = [Symbol(box, symbol, height or box[3] - box[1]) for box in boxes]
    return make_targets((64, 96), symbols, doubtful)


def test_neighbours_keep_peaks_of_their_own() -> None:
    heat = targets_of((28, 20, 34, 44), (36, 20, 42, 44), symbol=1).heat
    [[_, left], [_, right]] = (heat == 1).nonzero().tolist()
    assert heat[8, left : right + 1].min() < 1


@pytest.mark.parametrize(
    ("targets", "peaks", "weights"),
    [
        (targets_of((36, 28, 44, 37)), 0, {(8, 10): 0}),  # too small
        (targets_of((36, 28, 44, 38)), 1, {}),
        (targets_of((25, 2, 55, 62)), 1, {}),
        (targets_of((25, 1, 55, 62)), 0, {(7, 10): 0}),  # too large
        (targets_of((-40, -60, 120, 120)), 0, {(8, 10): 1}),  # so large that nothing looks like it
        (targets_of((40, 30, 52, 33), symbol=10, height=24), 1, {}),  # a minus between digits
        (targets_of(doubtful=((8, 8, 20, 20),)), 0, {(3, 3): 0, (10, 15): 1}),
        (targets_of(doubtful=((8, 8, 8, 20),)), 0, {(3, 2): 1}),  # it has no extent
        (targets_of((-30, 10, -4, 34), (90, 10, 110, 34)), 0, {(5, 23): 0}),  # centres outside
    ],
)
def test_what_is_wanted_and_what_is_doubtful(
    targets: Targets, peaks: int, weights: dict[tuple[int, int], float]
) -> None:
    assert (targets.heat == 1).sum() == peaks
    assert (targets.symbols >= 0).any() == bool(peaks)
    assert {cell: targets.weight[cell].item() for cell in weights} == weights


def test_the_loss_of_the_truth_is_small_and_that_of_an_empty_page_finite() -> None:
    pages = targets_of((30, 20, 46, 44), (60, 20, 76, 44))
    targets = Targets(*(part[None] for part in pages))
    centres = torch.where(targets.heat >= 0.999, 12.0, -12.0)[:, None]
    symbols = 20.0 * one_hot(targets.symbols.clamp(min=0), len(SYMBOLS)).movedim(-1, 1)
    perfect = Maps(centres, symbols, targets.boxes)
    least = detection_loss(perfect, targets)
    assert least < 0.6  # label smoothing leaves some
    for wrong, more in (
        (perfect._replace(centres=-12 * torch.ones_like(centres)), 5),
        (perfect._replace(centres=12 * torch.ones_like(centres)), 100),
        (perfect._replace(symbols=-symbols), 5),
        (perfect._replace(boxes=targets.boxes + 1), 0.9),
    ):
        assert detection_loss(wrong, targets) > least + more
    maps = Maps(*(torch.zeros(1, n, 16, 24) for n in (1, 12, 4)))
    assert detection_loss(maps, Targets(*(part[None] for part in targets_of()))).isfinite()


def labelled(symbols: Symbols) -> Truth:
    boxes = np.array([box for box, _ in symbols], np.float32).reshape(-1, 4)
    return Truth(boxes, np.array([symbol for _, symbol in symbols], np.int64))


def match(detections: Symbols, truth: Symbols, weight: np.ndarray = ALL) -> Match:
    page = LabelledPage(np.zeros((96, 96), np.uint8), "", labelled(truth), weight)
    return page.match(*labelled(detections))


@pytest.mark.parametrize(
    ("detections", "truth", "counts"),
    [
        ([], TRUTH, (0, 2, 0, 0)),
        ([(ONE, 1)], [], (0, 0, 1, 0)),
        ([(ONE, 7), (TWO, 2)], TRUTH, (1, 0, 0, 1)),
        ([*TRUTH, (TWO, 2)], TRUTH, (2, 0, 1, 0)),  # no symbol is there twice
        ([((24, 20, 30, 50), 1), (TWO, 2)], TRUTH, (2, 0, 0, 0)),  # a cell beside the middle
        ([((29, 20, 35, 50), 1), (TWO, 2)], TRUTH, (1, 1, 1, 0)),
        ([((-30, -30, -10, -10), 5), ((200, 200, 240, 240), 5)], TRUTH, (0, 2, 2, 0)),
        ([(SEVEN, 7), (FOUR, 4)], [(FOUR, 4), (SEVEN, 7)], (2, 0, 0, 0)),
    ],
)
def test_counts(detections: Symbols, truth: Symbols, counts: tuple[int, int, int, int]) -> None:
    matched = match(detections, truth)
    score = matched.score
    right = score.symbols - score.missed - score.wrong
    assert (right, score.missed, score.invented, score.wrong) == counts
    table = confusion([matched, matched])
    missed, invented = int(table[:, NOTHING].sum()), int(table[NOTHING].sum())
    assert (missed, invented) == (2 * counts[1], 2 * counts[2])


def test_what_is_doubtful_is_no_error() -> None:
    weight = ALL.copy()
    weight[20:] = 0
    matched = match([((10, 82, 20, 94), 5), ((10, 60, 20, 70), 5)], TRUTH, weight)
    assert matched.partners.tolist() == [DOUBTFUL, INVENTED]
    assert matched.score == (2, 2, 0, 1) and matched.missed.tolist() == [0, 1]


def test_perfect_maps_have_no_errors_and_the_surest_are_first() -> None:
    minus, point = (20.0, 70.0, 38.0, 74.0), (60.0, 70.0, 64.0, 74.0)
    symbols: Symbols = [(ONE, 1), (TWO, 2), (minus, 10), (point, 11)]
    made = make_targets((96, 96), [Symbol(box, label, 30) for box, label in symbols])
    targets = Targets(*(part[None] for part in made))
    classes = one_hot(targets.symbols.clamp(min=0), 12).movedim(-1, 1).float()
    centres = (targets.heat[:, None] - 0.7) * 20
    centres[0, 0, 18, 15] += 1  # the point
    centres[0, 0, 2, 2] = -0.1  # rather nothing
    [detections] = find_symbols(Maps(centres, classes, targets.boxes))
    order = detections.symbols.argmax(1).argsort()
    np.testing.assert_allclose(detections.boxes[order], labelled(symbols).boxes, atol=1e-3)
    page = LabelledPage(np.zeros((96, 96), np.uint8), "", labelled(symbols), ALL)
    assert page.match(detections.boxes, detections.symbols.argmax(1)).score == (4, 0, 0, 0)
    assert detections.symbols[0].argmax() == 11


def text(level: int, doubtful: np.ndarray = NO_BOXES) -> Glyph:
    return Glyph(np.full((40, 90), level, np.uint8), 0.0, doubtful)


def ink_maps(model: object, pages: Tensor) -> Maps:
    """The blacker a cell of 4x4 pixels, the surer a symbol."""
    ink = avg_pool2d(255 - pages.float(), 4)
    return Maps(ink, ink, ink)


def test_the_most_misleading_of_the_tried_are_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mining, "predict_maps", ink_maps)
    random, model = np.random.default_rng(0), Detector()
    everywhere = np.array([(0, 0, 90, 40)], np.float32)
    texts = [[text(50), text(255), text(255, everywhere)], [text(150)]]
    marks = [Glyph(np.full((300, 2000), 200, np.uint8))]  # so large that it is cut off
    materials = Materials((), (), texts, marks)
    chosen = mining.with_hard_negatives(materials, model, random, limit=3)
    assert [int(hard.coverage.max()) for hard in chosen.hard] == [255, 200, 150]
    assert not len(chosen.hard[0].doubtful)  # the other one of 255 may well be a symbol
    assert chosen._replace(hard=()) == materials
    assert len(mining.with_hard_negatives(materials, model, random, tried=2).hard) == 2
