import numpy as np
import pytest
import torch

from digits_train.detection import Targets, make_targets
from digits_train.matching import (
    DOUBTFUL,
    INVENTED,
    NOTHING,
    LabelledPage,
    Match,
    Truth,
    confusion,
    find_symbols,
    true_symbols,
)
from digits_train.models.reader import Maps
from digits_train.symbols import Symbol

ALL = np.ones((24, 24), np.float32)
Box = tuple[float, float, float, float]
Symbols = list[tuple[Box, int]]
ONE, TWO = (20, 20, 26, 50), (60, 20, 80, 50)
FOUR, SEVEN = (20, 20, 44, 50), (36, 20, 60, 50)  # touching: their centres are in each other's box
TRUTH: Symbols = [(ONE, 1), (TWO, 2)]


def labelled(symbols: Symbols) -> Truth:
    boxes = np.array([box for box, _ in symbols], np.float32).reshape(-1, 4)
    return Truth(boxes, np.array([symbol for _, symbol in symbols], np.int64))


def match(detections: Symbols, truth: Truth, weight: np.ndarray = ALL) -> Match:
    page = LabelledPage(np.zeros((96, 96), np.uint8), "", truth, weight)
    return page.match(*labelled(detections))


@pytest.mark.parametrize(
    ("detections", "truth", "counts"),
    [
        (TRUTH, TRUTH, (2, 0, 0, 0)),
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
    matched = match(detections, labelled(truth))
    score = matched.score
    right = score.symbols - score.missed - score.wrong
    assert (right, score.missed, score.invented, score.wrong) == counts
    table = confusion([matched, matched])
    assert table[:, NOTHING].sum() == 2 * counts[1] and table[NOTHING].sum() == 2 * counts[2]


def test_what_is_doubtful_is_no_error() -> None:
    weight = ALL.copy()
    weight[20:] = 0
    matched = match([((10, 82, 20, 94), 5), ((10, 60, 20, 70), 5)], labelled(TRUTH), weight)
    assert matched.partners.tolist() == [DOUBTFUL, INVENTED]
    assert matched.score == (2, 2, 0, 1) and matched.missed.tolist() == [0, 1]


def test_perfect_maps_have_no_errors_and_the_surest_are_first() -> None:
    minus, point = (20.0, 70.0, 38.0, 74.0), (60.0, 70.0, 64.0, 74.0)
    symbols: Symbols = [(ONE, 1), (TWO, 2), (minus, 10), (point, 11)]
    written = labelled(symbols)
    made = make_targets((96, 96), [Symbol(box, label, 30) for box, label in symbols])
    targets = Targets(*(part[None] for part in made))
    classes = torch.nn.functional.one_hot(targets.symbols.clamp(min=0), 12).movedim(-1, 1)
    centres = (targets.heat[:, None] - 0.7) * 20
    centres[0, 0, 18, 15] += 1  # the point
    centres[0, 0, 2, 2] = -0.1  # rather nothing
    [truth], [detections] = (
        true_symbols(targets),
        find_symbols(Maps(centres, classes.float(), targets.boxes)),
    )
    order = truth.symbols.argsort()
    assert truth.symbols[order].tolist() == written.symbols.tolist()
    np.testing.assert_allclose(truth.boxes[order], written.boxes, atol=1e-3)
    page = LabelledPage(np.zeros((96, 96), np.uint8), "", truth, targets.weight[0].numpy())
    assert page.match(detections.boxes, detections.symbols.argmax(1)).score == (4, 0, 0, 0)
    assert detections.symbols[0].argmax() == 11
