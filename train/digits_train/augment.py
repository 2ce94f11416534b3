"""Augmentation of a whole batch at once, on its device."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate, pad

from digits_train.recipes import Augmentation

_LATTICE = 6  # points across the smooth displacement
_PIXEL = 2 / 28  # in grid_sample's units, from -1 to 1 across a picture


@dataclass(frozen=True)
class BatchRng:
    """Random numbers for the pictures of a batch."""

    generator: torch.Generator
    size: int

    def uniform(self, *shape: int) -> Tensor:
        """float32 [size, *shape] between -1 and 1."""
        rng = self.generator
        return torch.rand(self.size, *shape, generator=rng, device=rng.device) * 2 - 1

    def normal(self, *shape: int) -> Tensor:
        """float32 [size, *shape] with mean 0 and standard deviation 1."""
        rng = self.generator
        return torch.randn(self.size, *shape, generator=rng, device=rng.device)

    def choose(self, share: float) -> tuple[Tensor, "BatchRng"]:
        """Choose a share of the batch: bool [size], and the random numbers for those pictures."""
        mask = self.uniform() < 2 * share - 1
        return mask, BatchRng(self.generator, int(mask.sum()))


def augment(images: Tensor, params: Augmentation, generator: torch.Generator) -> Tensor:
    """Change how each digit is written, placed and photographed.

    images: [n, 1, 28, 28], any real dtype, 0 (paper) to 255 (ink). Returns float32 of the same
    shape and range. Beyond the edges is paper.
    """
    ink, rng = images.float() / 255, BatchRng(generator, len(images))
    if params.stroke:
        ink = _vary_stroke_width(ink, params.stroke * rng.uniform(1, 1, 1))
    ink = grid_sample(ink, _grid(params, ink, rng), align_corners=False)
    if params.blur:
        binomial = _over_3x3(torch.add, ink) / 16  # the weights 1 2 1 along both axes
        ink = torch.lerp(ink, binomial, params.blur * rng.uniform(1, 1, 1).relu())
    if params.contrast:
        ink = ink.clamp(1e-4, 1) ** (params.contrast * rng.uniform(1, 1, 1)).exp()
    for share, change in (
        (params.outline, lambda ink, _: _over_3x3(torch.maximum, ink) - ink),
        (params.lines, _cross_with_lines),
        (params.paper, _darken_paper),
        (params.specks, _add_specks),
    ):
        if share:
            mask, masked_rng = rng.choose(share)
            ink[mask] = change(ink[mask], masked_rng)
    if params.noise:
        ink = ink.addcmul(rng.normal(*ink.shape[1:]), params.noise * rng.uniform(1, 1, 1).relu())
    return ink.clamp(0, 1) * 255


def _grid(params: Augmentation, ink: Tensor, rng: BatchRng) -> Tensor:
    """float32 [n, side, side, 2]: the input position of each output pixel (x, y; -1 to 1)."""
    angle = math.radians(params.rotation) * rng.uniform()
    x_scale, y_scale = 1 + params.scale * rng.uniform(), 1 + params.scale * rng.uniform()
    shear = params.shear * rng.uniform()
    shift = params.shift * _PIXEL * torch.stack([rng.uniform(), rng.uniform()], 1)
    cos, sin = angle.cos(), angle.sin()
    right = torch.stack([cos / x_scale, sin / y_scale], 1)[..., None, None]
    down = torch.stack([(shear * cos - sin) / x_scale, (shear * sin + cos) / y_scale], 1)
    places = _PIXEL * (torch.arange(ink.shape[-1], device=ink.device) + 0.5) - 1
    grid = right * places + shift[..., None, None] + down[..., None, None] * places[:, None]
    if params.elastic:
        lattice = rng.normal(2, _LATTICE, _LATTICE) * rng.uniform(1, 1, 1)
        grid = grid + _smooth(lattice * (params.elastic * _PIXEL), ink.shape[-1])
    return grid.movedim(1, -1)


def _smooth(lattice: Tensor, side: int) -> Tensor:
    """Interpolate a field [n, channels, side, side] from a lattice [.., .., n, n]."""
    # Bicubic interpolation is linear: a matrix product is many times as fast.
    points = torch.eye(lattice.shape[-1], device=lattice.device)[None, None]
    bicubic = interpolate(points, size=(side, lattice.shape[-1]), mode="bicubic")[0, 0]
    return torch.unflatten(lattice.flatten(2) @ torch.kron(bicubic, bicubic).mT, 2, (side, side))


def _vary_stroke_width(ink: Tensor, amount: Tensor) -> Tensor:
    """Thicken strokes where amount is above zero, thin them below (-1 to 1)."""
    thick, thin = _over_3x3(torch.maximum, ink), _over_3x3(torch.minimum, ink)
    return torch.lerp(ink, torch.where(amount > 0, thick, thin), amount.abs())


def _cross_with_lines(ink: Tensor, rng: BatchRng) -> Tensor:
    """Add two straight lines, as of a form, of any direction, length and grey."""
    return torch.maximum(ink, torch.maximum(_line(ink, rng), _line(ink, rng)))


def _line(ink: Tensor, rng: BatchRng) -> Tensor:
    side = ink.shape[-1]
    places = torch.arange(side, device=ink.device) - (side - 1) / 2
    x, y = places, places[:, None]
    angle = math.pi * rng.uniform(1, 1, 1)
    across = x * angle.sin() - y * angle.cos() - side / 2 * rng.uniform(1, 1, 1)
    along = x * angle.cos() + y * angle.sin() - side / 2 * rng.uniform(1, 1, 1)
    half_width = 0.75 + 0.5 * rng.uniform(1, 1, 1)
    half_length = side / 2 * (1 + rng.uniform(1, 1, 1))
    inside = (half_width - across.abs()).clamp(0, 1) * (half_length - along.abs()).clamp(0, 1)
    return inside * (0.5 + 0.5 * rng.uniform(1, 1, 1))


def _darken_paper(ink: Tensor, rng: BatchRng) -> Tensor:
    """Make the paper grey and cloudy."""
    clouds = _smooth(rng.normal(1, 4, 4), ink.shape[-1]) * 0.2 * rng.uniform(1, 1, 1)
    grey = (0.3 + 0.3 * rng.uniform(1, 1, 1) + clouds).clamp(0, 0.8)
    return ink + (1 - ink) * grey


def _add_specks(ink: Tensor, rng: BatchRng) -> Tensor:
    """Turn up to a tenth of the pixels to ink, and as many to paper."""
    share = 0.1 * rng.uniform(1, 1, 1).abs()
    noise = rng.uniform(*ink.shape[1:])
    dirty = torch.where(noise > 1 - 2 * share, 1.0, ink)
    return torch.where(noise < 2 * share - 1, 0.0, dirty)


def _over_3x3(combine: Callable[[Tensor, Tensor], Tensor], ink: Tensor) -> Tensor:
    """Combine each pixel with its neighbours, two at a time.

    On a CPU this is four times as fast as pooling, which isn't vectorised here.
    """
    padded = pad(ink, (1, 1, 1, 1))
    pairs = combine(padded[..., 1:], padded[..., :-1])
    rows = combine(pairs[..., 1:], pairs[..., :-1])
    pairs = combine(rows[..., 1:, :], rows[..., :-1, :])
    return combine(pairs[..., 1:, :], pairs[..., :-1, :])
