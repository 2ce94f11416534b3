"""Photos of single digits."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from skimage.morphology import skeletonize

from digits.data.mnist import Split
from digits_train.camera import scene
from tests.benchmarks.single_digit import FACTORS, Shot, mixed, photograph, take

ON_PAPER = [name for name in FACTORS if name not in ("screen", "crop")]


def shots(name: str, extreme: bool, count: int = 60) -> list[Shot]:
    return [FACTORS[name](Shot(), np.random.default_rng(n), extreme) for n in range(count)]


def test_same_seed_gives_same_image(test_slice: Split) -> None:
    one, again, other = (
        mixed(test_slice.images[3], np.random.default_rng(seed)) for seed in (7, 7, 8)
    )
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize("name", ON_PAPER)
def test_ink_is_visible(name: str, extreme: bool, test_slice: Split) -> None:
    shot = FACTORS[name](Shot(), np.random.default_rng(5), extreme)
    if name == "size":  # at full size it takes seconds
        shot = replace(shot, height=shot.height // 4, width=shot.width // 4)
    digit = test_slice.images[2]
    with_ink = photograph(digit, shot, np.random.default_rng(1)).astype(float)
    without = photograph(digit, replace(shot, opacity=0), np.random.default_rng(1)).astype(float)
    changed = np.abs(with_ink - without).max(-1) > 12
    assert 0.001 < changed.mean() < 0.7


@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize("name", ["pen", "screen", "crop", "box"])
def test_take_returns_uint8_image(name: str, extreme: bool, test_slice: Split) -> None:
    for n in range(5):
        picture = take(test_slice.images[n], np.random.default_rng(n), (name,), extreme)
        assert picture.dtype == np.uint8
        assert picture.ndim == 2 or picture.shape[2] == 3
        assert np.ptp(picture) > 60


@pytest.mark.parametrize(("extreme", "lowest", "highest"), [(False, 14, 32), (True, 8, 13)])
def test_crop_sides_in_range(extreme: bool, lowest: int, highest: int, test_slice: Split) -> None:
    sides = set()
    for n in range(60):
        digit = test_slice.images[n]
        picture = take(digit, np.random.default_rng(n), ("crop",), extreme)
        sides.add(max(picture.shape))
    assert min(sides) >= lowest
    assert max(sides) <= highest
    assert len(sides) > 3


@pytest.mark.parametrize(("extreme", "lowest", "highest"), [(False, 100, 1600), (True, 28, 3000)])
def test_image_sides_in_range(extreme: bool, lowest: int, highest: int) -> None:
    longer = [max(shot.height, shot.width) for shot in shots("size", extreme, 300)]
    assert lowest <= min(longer) < 1.2 * lowest
    assert 0.8 * highest < max(longer) <= highest


def test_only_border_factor_cuts_digit_off(test_slice: Split) -> None:
    """Without noise and texture, any ink on the outermost pixels belongs to the digit."""
    for name in ("size", "rotation", "table"):
        for n in range(10):
            shot = FACTORS[name](Shot(), np.random.default_rng(n), False)
            shot = replace(shot, noise=0, table=0, height=200, width=160)
            picture = photograph(test_slice.images[n], shot, np.random.default_rng(n))
            inner = picture[1:-1, 1:-1].astype(int)
            edges = [picture[0], picture[-1], picture[:, 0], picture[:, -1]]
            assert min(edge.min() for edge in edges) > 200 > 100 > inner.min(), (name, n)
    for n in range(10):
        shot = replace(FACTORS["border"](Shot(), np.random.default_rng(n), False), noise=0)
        picture = photograph(test_slice.images[n], shot, np.random.default_rng(n))
        edges = [picture[0], picture[-1], picture[:, 0], picture[:, -1]]
        assert min(edge.min() for edge in edges) < 150, n


HARDER: dict[str, Callable[[Shot], float]] = {
    "pencil": lambda shot: -shot.keep,
    "faint": lambda shot: -shot.opacity * (1 - min(shot.ink) / 235),
    "blackboard": lambda shot: -max(shot.ink),
    "light": lambda shot: shot.light,
    "shadow": lambda shot: shot.shadow,
    "ruled": lambda shot: shot.rule_contrast,
    "squared": lambda shot: shot.rule_contrast,
    "box": lambda shot: shot.box_width,
    "box_contact": lambda shot: -min(shot.box or (0, 0, 0, 0)),
    "border": lambda shot: shot.cut,
    "table": lambda shot: shot.table,
    "blur": lambda shot: max(shot.blur, shot.motion / np.sqrt(12)),
    "noise": lambda shot: shot.noise,
    "jpeg": lambda shot: -(shot.quality or 100),
    "rotation": lambda shot: abs(shot.rotation),
    "dirt": lambda shot: shot.speck,
    "crop": lambda shot: -shot.height,
    "paper": lambda shot: -max(shot.paper),
}


@pytest.mark.parametrize("name", HARDER)
def test_extreme_is_harder_than_ordinary(name: str) -> None:
    ordinary, extreme = (
        [HARDER[name](shot) for shot in shots(name, extreme)] for extreme in (False, True)
    )
    assert np.mean(ordinary) < np.mean(extreme)
    assert np.mean(np.array(extreme) >= max(ordinary)) > 0.6


@pytest.mark.parametrize("pen", [0.015, 0.04, 0.1, 0.16, 0.25])
def test_stroke_width_matches_pen(pen: float, test_slice: Split) -> None:
    ones = test_slice.images[test_slice.labels == 1][:3]
    for digit in [*ones, *test_slice.images[test_slice.labels == 0][:3]]:
        coverage = scene.strokes(digit, 600, pen)
        assert len(coverage) == 600
        ink = np.pad(coverage > 0.5, 1)
        middle = skeletonize(ink)
        width = 2 * np.median(ndimage.distance_transform_edt(ink)[middle])
        assert width == pytest.approx(pen * 600, rel=0.15)


@pytest.mark.parametrize("height", [20, 150, 900])
def test_stroke_edges_are_sharp(height: int, test_slice: Split) -> None:
    coverage = scene.strokes(test_slice.images[0], height)
    assert coverage.dtype == np.float32
    assert coverage.min() == 0
    assert coverage.max() == 1
    steps = np.abs(np.diff(coverage, axis=1)).sum() / (np.diff(coverage > 0.5, axis=1).sum())
    grey = ((coverage > 0.05) & (coverage < 0.95)).sum() / (np.diff(coverage > 0.5, axis=1).sum())
    assert steps < 1.6
    assert grey < 4


@pytest.mark.parametrize("keep", [0.5, 0.8])
def test_grain_keeps_given_share_of_ink(keep: float, test_slice: Split) -> None:
    coverage = scene.strokes(test_slice.images[0], 300, 0.1)
    left = scene.grain(coverage, np.random.default_rng(0), keep).sum() / coverage.sum()
    assert left == pytest.approx(keep, abs=0.06)


def test_scene_arrays_are_float32(test_slice: Split) -> None:
    random, shape = np.random.default_rng(0), (60, 80)
    sheet = np.full((*shape, 3), 230, np.float32)
    coverages = [scene.strokes(test_slice.images[0], height) for height in (20, 400)]
    coverages += [scene.strokes(test_slice.images[0], height, 0.1, random) for height in (20, 400)]
    coverages += [
        scene.grain(coverages[-1], random, 0.7),
        scene.rules(shape, random, 9, 1, True, 3),
    ]
    factors = [scene.light(shape, random, 0.3), scene.shadow(shape, random, 0.3, 0.1)]
    for field in (*coverages, *factors):
        assert field.dtype == np.float32
        assert field.min() >= 0
        assert field.max() <= 1
    for _ in range(12):
        assert scene.table(sheet, random, 0.2).dtype == np.float32


@pytest.mark.parametrize("side", ["left", "top", "right", "bottom"])
def test_table_covers_given_share_on_given_side(side: str) -> None:
    sheet = np.full((100, 160, 3), 1000, np.float32)  # brighter than any table
    covered = scene.table(sheet, np.random.default_rng(2), 0.25, [side]).max(-1) < 990
    assert covered.mean() == pytest.approx(0.25, abs=0.03)
    half = {"left": covered[:, :80], "top": covered[:50]}
    half |= {"right": covered[:, 80:], "bottom": covered[50:]}
    assert half[side].sum() == covered.sum()


def test_light_and_shadow_darken_by_given_share() -> None:
    for n in range(6):
        factor = scene.light((90, 160), np.random.default_rng(n), 0.4)
        assert factor.max() == pytest.approx(1, abs=0.01)
        assert factor.min() == pytest.approx(0.6, abs=0.02)
        factor = scene.shadow((90, 160), np.random.default_rng(n), 0.4, 0.02)
        assert factor.max() == pytest.approx(1, abs=0.01)
        assert factor.min() == pytest.approx(0.6, abs=0.05)
