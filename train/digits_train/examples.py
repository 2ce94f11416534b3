"""What a network learns from: the training digits, and pictures that are drawn beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from digits.data.mnist import Split
from digits_train import outliers, photographs
from digits_train.augment import Dice, augment
from digits_train.handwriting import digits as handwriting
from digits_train.models.network import NONE
from digits_train.recipe import Recipe
from digits_train.world import World

# Pictures of each kind, which take some seconds to draw; augmentation changes them each time.
DRAWN = 10_000
PHOTOGRAPHED = 6_000
OUTLIERS = 12_000
BLANK = 4_000

_OUTLIERS_PER_DIGIT = 0.25


@dataclass(frozen=True)
class Pool:
    """Pictures of one kind.

    images: uint8 [n, 28, 28]. labels: uint8 [n], NONE for what is no digit. share: how many of
    them go into a batch for each training digit.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    share: float


class Batch(NamedTuple):
    """What a process learns from in a step.

    images: [n, 1, 28, 28], 0 to 255. labels: int64 [n]. weights: float32 [n], of the losses: over
    all processes those of the digits are 1, and those of the outliers what the recipe says.
    trained: bool [n], which are training digits; the epoch's figures are theirs.
    """

    images: Tensor
    labels: Tensor
    weights: Tensor
    trained: Tensor


@dataclass(frozen=True)
class Examples:
    """All of them, on the device: the training digits first, then each pool.

    images: uint8 [n, 1, 28, 28]. labels: int64 [n]. ends: where the digits and each pool end.
    shares: those of the pools.
    """

    images: Tensor
    labels: Tensor
    ends: Sequence[int]
    shares: Sequence[float]

    @classmethod
    def of(cls, digits: Split, pools: Sequence[Pool], device: torch.device) -> "Examples":
        images = np.concatenate([digits.images, *(pool.images for pool in pools)])
        labels = np.concatenate([digits.labels, *(pool.labels for pool in pools)])
        return cls(
            torch.tensor(images, device=device).unsqueeze(1),
            torch.tensor(labels, device=device, dtype=torch.int64),
            np.cumsum([len(digits), *(len(pool.images) for pool in pools)]).tolist(),
            [pool.share for pool in pools],
        )

    def beside(self, digits: Tensor, generator: torch.Generator) -> Tensor:
        """Chosen training digits with their share of each pool, in any order: indices, int64.

        digits: indices of the former. A pool gives one picture at least.
        """
        parts = [digits]
        for start, end, share in zip(self.ends, self.ends[1:], self.shares, strict=False):
            size = (max(1, round(share * len(digits))),)
            device = digits.device
            parts.append(torch.randint(start, end, size, generator=generator, device=device))
        if len(parts) == 1:
            return digits
        mixed = torch.cat(parts)
        return mixed[torch.randperm(len(mixed), generator=generator, device=mixed.device)]

    def batch(
        self, recipe: Recipe, generator: torch.Generator, world: World, digits: Tensor
    ) -> Batch:
        """What this process learns from in a step. digits: as for `beside`, of all processes."""
        chosen = self.beside(digits, generator)
        rows = world.rows(len(chosen))
        own = chosen[rows]
        images, labels = self.images[own], self.labels[own]
        if recipe.augmentation is not None:
            images = augment(images, recipe.augmentation, Dice(generator, len(chosen), rows))
        none = labels == NONE
        outliers = (self.labels[chosen] == NONE).sum()
        weights = torch.where(none, recipe.outliers / outliers, 1 / (len(chosen) - outliers))
        return Batch(images, labels, weights, own < self.ends[0])


def pools(recipe: Recipe, digits: Split, seed: int) -> list[Pool]:
    """Draw what the recipe wants beside the digits. The same seed gives the same pictures."""
    found = []
    written = digits
    if recipe.drawn:
        images, labels = handwriting.make(DRAWN, seed)
        found.append(Pool(images, labels, recipe.drawn))
        written = Split(
            np.concatenate([digits.images, images]), np.concatenate([digits.labels, labels])
        )
    if recipe.photographed:
        photographed = photographs.make(written, PHOTOGRAPHED, seed)
        found.append(Pool(*photographed, recipe.photographed))
    if recipe.outliers:
        drawn = outliers.make(digits, OUTLIERS, seed)
        images = np.concatenate([drawn, photographs.make_blank(BLANK, seed)])
        labels = np.full(len(images), NONE, np.uint8)
        found.append(Pool(images, labels, _OUTLIERS_PER_DIGIT))
    return found
