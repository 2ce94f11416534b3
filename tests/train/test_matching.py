import numpy as np
import pytest
import torch

from digits_train.detection import Targets, make_targets
from digits_train.matching import (
    DOUBTFUL,
    INVENTED,
    NOTHING,
    DetectionErrors,
    Found,
    find_symbols,
    match,
    true_symbols,
)
from digits_train.models.reader import Maps

ALL = np.ones((24, 24), np.float32)
Box = tuple[float, float, float, float]
Symbols = list[tuple[Box, int]]
ONE, TWO = (20, 20, 26, 50), (60, 20, 80, 50)
FOUR, SEVEN = (20, 20, 44, 50), (36, 20, 60, 50)  # touching: their centres are in each other's box
TRUTH: Symbols = [(ONE, 1), (TWO, 2)]
ELSEWHERE = ((0, 80, 8, 90), 3)


def symbols(detections: Symbols) -> Found:
    boxes = np.array([box for box, _ in detections], np.float32).reshape(-1, 4)
    return Found(boxes, np.array([symbol for _, symbol in detections], np.int64))


def count(detections: Found, truth: Found, weight: np.ndarray = ALL) -> tuple[int, int, int, int]:
    errors = DetectionErrors()
    errors.add(match(detections, truth, weight))
    return errors.right, errors.missed, errors.invented, errors.wrong


@pytest.mark.parametrize(
    ("detections", "truth", "counts"),
    [
        (TRUTH, TRUTH, (2, 0, 0, 0)),
        (TRUTH[::-1], TRUTH, (2, 0, 0, 0)),
        ([], TRUTH, (0, 2, 0, 0)),
        ([], [], (0, 0, 0, 0)),
        ([(ONE, 1)], [], (0, 0, 1, 0)),
        ([(ONE, 7), (TWO, 2)], TRUTH, (1, 0, 0, 1)),
        ([(ONE, 1)], TRUTH, (1, 1, 0, 0)),
        ([*TRUTH, (TWO, 2)], TRUTH, (2, 0, 1, 0)),  # no symbol is there twice
        ([ELSEWHERE, *TRUTH], TRUTH, (2, 0, 1, 0)),
        ([((24, 20, 30, 50), 1), (TWO, 2)], TRUTH, (2, 0, 0, 0)),  # a cell beside the middle
        ([((29, 20, 35, 50), 1), (TWO, 2)], TRUTH, (1, 1, 1, 0)),
        ([((60, 36, 80, 70), 2), (ONE, 1)], TRUTH, (1, 1, 1, 0)),
        ([((-30, -30, -10, -10), 5), ((200, 200, 240, 240), 5)], TRUTH, (0, 2, 2, 0)),
        ([(SEVEN, 7), (FOUR, 4)], [(FOUR, 4), (SEVEN, 7)], (2, 0, 0, 0)),
        ([(FOUR, 4), (SEVEN, 7)], [(FOUR, 4), (SEVEN, 7)], (2, 0, 0, 0)),
    ],
)
def test_counts(detections: Symbols, truth: Symbols, counts: tuple[int, int, int, int]) -> None:
    assert count(symbols(detections), symbols(truth)) == counts


def test_what_is_doubtful_is_no_error() -> None:
    weight = ALL.copy()
    weight[20:] = 0
    detections = symbols([((10, 82, 20, 94), 5), ((10, 60, 20, 70), 5)])
    assert match(detections, symbols(TRUTH), weight).partners.tolist() == [DOUBTFUL, INVENTED]
    assert count(detections, symbols(TRUTH), weight) == (0, 2, 1, 0)


def test_confusion() -> None:
    errors = DetectionErrors()
    matched = match(symbols([(ONE, 7), ELSEWHERE]), symbols(TRUTH), ALL)
    assert matched.missed.tolist() == [1]
    errors.add(matched)
    expected = np.zeros((13, 13), int)
    expected[1, 7] = expected[2, NOTHING] = expected[NOTHING, 3] = 1
    assert (errors.confusion == expected).all()
    assert (errors.total, errors.count, errors.error) == (2, 3, 1.5)


def targets_of(*boxed: tuple[Box, int], height: float = 30) -> Targets:
    boxes, classes = symbols(list(boxed))
    made = make_targets((96, 96), boxes, classes, np.full(len(classes), height, np.float32))
    return Targets(*(part[None] for part in made))


def test_perfect_maps_have_no_errors() -> None:
    minus, point = (20.0, 70.0, 38.0, 74.0), (60.0, 70.0, 64.0, 74.0)
    targets = targets_of((ONE, 1), (TWO, 2), (minus, 10), (point, 11))
    classes = torch.nn.functional.one_hot(targets.symbols.clamp(min=0), 12).movedim(-1, 1)
    maps = Maps((targets.heat[:, None] - 0.7) * 20, classes.float(), targets.boxes)
    [truth], [detections] = true_symbols(targets), find_symbols(maps)
    assert sorted(truth.symbols.tolist()) == [1, 2, 10, 11]
    expected = np.array([ONE, TWO, minus, point])
    np.testing.assert_allclose(truth.boxes[truth.symbols.argsort()], expected, atol=1e-3)
    assert count(detections, truth, targets.weight[0].numpy()) == (4, 0, 0, 0)


def test_too_small_digits_are_doubtful() -> None:
    targets = targets_of((ONE, 1), height=5)
    [truth] = true_symbols(targets)
    assert len(truth.symbols) == 0
    assert count(symbols([(ONE, 1)]), truth, targets.weight[0].numpy()) == (0, 0, 0, 0)


def test_symbols_are_found_surest_first_above_one_half() -> None:
    centres = torch.full((1, 1, 24, 24), -9.0)
    centres[0, 0, 3, 4], centres[0, 0, 10, 12], centres[0, 0, 20, 20] = 1.0, 2.0, -0.1
    centres[0, 0, 10, 13] = 1.5  # no peak beside a higher one
    classes = torch.zeros(1, 12, 24, 24)
    classes[0, 11] = 1
    [detections] = find_symbols(Maps(centres, classes, torch.zeros(1, 4, 24, 24)))
    np.testing.assert_allclose(detections.centres, [[50, 42], [18, 14]])
    np.testing.assert_allclose(detections.sides, 16)
    assert detections.symbols.tolist() == [11, 11]


def test_absurd_boxes_stay_finite() -> None:
    boxes = torch.full((1, 4, 24, 24), 200.0)
    maps = Maps(torch.zeros(1, 1, 24, 24) + 1, torch.zeros(1, 12, 24, 24), boxes)
    [detections] = find_symbols(maps)
    assert len(detections.symbols) > 0
    assert np.isfinite(detections.boxes).all()
