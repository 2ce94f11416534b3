"""Augmentation of a whole batch at once, on the device the batch lies on."""

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from digits_train.recipe import Augmentation


def augment(images: Tensor, how: Augmentation) -> Tensor:
    """Rotate, scale, shear and shift each digit by its own random amount.

    images: [batch, 1, height, width], any real dtype, 0 = paper. Returns float32 of the same
    shape and range; what is shifted in from outside is paper.
    """
    transforms = _random_affine(len(images), images.shape[-1], how, images.device)
    grid = affine_grid(transforms, list(images.shape), align_corners=False)
    return grid_sample(images.float(), grid, align_corners=False)


def _random_affine(count: int, size: int, how: Augmentation, device: torch.device) -> Tensor:
    """float32 [count, 2, 3]: for each digit, where an output pixel comes from (-1 to 1)."""

    def uniform(bound: float) -> Tensor:
        return (torch.rand(count, device=device) * 2 - 1) * bound

    angle = uniform(math.radians(how.rotation))
    x_scale, y_scale = 1 + uniform(how.scale), 1 + uniform(how.scale)
    shear = uniform(how.shear)
    cos, sin = angle.cos(), angle.sin()
    x_shift, y_shift = uniform(2 * how.shift / size), uniform(2 * how.shift / size)
    return torch.stack(
        [
            torch.stack([cos / x_scale, (shear * cos - sin) / x_scale, x_shift], dim=1),
            torch.stack([sin / y_scale, (shear * sin + cos) / y_scale, y_shift], dim=1),
        ],
        dim=1,
    )
