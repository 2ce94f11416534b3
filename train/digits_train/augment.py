"""Augmentation of a whole batch at once, on the device the batch lies on."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate, pad

from digits_train.recipe import Augmentation

_LATTICE = 6  # points across the smooth displacement
_PIXEL = 2 / 28  # in grid_sample's units, in which a picture reaches from -1 to 1


@dataclass(frozen=True)
class Dice:
    """Random numbers for a batch of which this process trains on some rows.

    Every process throws for the whole batch and keeps its rows, so that a digit's fate doesn't
    depend on how many processes there are.
    """

    generator: torch.Generator
    batch: int
    rows: slice

    def uniform(self, *shape: int) -> Tensor:
        """float32 [rows, *shape] between -1 and 1."""
        device = self.generator.device
        values = torch.rand(self.batch, *shape, generator=self.generator, device=device)
        return values[self.rows] * 2 - 1

    def normal(self, *shape: int) -> Tensor:
        """float32 [rows, *shape] with mean 0 and standard deviation 1."""
        device = self.generator.device
        return torch.randn(self.batch, *shape, generator=self.generator, device=device)[self.rows]


def augment(images: Tensor, how: Augmentation, dice: Dice) -> Tensor:
    """Write, move and photograph each digit a little differently.

    images: [rows, 1, 28, 28], any real dtype, 0 (paper) to 255 (ink). Returns float32 of the same
    shape and range; what is moved in from outside is paper.
    """
    ink = images.float() / 255
    if how.stroke:
        ink = _change_pen(ink, how.stroke * dice.uniform(1, 1, 1))
    ink = grid_sample(ink, _grid(how, ink, dice), align_corners=False)
    if how.blur:
        ink = torch.lerp(ink, _blur(ink), how.blur * dice.uniform(1, 1, 1).relu())
    if how.contrast:
        ink = ink.clamp(1e-4, 1) ** (how.contrast * dice.uniform(1, 1, 1)).exp()
    if how.noise:
        ink = ink + dice.normal(*ink.shape[1:]) * how.noise * dice.uniform(1, 1, 1).relu()
    return ink.clamp(0, 1) * 255


def _grid(how: Augmentation, ink: Tensor, dice: Dice) -> Tensor:
    """float32 [rows, side, side, 2]: where each output pixel comes from (x, y; -1 to 1)."""
    grid = affine_grid(_random_affine(how, dice), list(ink.shape), align_corners=False)
    if how.elastic:
        lattice = dice.normal(2, _LATTICE, _LATTICE) * dice.uniform(1, 1, 1)
        # Bicubic interpolation is linear: two products with its matrix, nine times as fast.
        points = torch.eye(_LATTICE, device=lattice.device)[None, None]
        bicubic = interpolate(points, size=(ink.shape[-1], _LATTICE), mode="bicubic")
        smooth = bicubic @ lattice @ bicubic.mT
        grid = grid + smooth.permute(0, 2, 3, 1) * (how.elastic * _PIXEL)
    return grid


def _random_affine(how: Augmentation, dice: Dice) -> Tensor:
    """float32 [rows, 2, 3]: for each digit, where an output pixel comes from (-1 to 1)."""
    angle = math.radians(how.rotation) * dice.uniform()
    x_scale, y_scale = 1 + how.scale * dice.uniform(), 1 + how.scale * dice.uniform()
    shear = how.shear * dice.uniform()
    shift = how.shift * _PIXEL
    x_shift, y_shift = shift * dice.uniform(), shift * dice.uniform()
    cos, sin = angle.cos(), angle.sin()
    return torch.stack(
        [
            torch.stack([cos / x_scale, (shear * cos - sin) / x_scale, x_shift], dim=1),
            torch.stack([sin / y_scale, (shear * sin + cos) / y_scale, y_shift], dim=1),
        ],
        dim=1,
    )


def _change_pen(ink: Tensor, amount: Tensor) -> Tensor:
    """Thicker strokes where amount is above zero, thinner ones below (-1 to 1)."""
    thick = _over_3x3(torch.maximum, ink)
    thin = _over_3x3(torch.minimum, ink)
    return ink + amount.relu() * (thick - ink) + (-amount).relu() * (thin - ink)


def _blur(ink: Tensor) -> Tensor:
    """Blurred with the binomial weights 1 2 1 along both axes."""
    return _over_3x3(torch.add, ink) / 16


def _over_3x3(of_two: Callable[[Tensor, Tensor], Tensor], ink: Tensor) -> Tensor:
    """Combine each pixel with its neighbours, two at a time.

    On a CPU this is four times as fast as a pooling, which doesn't use vectors here.
    """
    padded = pad(ink, (1, 1, 1, 1))
    pairs = of_two(padded[..., 1:], padded[..., :-1])
    rows = of_two(pairs[..., 1:], pairs[..., :-1])
    pairs = of_two(rows[..., 1:, :], rows[..., :-1, :])
    return of_two(pairs[..., 1:, :], pairs[..., :-1, :])
