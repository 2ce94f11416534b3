import numpy as np
import pytest
from numpy.random import Generator

from digits_train.handwriting.strokes import (
    Glyph,
    Point,
    Stroke,
    arc,
    bounds,
    curve,
    deform,
    jitter,
    join,
    line,
    resample,
    round_corners,
    size,
    style,
    transform,
)

STEM = line((0, 0), (0, 1))
UNEVEN: list[Point] = [(0.0, 0.2), (0.05, 0.0), (0.6, 0.3), (0.0, 1.0), (0.7, 0.95)]


def distance(stroke: Stroke, point: Point) -> float:
    """The distance from a point to the nearest vertex of the polyline."""
    return float(np.hypot(*(stroke - point).T).min())


def length(stroke: Stroke) -> float:
    return float(np.hypot(*np.diff(stroke, axis=0).T).sum())


@pytest.mark.parametrize("closed", [False, True])
def test_curve_passes_through_its_points(closed: bool) -> None:
    stroke = curve(*UNEVEN, closed=closed)
    assert max(distance(stroke, point) for point in UNEVEN) < 1e-9
    assert stroke[0].tolist() == pytest.approx(UNEVEN[0])
    assert stroke[-1].tolist() == pytest.approx(UNEVEN[0] if closed else UNEVEN[-1])


def test_curve_turns_smoothly() -> None:
    steps = np.diff(resample(curve(*UNEVEN), 0.005), axis=0)
    angles = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
    assert np.abs(np.diff(angles)).max() < np.radians(25)


def test_curve_through_four_points_of_circle_is_nearly_round() -> None:
    stroke = curve((1, 0), (0, 1), (-1, 0), (0, -1), closed=True)
    radius = np.hypot(*stroke.T)
    assert radius.min() > 0.96 and radius.max() < 1.04


def test_curve_through_two_points_is_straight() -> None:
    stroke = curve((0, 0), (1, 2))
    assert stroke[:, 1] == pytest.approx(2 * stroke[:, 0])


def test_arc_goes_clockwise_from_the_right() -> None:
    stroke = arc((1, 1), (0.5, 0.25), 0, 90)
    assert stroke[[0, -1]].ravel().tolist() == pytest.approx([1.5, 1, 1, 1.25])  # y goes down


def test_join_keeps_order() -> None:
    stroke = join(line((0, 0), (1, 0)), line((1, 0), (1, 1)))
    assert stroke.tolist() == [[0, 0], [1, 0], [1, 0], [1, 1]]


def test_resample_keeps_ends_and_length() -> None:
    stroke = resample(line((0, 0), (0, 1), (1, 1)), 0.1)
    assert len(stroke) == 21
    assert length(stroke) == pytest.approx(2)
    assert np.hypot(*np.diff(stroke, axis=0).T).max() <= 0.1 + 1e-9
    assert stroke[[0, -1]].tolist() == [[0, 0], [1, 1]]


def test_jitter_moves_each_point_a_little() -> None:
    points: list[Point] = [(0.0, 0.0)] * 2000
    moved = np.array(jitter(np.random.default_rng(0), 0.01, *points))
    assert 0.003 < moved.std() < 0.03
    assert len(np.unique(moved)) == 4000


def test_deform_by_zero_only_resamples() -> None:
    [stroke] = deform([STEM], np.random.default_rng(0), warp=0, tremor=0)
    assert (stroke[:, 0] == 0).all()
    assert stroke[-1].tolist() == [0, 1]


def test_warp_keeps_touching_strokes_together() -> None:
    glyph = [line((0, 0), (0.5, 0.5)), line((0.5, 0.5), (0, 1))]
    first, second = deform(glyph, np.random.default_rng(1), warp=0.05, tremor=0)
    assert first[-1].tolist() == pytest.approx(second[0].tolist())
    assert np.abs(first[-1] - 0.5).max() > 0.001


def test_tremor_is_smooth_and_has_its_size() -> None:
    glyph = [line((0, 0), (0, 20))]
    [stroke] = deform(glyph, np.random.default_rng(2), warp=0, tremor=0.01)
    assert 0.004 < stroke[:, 0].std() < 0.011  # between the nodes it is less
    bends = np.diff(stroke[:, 0], 2)
    assert np.abs(bends).max() < 0.02


def test_round_corners_keeps_the_start() -> None:
    corner = line((0, 0), (0, 1), (1, 1))
    [calm], [fast] = (
        round_corners([corner], np.random.default_rng(0), haste) for haste in (0, 0.06)
    )
    assert distance(calm, (0, 1)) < 1e-9
    assert 0.01 < distance(fast, (0, 1)) < 0.06
    assert fast[0].tolist() == pytest.approx([0, 0])


def test_round_corners_overshoots_the_end() -> None:
    ends = [round_corners([STEM], np.random.default_rng(seed), 0.06)[0][-1] for seed in range(20)]
    assert all(x == 0 and 1 <= y < 1.1 for x, y in ends)
    assert max(y for _, y in ends) > 1.02


def test_transform() -> None:
    [stem] = transform([STEM], slant=0.3)
    assert stem.tolist() == [[0, 0], [pytest.approx(-0.3), 1]]  # the top is right of the foot
    [bar] = transform([line((0, 0), (1, 0))], width=2, turn=90)
    assert bar[1].tolist() == pytest.approx([0, 2])  # what pointed right points down


def test_bounds_and_size() -> None:
    glyph: Glyph = [line((0.1, 0.5), (0.2, 0)), line((-0.3, 0.4), (0, 0.9))]
    assert bounds(glyph) == (-0.3, 0, 0.2, 0.9)
    assert size(glyph) == (0.5, 0.9)


def test_style_draws_the_proportions_of_its_model() -> None:
    def bar(rng: Generator, width: float, height: float) -> Glyph:
        return [line((0, height), (width, height))]

    drawn = style(0.5, bar, width=(0.2, 0.4), height=(1, 2))
    ends = [drawn.model(np.random.default_rng(seed))[0][1] for seed in range(50)]
    assert np.min(ends, 0) == pytest.approx([0.2, 1], abs=0.05)
    assert np.max(ends, 0) == pytest.approx([0.4, 2], abs=0.05)


def test_arguments_are_not_changed() -> None:
    glyph = [line((0, 0), (0.3, 1))]
    before = glyph[0].copy()
    deform(glyph, np.random.default_rng(0), 0.05, 0.01)
    round_corners(glyph, np.random.default_rng(0), 0.05)
    transform(glyph, 0.2, 1.2, 5)
    assert (glyph[0] == before).all()
