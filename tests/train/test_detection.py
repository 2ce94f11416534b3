"""What the reader learns."""

import pytest
import torch
from torch.nn.functional import one_hot

from digits.inference.interface import LARGEST, SMALLEST, SYMBOLS
from digits_train.detection import Targets, detection_loss, make_targets
from digits_train.models.reader import Maps
from digits_train.symbols import Box, Symbol


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
        *(
            (targets_of((40 - h / 4, 32 - h / 2, 40 + h / 4, 32 + h / 2)), 0, {(8, 10): 0})
            for h in (SMALLEST - 2, LARGEST + 10)
        ),
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
    maps = Maps(*(torch.zeros(1, n, 16, 24, requires_grad=True) for n in (1, 12, 4)))
    loss = detection_loss(maps, Targets(*(part[None] for part in targets_of())))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.isfinite()
    assert maps.centres.grad is not None and maps.centres.grad.isfinite().all()
    assert all(part.grad is None or not part.grad.any() for part in maps[1:])
