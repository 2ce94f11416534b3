"""The batches of digits that a classifier learns from."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from digits.data.split import Split
from digits_train.augment import augment
from digits_train.data.loader import prefetch
from digits_train.distributed import CPU, DistributedContext
from digits_train.models.network import NONE
from digits_train.recipes import ClassifierRecipe


@dataclass(frozen=True)
class Pool:
    """Pictures of one kind, beside the training digits.

    images: uint8 [n, 28, 28]. labels: uint8 [n], NONE for non-digits. share: how many of them go
    into a batch per training digit.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    share: float


class Batch(NamedTuple):
    """What a process learns from in one step.

    images: [n, 1, 28, 28], 0 to 255. labels: int64 [n]. weights: float32 [n], of their losses: the
    mean of the digits, and that of non-digits by the recipe's weight. are_digits: bool [n], True
    for training digits, which alone the metrics count.
    """

    images: Tensor
    labels: Tensor
    weights: Tensor
    are_digits: Tensor


class DigitBatches:
    """All training digits in random order, and a share of each pool, epoch after epoch.

    An epoch's batches depend on nothing but these arguments and its number.
    """

    def __init__(
        self,
        digits: Split,
        recipe: ClassifierRecipe,
        seed: int,
        pools: Sequence[Pool] = (),
        dist: DistributedContext = CPU,
    ) -> None:
        self._count, self._recipe, self._seed = len(digits), recipe, seed
        self._pools, self._dist, device = pools, dist, dist.device
        # The digits and then each pool.
        images = np.concatenate([digits.images, *(pool.images for pool in pools)])
        labels = np.concatenate([digits.labels, *(pool.labels for pool in pools)])
        self._images = torch.tensor(images, device=device).unsqueeze(1)
        self._labels = torch.tensor(labels, device=device, dtype=torch.int64)

    def __len__(self) -> int:
        """How many there are in an epoch."""
        return math.ceil(self._count / self._recipe.batch_size)

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of an epoch, counted from 0, for this process."""
        shared, own = (self._generator(number, rank) for rank in (None, self._dist.rank))
        order = torch.randperm(self._count, generator=shared, device=self._dist.device)
        # Nearly equal batches: a last one of a few digits would be noise.
        batches = torch.tensor_split(order, len(self))
        shares = (batch[self._dist.rank :: self._dist.world_size] for batch in batches)
        yield from prefetch(partial(self._batch, number, own), shares)

    def _generator(self, epoch: int, rank: int | None) -> torch.Generator:
        """Random numbers for an epoch: of a process, or the same in all of them."""
        seed = Random(f"{self._seed} {epoch} {rank}").getrandbits(63)
        return torch.Generator(self._dist.device).manual_seed(seed)

    def _batch(self, epoch: int, random: torch.Generator, digits: Tensor) -> Batch:
        """Add pictures of the pools to some digits, which are given by their indices."""
        indices = torch.cat([digits, *self._draw(random, len(digits))])
        images, labels = self._images[indices], self._labels[indices]
        are_digits = indices < self._count
        augmentation = self._recipe.augmentation
        as_they_are = self._recipe.augmentation_in(epoch) is None  # the pools are too small for it
        if augmentation is not None and (self._pools or not as_they_are):
            changed = augment(images, augmentation, random)
            images = torch.where(are_digits[:, None, None, None] & as_they_are, images, changed)
        are_outliers = labels == NONE
        count, outliers = len(labels), are_outliers.sum()
        of_outliers = self._recipe.outlier_weight / outliers
        weights = torch.where(are_outliers, of_outliers, 1 / (count - outliers))
        return Batch(images, labels, weights, are_digits)

    def _draw(self, random: torch.Generator, digits: int) -> Iterator[Tensor]:
        """The indices of random pictures of each pool, by the number of digits beside them."""
        start = self._count
        for pool in self._pools:
            count, end = max(1, round(pool.share * digits)), start + len(pool.labels)
            device = self._dist.device
            yield torch.randint(start, end, (count,), generator=random, device=device)
            start = end
