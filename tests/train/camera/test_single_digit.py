"""Photos of single digits."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from skimage.morphology import skeletonize

from digits.data.mnist import Split
from digits_train.camera import scene
from digits_train.camera.shot import Shot
from digits_train.camera.single_digit import FACTORS, mixed, photograph
from digits_train.camera.strokes import grain, strokes

ON_PAPER = [name for name in FACTORS if name not in ("screen", "crop")]


def shots(name: str, extreme: bool, count: int = 60) -> list[Shot]:
    return [FACTORS[name](Shot(), np.random.default_rng(n), extreme) for n in range(count)]


@pytest.mark.slow
def test_mixed_pictures_vary_and_follow_the_seed(test_slice: Split) -> None:
    digit = test_slice.images[3]
    pictures = [mixed(digit, np.random.default_rng(seed)) for seed in range(30)]
    assert np.array_equal(pictures[0], mixed(digit, np.random.default_rng(0)))
    assert len({picture.tobytes() for picture in pictures}) == 30
    for picture in pictures:
        assert picture.dtype == np.uint8 and np.ptp(picture) > 30
        assert picture.ndim == 2 or picture.shape[2] == 3


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


@pytest.mark.parametrize(
    ("name", "extreme", "lowest", "highest"),
    [
        ("size", False, 100, 1600),
        ("size", True, 28, 3000),
        ("crop", False, 14, 32),
        ("crop", True, 8, 13),
    ],
)
def test_sides_are_in_range(name: str, extreme: bool, lowest: int, highest: int) -> None:
    longer = [max(shot.height, shot.width) for shot in shots(name, extreme, 300)]
    assert lowest <= min(longer) < 1.2 * lowest
    assert 0.8 * highest < max(longer) <= highest


@pytest.mark.parametrize("name", ["size", "rotation", "table", "border"])
def test_only_border_factor_cuts_digit_off(name: str, test_slice: Split) -> None:
    """Without noise and texture, any ink on the outermost pixels belongs to the digit."""
    for n in range(10):
        shot = replace(FACTORS[name](Shot(), np.random.default_rng(n), False), noise=0, table=0)
        shot = replace(shot, height=200, width=160)
        picture = photograph(test_slice.images[n], shot, np.random.default_rng(n)).astype(int)
        edges = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
        if name == "border":
            assert edges.min() < 150, n
        else:
            assert edges.min() > 200 > 100 > picture[1:-1, 1:-1].min(), n


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
        coverage = strokes(digit, 600, pen)
        assert len(coverage) == 600
        ink = np.pad(coverage > 0.5, 1)
        middle = skeletonize(ink)
        width = 2 * np.median(ndimage.distance_transform_edt(ink)[middle])
        assert width == pytest.approx(pen * 600, rel=0.15)


@pytest.mark.parametrize(("height", "keep"), [(20, 0.8), (300, 0.5), (900, 0.8)])
def test_strokes_are_sharp_and_grain_keeps_its_share(
    height: int, keep: float, test_slice: Split
) -> None:
    coverage = strokes(test_slice.images[0], height)
    assert coverage.dtype == np.float32 and (coverage.min(), coverage.max()) == (0, 1)
    edges = np.diff(coverage > 0.5, axis=1).sum()
    assert np.abs(np.diff(coverage, axis=1)).sum() / edges < 1.6
    assert ((coverage > 0.05) & (coverage < 0.95)).sum() / edges < 4
    coverage = strokes(test_slice.images[0], height, 0.1, np.random.default_rng(0))
    left = grain(coverage, np.random.default_rng(0), keep)
    assert left.dtype == np.float32 and (left <= coverage).all()
    assert height == 20 or left.sum() / coverage.sum() == pytest.approx(keep, abs=0.06)


@pytest.mark.parametrize("side", ["left", "top", "right", "bottom"])
def test_table_covers_given_share_on_given_side(side: str) -> None:
    sheet = np.full((100, 160, 3), 1000, np.float32)  # brighter than any table
    pictures = [scene.table(sheet, np.random.default_rng(n), 0.25, [side]) for n in range(12)]
    assert {picture.dtype for picture in pictures} == {np.dtype(np.float32)}  # of any tabletop
    covered = pictures[2].max(-1) < 990
    assert covered.mean() == pytest.approx(0.25, abs=0.03)
    half = {"left": covered[:, :80], "top": covered[:50]}
    half |= {"right": covered[:, 80:], "bottom": covered[50:]}
    assert half[side].sum() == covered.sum()


def test_light_and_shadow_darken_by_given_share() -> None:
    shape = (90, 160)
    for n in range(6):
        light = scene.light(shape, np.random.default_rng(n), 0.4)
        shadow = scene.shadow(shape, np.random.default_rng(n), 0.4, 0.02)
        for factor, spare in ((light, 0.02), (shadow, 0.05)):
            assert factor.dtype == np.float32
            assert factor.max() == pytest.approx(1, abs=0.01)
            assert factor.min() == pytest.approx(0.6, abs=spare)
