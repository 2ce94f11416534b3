"""What a detector's maps should be, and the loss."""

import numpy as np
import pytest
import torch
from torch.nn.functional import one_hot

from digits.inference.interface import SYMBOLS
from digits_train.models.detection import DetectorNetwork, Maps, Targets
from digits_train.symbols import Box, Symbol, label_window


def targets_of(
    *boxes: Box, symbol: int = 7, height: float | None = None, doubtful: tuple[Box, ...] = ()
) -> Targets:
    """Of one page."""
    symbols = [Symbol(box, symbol, height or box[3] - box[1]) for box in boxes]
    page = label_window(np.zeros((64, 96), np.uint8), symbols, doubtful)
    return DetectorNetwork.targets([page])


def test_neighbours_keep_peaks_of_their_own() -> None:
    heat = targets_of((28, 20, 34, 44), (36, 20, 42, 44), symbol=1).heat
    [[_, _, left], [_, _, right]] = (heat == 1).nonzero().tolist()
    assert heat[0, 8, left : right + 1].min() < 1


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
    assert {cell: targets.weight[0][cell].item() for cell in weights} == weights


def test_the_loss_of_the_truth_is_small_and_that_of_an_empty_page_finite() -> None:
    targets = targets_of((30, 20, 46, 44), (60, 20, 76, 44))
    centres = torch.where(targets.heat >= 0.999, 12.0, -12.0)[:, None]
    symbols = 20.0 * one_hot(targets.symbols.clamp(min=0), len(SYMBOLS)).movedim(-1, 1)
    perfect = Maps(centres, symbols, targets.boxes)
    loss = DetectorNetwork().loss
    least = loss(perfect, targets)
    assert least < 0.6  # label smoothing leaves some
    for wrong, more in (
        (perfect._replace(centres=-12 * torch.ones_like(centres)), 5),
        (perfect._replace(centres=12 * torch.ones_like(centres)), 100),
        (perfect._replace(symbols=-symbols), 5),
        (perfect._replace(boxes=targets.boxes + 1), 0.9),
    ):
        assert loss(wrong, targets) > least + more
    maps = Maps(*(torch.zeros(1, n, 16, 24) for n in (1, 12, 4)))
    assert loss(maps, targets_of()).isfinite()
