from collections.abc import Callable

import numpy as np
import pytest
from numpy.random import Generator

from digits_train.handwriting import strokes
from digits_train.handwriting.strokes import Glyph, Point, Stroke, curve, line, resample

STEM = line((0, 0), (0, 1))
CORNER = line((0, 0), (0, 1), (1, 1))
UNEVEN: list[Point] = [(0.0, 0.2), (0.05, 0.0), (0.6, 0.3), (0.0, 1.0), (0.7, 0.95)]


def rng(seed: int = 0) -> Generator:
    return np.random.default_rng(seed)


def distance(stroke: Stroke, point: Point) -> float:
    """The distance from a point to the nearest vertex of the polyline."""
    return float(np.hypot(*(stroke - point).T).min())


@pytest.mark.parametrize("closed", [False, True])
def test_curve_passes_through_its_points(closed: bool) -> None:
    stroke = curve(*UNEVEN, closed=closed)
    assert max(distance(stroke, point) for point in UNEVEN) < 1e-9
    assert stroke[0].tolist() == pytest.approx(UNEVEN[0])
    assert stroke[-1].tolist() == pytest.approx(UNEVEN[0] if closed else UNEVEN[-1])


def test_curve_is_smooth_round_and_straight() -> None:
    steps = np.diff(resample(curve(*UNEVEN), 0.005), axis=0)
    angles = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
    assert np.abs(np.diff(angles)).max() < np.radians(25)
    radius = np.hypot(*curve((1, 0), (0, 1), (-1, 0), (0, -1), closed=True).T)
    assert radius.min() > 0.96 and radius.max() < 1.04
    straight = curve((0, 0), (1, 2))
    assert straight[:, 1] == pytest.approx(2 * straight[:, 0])


def test_resample_keeps_ends_and_length() -> None:
    stroke = resample(CORNER, 0.1)
    steps = np.hypot(*np.diff(stroke, axis=0).T)
    assert len(stroke) == 21
    assert steps.sum() == pytest.approx(2) and steps.max() <= 0.1 + 1e-9
    assert stroke[[0, -1]].tolist() == [[0, 0], [1, 1]]


def test_jitter_moves_each_point_a_little() -> None:
    points: list[Point] = [(0.0, 0.0)] * 2000
    moved = np.array(strokes.jitter(rng(), 0.01, *points))
    assert 0.003 < moved.std() < 0.03
    assert len(np.unique(moved)) == 4000


def test_deform_keeps_touching_strokes_together() -> None:
    [still] = strokes.deform([STEM], rng(), warp=0, tremor=0)
    assert (still[:, 0] == 0).all() and still[-1].tolist() == [0, 1]
    glyph = [line((0, 0), (0.5, 0.5)), line((0.5, 0.5), (0, 1))]
    first, second = strokes.deform(glyph, rng(1), warp=0.05, tremor=0)
    assert first[-1].tolist() == pytest.approx(second[0].tolist())
    assert np.abs(first[-1] - 0.5).max() > 0.001
    [tremor] = strokes.deform([line((0, 0), (0, 20))], rng(2), warp=0, tremor=0.01)
    assert 0.004 < tremor[:, 0].std() < 0.011  # between the nodes it is less
    assert np.abs(np.diff(tremor[:, 0], 2)).max() < 0.02  # smooth


def test_haste_rounds_corners_and_overshoots_the_end() -> None:
    [calm], [fast] = (strokes.round_corners([CORNER], rng(), haste) for haste in (0, 0.06))
    assert distance(calm, (0, 1)) < 1e-9
    assert 0.01 < distance(fast, (0, 1)) < 0.06
    assert fast[0].tolist() == pytest.approx([0, 0])
    ends = [strokes.round_corners([STEM], rng(seed), 0.06)[0][-1] for seed in range(20)]
    assert all(x == 0 and 1 <= y < 1.1 for x, y in ends)
    assert max(y for _, y in ends) > 1.02


def test_transform() -> None:
    [stem] = strokes.transform([STEM], slant=0.3)
    assert stem.tolist() == [[0, 0], [pytest.approx(-0.3), 1]]  # the top is right of the foot
    [bar] = strokes.transform([line((0, 0), (1, 0))], width=2, turn=90)
    assert bar[1].tolist() == pytest.approx([0, 2])  # what pointed right points down
    glyph: Glyph = [line((0.1, 0.5), (0.2, 0)), line((-0.3, 0.4), (0, 0.9))]
    assert strokes.bounds(glyph) == (-0.3, 0, 0.2, 0.9)
    assert strokes.size(glyph) == (0.5, 0.9)


@pytest.mark.parametrize(
    "change",
    [
        lambda glyph: strokes.deform(glyph, rng(), 0.05, 0.01),
        lambda glyph: strokes.round_corners(glyph, rng(), 0.05),
        lambda glyph: strokes.transform(glyph, 0.2, 1.2, 5),
    ],
)
def test_arguments_are_not_changed(change: Callable[[Glyph], Glyph]) -> None:
    glyph = [line((0, 0), (0.3, 1))]
    before = glyph[0].copy()
    assert not np.array_equal(change(glyph)[0], before)
    assert (glyph[0] == before).all()
