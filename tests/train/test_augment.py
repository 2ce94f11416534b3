import pytest
import torch

from digits.mnist import Split
from digits_train.augment import augment
from digits_train.recipe import Augmentation

STILL = Augmentation(rotation=0, scale=0, shear=0, shift=0)


def batch(split: Split, count: int = 64) -> torch.Tensor:
    return torch.tensor(split.images[:count, None])


def centres(images: torch.Tensor) -> torch.Tensor:
    """The centre of mass of each image: [n, 2], rows then columns, in pixels."""
    place = torch.arange(28.0)
    mass = images.sum((1, 2, 3))
    rows = (images.sum((1, 3)) * place).sum(1) / mass
    return torch.stack([rows, (images.sum((1, 2)) * place).sum(1) / mass], 1)


def test_no_bounds_no_change(train_slice: Split) -> None:
    images = batch(train_slice)
    torch.testing.assert_close(augment(images, STILL), images.float(), atol=0.05, rtol=0)


def test_shape_and_range_stay(train_slice: Split) -> None:
    changed = augment(batch(train_slice), Augmentation())
    assert changed.shape == (64, 1, 28, 28)
    assert changed.min() >= 0
    assert changed.max() <= 255.01


def test_each_digit_moves_by_its_own_amount(train_slice: Split) -> None:
    same = batch(train_slice, 1).expand(64, 1, 28, 28)
    moved = augment(same, Augmentation(rotation=0, scale=0, shear=0, shift=2))
    shift = centres(moved) - centres(same.float())
    assert shift.abs().max() < 2.1
    assert shift.std(0).min() > 0.8


@pytest.mark.parametrize(
    "how",
    [
        Augmentation(rotation=12, scale=0, shear=0, shift=0),
        Augmentation(rotation=0, scale=0.15, shear=0, shift=0),
        Augmentation(rotation=0, scale=0, shear=0.2, shift=0),
    ],
)
def test_turning_scaling_and_shearing_keep_the_middle(
    train_slice: Split, how: Augmentation
) -> None:
    images = batch(train_slice)
    changed = augment(images, how)
    assert (changed - images).abs().mean() > 1
    assert (centres(changed) - centres(images.float())).abs().max() < 1.5
