"""What the reader learns."""

import numpy as np
import pytest
import torch

from digits_train.detection import (
    LARGEST,
    SMALLEST,
    TargetMaps,
    Targets,
    detection_loss,
    make_targets,
)
from digits_train.models.reader import BOX_UNIT, STRIDE, SYMBOLS, Maps

SHAPE = (64, 96)


def targets_of(*boxes: tuple[float, float, float, float], symbol: int = 7) -> TargetMaps:
    heights = [bottom - top for _, top, _, bottom in boxes]
    return make_targets(
        SHAPE,
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(len(boxes), symbol, np.int64),
        np.array(heights, np.float32),
    )


def as_batch(maps: TargetMaps) -> Targets:
    return Targets(*(torch.from_numpy(part)[None] for part in maps))


def perfect(targets: Targets) -> Maps:
    """Maps that say exactly what is there, with much confidence."""
    centres = torch.where(targets.heat >= 0.999, 12.0, -12.0)[:, None]
    known = targets.symbols.clamp(min=0)
    symbols = 20.0 * torch.nn.functional.one_hot(known, len(SYMBOLS)).movedim(-1, 1)
    return Maps(centres, symbols, targets.boxes)


def test_a_digit_has_one_peak_at_its_centre() -> None:
    maps = targets_of((30, 20, 46, 44))
    assert np.argwhere(maps.heat == 1).tolist() == [[32 // STRIDE, 38 // STRIDE]]
    assert maps.symbols[8, 9] == 7
    assert (maps.weight == 1).all()


def test_the_box_can_be_read_back() -> None:
    box = (30.0, 20.0, 47.0, 44.0)
    maps = targets_of(box)
    row, column = np.argwhere(maps.heat == 1)[0]
    x, y, width, height = maps.boxes[:, row, column]
    centre = (np.array([column, row]) + 0.5) * STRIDE + np.array([x, y]) * BOX_UNIT
    half = np.exp([width, height]) * BOX_UNIT / 2
    assert np.concatenate([centre - half, centre + half]) == pytest.approx(box, abs=1e-4)


def test_neighbours_keep_peaks_of_their_own() -> None:
    maps = targets_of((30, 20, 34, 44), (37, 20, 41, 44), symbol=1)
    peaks = np.argwhere(maps.heat == 1)
    assert len(peaks) == 2
    between = maps.heat[8, peaks[0][1] : peaks[1][1] + 1]
    assert between.min() < 1 or len(between) == 2


@pytest.mark.parametrize("height", [SMALLEST - 2, LARGEST + 10])
def test_sizes_out_of_range_are_neither_wanted_nor_wrong(height: float) -> None:
    maps = targets_of((40 - height / 4, 32 - height / 2, 40 + height / 4, 32 + height / 2))
    assert not (maps.heat == 1).any() and (maps.symbols == -1).all()
    assert maps.weight[8, 10] == 0
    assert maps.weight[0, -1] == 1


def test_a_minus_counts_by_the_height_of_its_digits() -> None:
    maps = make_targets(
        SHAPE,
        np.array([(40, 30, 52, 33)], np.float32),
        np.array([10]),
        np.array([24], np.float32),
    )
    assert (maps.heat == 1).sum() == 1


def test_doubtful_boxes_weigh_nothing() -> None:
    maps = make_targets(
        SHAPE,
        np.zeros((0, 4), np.float32),
        np.zeros(0, np.int64),
        np.zeros(0, np.float32),
        [(8, 8, 20, 20)],
    )
    assert maps.weight[3, 3] == 0 and maps.weight[10, 15] == 1


def test_a_centre_out_of_the_page_is_ignored() -> None:
    maps = targets_of((-30, 10, -4, 34), (90, 10, 110, 34))
    assert not (maps.heat == 1).any()


def test_the_loss_of_the_truth_is_small() -> None:
    targets = as_batch(targets_of((30, 20, 46, 44), (60, 20, 76, 44)))
    right = detection_loss(perfect(targets), targets)
    assert right.boxes == 0
    assert right.total < 0.6  # label smoothing leaves some
    silent = perfect(targets)._replace(centres=torch.full((1, 1, 16, 24), -12.0))
    assert detection_loss(silent, targets).centres > 5
    loud = perfect(targets)._replace(centres=torch.full((1, 1, 16, 24), 12.0))
    assert detection_loss(loud, targets).centres > 100
    wrong = perfect(targets)
    assert detection_loss(wrong._replace(symbols=-wrong.symbols), targets).symbols > 5


def test_a_page_without_symbols_has_a_finite_loss_and_gradient() -> None:
    targets = as_batch(targets_of())
    maps = Maps(
        torch.zeros(1, 1, 16, 24, requires_grad=True),
        torch.zeros(1, 12, 16, 24, requires_grad=True),
        torch.zeros(1, 4, 16, 24, requires_grad=True),
    )
    losses = detection_loss(maps, targets)
    losses.total.backward()  # type: ignore[no-untyped-call]
    assert losses.total.isfinite() and losses.symbols == losses.boxes == 0
    assert maps.centres.grad is not None and maps.centres.grad.isfinite().all()
