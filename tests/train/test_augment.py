from dataclasses import fields, replace

import pytest
import torch

from digits.data.mnist import Split
from digits_train.augment import BatchRng
from digits_train.augment import augment as augment_rows
from digits_train.config import Augmentation

STILL = Augmentation(rotation=0, scale=0, shear=0, shift=0, elastic=0)


def augment(images: torch.Tensor, params: Augmentation) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return augment_rows(images, params, BatchRng(generator, len(images), slice(0, len(images))))


def batch(split: Split, count: int = 64) -> torch.Tensor:
    return torch.tensor(split.images[:count, None])


def centres(images: torch.Tensor) -> torch.Tensor:
    """The centre of mass of each image: [n, 2], row and column in pixels."""
    place = torch.arange(28.0)
    mass = images.sum((1, 2, 3))
    rows = (images.sum((1, 3)) * place).sum(1) / mass
    return torch.stack([rows, (images.sum((1, 2)) * place).sum(1) / mass], 1)


def test_zero_bounds_change_nothing(train_slice: Split) -> None:
    images = batch(train_slice)
    torch.testing.assert_close(augment(images, STILL), images.float(), atol=0.05, rtol=0)


def test_shape_and_range_are_kept(train_slice: Split) -> None:
    changed = augment(batch(train_slice), Augmentation())
    assert changed.shape == (64, 1, 28, 28)
    assert changed.min() >= 0
    assert changed.max() <= 255.01


def test_digits_move_independently(train_slice: Split) -> None:
    same = batch(train_slice, 1).expand(64, 1, 28, 28)
    moved = augment(same, replace(STILL, shift=2))
    shift = centres(moved) - centres(same.float())
    assert shift.abs().max() < 2.1
    assert shift.std(0).min() > 0.8


@pytest.mark.parametrize(
    "params",
    [
        replace(STILL, rotation=12),
        replace(STILL, scale=0.15),
        replace(STILL, shear=0.2),
        replace(STILL, elastic=1.0),
    ],
)
def test_affine_and_elastic_keep_the_centre(train_slice: Split, params: Augmentation) -> None:
    images = batch(train_slice)
    changed = augment(images, params)
    assert (changed - images).abs().mean() > 1
    assert (centres(changed) - centres(images.float())).abs().max() < 1.5


def test_every_bound_changes_digits(train_slice: Split) -> None:
    images = batch(train_slice)
    for field in fields(Augmentation):
        changed = augment(images, replace(STILL, **{field.name: 0.5}))
        assert (changed - images).abs().mean() > 0.3, field.name
        assert changed.min() >= 0 and changed.max() <= 255, field.name


def test_stroke_width_varies_both_ways(train_slice: Split) -> None:
    same = batch(train_slice, 1).expand(64, 1, 28, 28)
    ink = augment(same, replace(STILL, stroke=0.5)).sum((1, 2, 3)) / same[0].sum()
    assert ink.min() < 0.75
    assert ink.max() > 1.25


def test_blur_keeps_the_amount_of_ink(train_slice: Split) -> None:
    images = batch(train_slice)
    blurred = augment(images, replace(STILL, blur=1.0))
    edges = [(x[..., 1:] - x[..., :-1]).abs().sum() for x in (images.float(), blurred)]
    assert edges[1] < 0.97 * edges[0]
    torch.testing.assert_close(
        blurred.sum((1, 2, 3)), images.float().sum((1, 2, 3)), rtol=0.01, atol=0
    )


def test_contrast_keeps_paper_and_noise_keeps_mean(train_slice: Split) -> None:
    images = batch(train_slice)
    paper = images == 0
    assert augment(images, replace(STILL, contrast=0.5))[paper].max() < 1
    grey = torch.full((64, 1, 28, 28), 127.0)
    noisy = augment(grey, replace(STILL, noise=0.1, shift=0))
    middle = noisy[..., 4:-4, 4:-4]
    assert middle.mean().item() == pytest.approx(127, abs=1)
    assert 1 < middle.std().item() < 26


class Fixed(BatchRng):
    """Every random number has its highest value."""

    def uniform(self, *shape: int) -> torch.Tensor:
        return torch.ones(self.batch, *shape)

    def normal(self, *shape: int) -> torch.Tensor:
        return torch.ones(self.batch, *shape)


@pytest.mark.parametrize(
    ("params", "source"),
    [
        # Where the output pixel 6 right of and 4 below the middle comes from, (right, below).
        (replace(STILL, rotation=30), (6 * 0.866 - 4 * 0.5, 6 * 0.5 + 4 * 0.866)),
        (replace(STILL, scale=0.5), (6 / 1.5, 4 / 1.5)),
        (replace(STILL, shear=0.5), (6 + 4 * 0.5, 4)),
        (replace(STILL, shift=3), (6 + 3, 4 + 3)),
        (replace(STILL, elastic=2), (6 + 2, 4 + 2)),
    ],
)
def test_geometry_matches_parameters(params: Augmentation, source: tuple[float, float]) -> None:
    place = torch.arange(28.0) - 13.5
    column = place.expand(1, 1, 28, 28) + 100
    row = place[:, None].expand(1, 1, 28, 28) + 100
    rng = Fixed(torch.Generator(), 1, slice(0, 1))
    found = [augment_rows(ramp, params, rng)[0, 0] - 100 for ramp in (column, row)]
    # The ramps are linear, so between two pixels is between their values.
    x, y = 19, 17  # the first of the two pixels on either side of 6 right and 4 below
    values = [plane[y : y + 2, x : x + 2].mean().item() for plane in found]
    assert values == pytest.approx(source, abs=0.05)


def test_augmentation_is_independent_of_number_of_processes(train_slice: Split) -> None:
    images, params = batch(train_slice), Augmentation(stroke=0.5, blur=0.5, contrast=0.5, noise=0.1)

    def rows(start: int, stop: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(3)
        part = slice(start, stop)
        return augment_rows(images[part], params, BatchRng(generator, 64, part))

    torch.testing.assert_close(torch.cat([rows(0, 30), rows(30, 64)]), rows(0, 64))


@pytest.mark.parametrize("kind", ["lines", "paper", "specks", "outline"])
def test_share_of_digits_is_changed(train_slice: Split, kind: str) -> None:
    images = batch(train_slice, 64).repeat(4, 1, 1, 1)
    plain = augment(images, STILL)
    for share, least, most in ((0.25, 40, 90), (1.0, 230, 256)):
        changed = (augment(images, replace(STILL, **{kind: share})) - plain).abs().amax((1, 2, 3))
        assert least <= (changed > 25).sum() <= most


def test_lines_and_paper_add_ink_and_outline_is_hollow(train_slice: Split) -> None:
    images = batch(train_slice)
    plain = augment(images, STILL)
    for kind in ("lines", "paper"):
        assert (augment(images, replace(STILL, **{kind: 1.0})) - plain).min() > -0.1
    hollow = augment(images, replace(STILL, outline=1.0))
    assert hollow[plain > 250].mean() < 10
    assert hollow.amax((1, 2, 3)).min() > 150


def test_processes_change_same_digits(train_slice: Split) -> None:
    params = replace(STILL, lines=0.3, paper=0.3, specks=0.3, outline=0.3)
    images = batch(train_slice, 20)
    whole = augment(images, params)
    parts = []
    for rows in (slice(0, 7), slice(7, 20)):
        rng = BatchRng(torch.Generator().manual_seed(0), 20, rows)
        parts.append(augment_rows(images[rows], params, rng))
    torch.testing.assert_close(torch.cat(parts), whole)
