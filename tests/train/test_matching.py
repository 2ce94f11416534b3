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
ONE, TWO = (20, 20, 26, 50), (60, 20, 80, 50)


def found(*symbols: tuple[Box, int]) -> Found:
    boxes = np.array([box for box, _ in symbols], np.float32).reshape(-1, 4)
    return Found(boxes, np.array([symbol for _, symbol in symbols], np.int64))


def count(one: Found, truth: Found, weight: np.ndarray = ALL) -> tuple[int, int, int, int]:
    errors = DetectionErrors()
    errors.add(match(one, truth, weight))
    return errors.right, errors.missed, errors.invented, errors.wrong


TRUTH = found((ONE, 1), (TWO, 2))


@pytest.mark.parametrize(
    ("seen", "counts"),
    [
        ([(ONE, 1), (TWO, 2)], (2, 0, 0, 0)),
        ([(TWO, 2), (ONE, 1)], (2, 0, 0, 0)),
        ([], (0, 2, 0, 0)),
        ([(ONE, 7), (TWO, 2)], (1, 0, 0, 1)),
        ([(ONE, 1)], (1, 1, 0, 0)),
        ([(ONE, 1), (TWO, 2), (TWO, 2)], (2, 0, 1, 0)),  # no symbol is there twice
        ([((0, 80, 8, 90), 3), (ONE, 1), (TWO, 2)], (2, 0, 1, 0)),
        ([((24, 20, 30, 50), 1), (TWO, 2)], (2, 0, 0, 0)),  # a cell beside the middle
        ([((29, 20, 35, 50), 1), (TWO, 2)], (1, 1, 1, 0)),
        ([((60, 36, 80, 70), 2), (ONE, 1)], (1, 1, 1, 0)),
    ],
)
def test_counts(seen: list[tuple[Box, int]], counts: tuple[int, int, int, int]) -> None:
    assert count(found(*seen), TRUTH) == counts


def test_nothing_there_and_nothing_found() -> None:
    assert count(found(), found()) == (0, 0, 0, 0)
    assert count(found((ONE, 1)), found()) == (0, 0, 1, 0)


def test_neighbours_are_paired_with_the_nearest() -> None:
    """The digits of a touching 47, whose centres are within each other's boxes."""
    four, seven = (20, 20, 44, 50), (36, 20, 60, 50)
    truth = found((four, 4), (seven, 7))
    for seen in ([(seven, 7), (four, 4)], [(four, 4), (seven, 7)]):
        assert count(found(*seen), truth) == (2, 0, 0, 0)
    assert match(found((seven, 7)), truth, ALL).missed.tolist() == [0]


def test_what_is_doubtful_is_no_error() -> None:
    weight = ALL.copy()
    weight[20:] = 0
    seen = found(((10, 82, 20, 94), 5), ((10, 60, 20, 70), 5))
    assert match(seen, TRUTH, weight).partners.tolist() == [DOUBTFUL, INVENTED]
    assert count(seen, TRUTH, weight) == (0, 2, 1, 0)


def test_centre_beyond_the_page() -> None:
    assert count(found(((-30, -30, -10, -10), 5), ((200, 200, 240, 240), 5)), TRUTH)[2] == 2


def test_confusion() -> None:
    errors = DetectionErrors()
    errors.add(match(found((ONE, 7), ((0, 80, 8, 90), 3)), TRUTH, ALL))
    expected = np.zeros((13, 13), int)
    expected[1, 7] = expected[2, NOTHING] = expected[NOTHING, 3] = 1
    assert (errors.confusion == expected).all()
    assert (errors.total, errors.count) == (2, 3)


def targets_of(*symbols: tuple[Box, int], height: float = 30) -> Targets:
    boxes, places = found(*symbols)
    made = make_targets((96, 96), boxes, places, np.full(len(places), height, np.float32))
    return Targets(*(torch.from_numpy(part)[None] for part in made))


def maps_of(targets: Targets) -> Maps:
    """What a perfect network says."""
    symbols = torch.nn.functional.one_hot(targets.symbols.clamp(min=0), 12).movedim(-1, 1)
    return Maps((targets.heat[:, None] - 0.7) * 20, symbols.float(), targets.boxes)


def test_perfect_maps_have_no_errors() -> None:
    minus, point = (20.0, 70.0, 38.0, 74.0), (60.0, 70.0, 64.0, 74.0)
    targets = targets_of((ONE, 1), (TWO, 2), (minus, 10), (point, 11))
    [truth], [seen] = true_symbols(targets), find_symbols(maps_of(targets))
    assert sorted(truth.symbols.tolist()) == [1, 2, 10, 11]
    order = truth.symbols.argsort()
    expected = np.array([ONE, TWO, minus, point])
    np.testing.assert_allclose(truth.boxes[order], expected, atol=1e-3)
    assert count(seen, truth, targets.weight[0].numpy()) == (4, 0, 0, 0)


def test_too_small_digits_are_doubtful() -> None:
    targets = targets_of((ONE, 1), height=5)
    [truth] = true_symbols(targets)
    assert len(truth.symbols) == 0
    assert count(found((ONE, 1)), truth, targets.weight[0].numpy()) == (0, 0, 0, 0)


def test_symbols_are_found_surest_first_above_one_half() -> None:
    centres = torch.full((1, 1, 24, 24), -9.0)
    centres[0, 0, 3, 4], centres[0, 0, 10, 12], centres[0, 0, 20, 20] = 1.0, 2.0, -0.1
    centres[0, 0, 10, 13] = 1.5  # no peak beside a higher one
    symbols = torch.zeros(1, 12, 24, 24)
    symbols[0, 11] = 1
    [seen] = find_symbols(Maps(centres, symbols, torch.zeros(1, 4, 24, 24)))
    np.testing.assert_allclose(seen.centres, [[50, 42], [18, 14]])
    np.testing.assert_allclose(seen.sides, 16)
    assert seen.symbols.tolist() == [11, 11]


def test_absurd_boxes_stay_finite() -> None:
    boxes = torch.full((1, 4, 24, 24), 200.0)
    [seen] = find_symbols(Maps(torch.zeros(1, 1, 24, 24) + 1, torch.zeros(1, 12, 24, 24), boxes))
    assert len(seen.symbols) > 0
    assert np.isfinite(seen.boxes).all()
