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

    def some(self, share: float) -> tuple[Tensor, "Dice"]:
        """Which rows belong to a share of the batch: bool [rows]; and the dice for those alone."""
        device = self.generator.device
        batch = torch.rand(self.batch, generator=self.generator, device=device) < share
        chosen = batch[self.rows]
        start = int(batch[: self.rows.start].sum())
        own = slice(start, start + int(chosen.sum()))
        return chosen, Dice(self.generator, int(batch.sum()), own)


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
    for share, change in (
        (how.outline, _outline),
        (how.lines, _cross),
        (how.paper, _darken_paper),
        (how.specks, _add_specks),
    ):
        if share:
            chosen, own = dice.some(share)
            ink[chosen] = change(ink[chosen], own)
    if how.noise:
        ink = ink + dice.normal(*ink.shape[1:]) * how.noise * dice.uniform(1, 1, 1).relu()
    return ink.clamp(0, 1) * 255


def _grid(how: Augmentation, ink: Tensor, dice: Dice) -> Tensor:
    """float32 [rows, side, side, 2]: where each output pixel comes from (x, y; -1 to 1)."""
    grid = affine_grid(_random_affine(how, dice), list(ink.shape), align_corners=False)
    if how.elastic:
        smooth = _smooth(dice.normal(2, _LATTICE, _LATTICE), ink.shape[-1]) * dice.uniform(1, 1, 1)
        grid = grid + smooth.permute(0, 2, 3, 1) * (how.elastic * _PIXEL)
    return grid


def _smooth(lattice: Tensor, side: int) -> Tensor:
    """A field [rows, channels, side, side] through the points of a lattice [.., .., n, n]."""
    # Bicubic interpolation is linear: two products with its matrix, nine times as fast.
    points = torch.eye(lattice.shape[-1], device=lattice.device)[None, None]
    bicubic = interpolate(points, size=(side, lattice.shape[-1]), mode="bicubic")
    return bicubic @ lattice @ bicubic.mT


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


def _outline(ink: Tensor, dice: Dice) -> Tensor:
    """What is around the strokes, as of a digit that is drawn hollow."""
    return _over_3x3(torch.maximum, ink) - ink


def _cross(ink: Tensor, dice: Dice) -> Tensor:
    """With two straight strokes of another pen or a form, of any direction, length and grey."""
    return torch.maximum(ink, torch.maximum(_line(ink, dice), _line(ink, dice)))


def _line(ink: Tensor, dice: Dice) -> Tensor:
    side = ink.shape[-1]
    places = torch.arange(side, device=ink.device) - (side - 1) / 2
    x, y = places, places[:, None]
    angle = math.pi * dice.uniform(1, 1, 1)
    across = x * angle.sin() - y * angle.cos() - side / 2 * dice.uniform(1, 1, 1)
    along = x * angle.cos() + y * angle.sin() - side / 2 * dice.uniform(1, 1, 1)
    half_width = 0.75 + 0.5 * dice.uniform(1, 1, 1)
    half_length = side / 2 * (1 + dice.uniform(1, 1, 1))
    inside = (half_width - across.abs()).clamp(0, 1) * (half_length - along.abs()).clamp(0, 1)
    return inside * (0.5 + 0.5 * dice.uniform(1, 1, 1))


def _darken_paper(ink: Tensor, dice: Dice) -> Tensor:
    """On paper that is darker than white, and not everywhere the same."""
    clouds = _smooth(dice.normal(1, 4, 4), ink.shape[-1]) * 0.2 * dice.uniform(1, 1, 1)
    grey = (0.3 + 0.3 * dice.uniform(1, 1, 1) + clouds).clamp(0, 0.8)
    return ink + (1 - ink) * grey


def _add_specks(ink: Tensor, dice: Dice) -> Tensor:
    """With up to a tenth of the pixels full of ink, and as many free of it."""
    share = 0.1 * dice.uniform(1, 1, 1).abs()
    struck = dice.uniform(*ink.shape[1:])
    dirty = torch.where(struck > 1 - 2 * share, 1.0, ink)
    return torch.where(struck < 2 * share - 1, 0.0, dirty)


def _over_3x3(of_two: Callable[[Tensor, Tensor], Tensor], ink: Tensor) -> Tensor:
    """Combine each pixel with its neighbours, two at a time.

    On a CPU this is four times as fast as a pooling, which doesn't use vectors here.
    """
    padded = pad(ink, (1, 1, 1, 1))
    pairs = of_two(padded[..., 1:], padded[..., :-1])
    rows = of_two(pairs[..., 1:], pairs[..., :-1])
    pairs = of_two(rows[..., 1:, :], rows[..., :-1, :])
    return of_two(pairs[..., 1:, :], pairs[..., :-1, :])
