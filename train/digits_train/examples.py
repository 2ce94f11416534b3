"""What a network learns from: batches of training digits, and of pictures generated for it."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from digits.data.mnist import Split
from digits_train import frames
from digits_train.augment import BatchRng, augment
from digits_train.camera.materials import make_materials
from digits_train.config import Recipe
from digits_train.distributed import DistributedContext
from digits_train.models.network import NONE

T = TypeVar("T")
U = TypeVar("U")

# The most frames of each kind: generating all of them takes six minutes.
MAX_FRAMES, MAX_OUTLIERS = 20_000, 12_000

# A short training needs fewer: each is shown so many times, and augmented differently each time.
_TIMES_SHOWN = 15
_FEWEST = 2000  # generated in half a minute
_OUTLIERS_PER_DIGIT = 0.25
_PREFETCH = 2  # batches


@dataclass(frozen=True)
class Pool:
    """Pictures of one kind.

    images: uint8 [n, 28, 28]. labels: uint8 [n], NONE for non-digits. share: how many of them go
    into a batch per training digit.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    share: float


class Batch(NamedTuple):
    """What a process learns from in one step.

    images: [n, 1, 28, 28], 0 to 255. labels: int64 [n]. weights: float32 [n], of the losses: over
    all processes, those of the digits sum to 1 and those of the outliers to the recipe's weight.
    trained: bool [n], True for training digits, which alone the epoch's metrics count. own: bool
    [n], True for one's own pictures. answers: float32 [n, 11], to learn instead of labels, or None.
    """

    images: Tensor
    labels: Tensor
    weights: Tensor
    trained: Tensor
    own: Tensor
    answers: Tensor | None = None


class Examples:
    """All examples, on the device: the training digits first, then each pool.

    images: uint8 [n, 1, 28, 28]. labels: int64 [n]. ends: where the digits and each pool end.
    """

    def __init__(self, digits: Split, pools: Sequence[Pool], device: torch.device) -> None:
        images = np.concatenate([digits.images, *(pool.images for pool in pools)])
        labels = np.concatenate([digits.labels, *(pool.labels for pool in pools)])
        self.images = torch.tensor(images, device=device).unsqueeze(1)
        self.labels = torch.tensor(labels, device=device, dtype=torch.int64)
        self.ends = np.cumsum([len(digits), *(len(pool.labels) for pool in pools)]).tolist()
        self._shares = [pool.share for pool in pools]

    def add_pool_samples(self, digits: Tensor, rng: torch.Generator) -> Tensor:
        """Mix training digits with each pool's share, in random order: indices, int64.

        digits: indices of the digits. Each pool gives at least one picture.
        """
        if not self._shares:
            return digits
        parts = [digits]
        for start, end, share in zip(self.ends, self.ends[1:], self._shares, strict=False):
            size = (max(1, round(share * len(digits))),)
            parts.append(torch.randint(start, end, size, generator=rng, device=digits.device))
        mixed = torch.cat(parts)
        return mixed[torch.randperm(len(mixed), generator=rng, device=mixed.device)]

    def batch(
        self,
        recipe: Recipe,
        epoch: int,
        rng: torch.Generator,
        dist: DistributedContext,
        digits: Tensor,
    ) -> Batch:
        """What this process learns from in one step. digits: indices, for all processes."""
        chosen = self.add_pool_samples(digits, rng)
        rows = dist.local_slice(len(chosen))
        indices = chosen[rows]
        images, labels = self.images[indices], self.labels[indices]
        trained = indices < self.ends[0]
        as_they_are = recipe.augmentation_in(epoch) is None  # the digits; the pools are too small
        if recipe.augmentation is not None and (self._shares or not as_they_are):
            changed = augment(images, recipe.augmentation, BatchRng(rng, len(chosen), rows))
            if as_they_are:
                changed[trained] = images[trained].float()
            images = changed
        outliers = (self.labels[chosen] == NONE).sum()
        weights = torch.where(
            labels == NONE, recipe.outlier_weight / outliers, 1 / (len(chosen) - outliers)
        )
        own = indices >= self.ends[-1 - bool(recipe.own)]
        return Batch(images, labels, weights, trained, own)


def generate_pools(
    recipe: Recipe, digits: Split, seed: int, own: Split | None = None
) -> list[Pool]:
    """Generate what the recipe adds to the digits, and last add one's own pictures.

    The same seed gives the same pictures. Raises DataError if a font can't be had.
    """

    def count(share: float, most: int) -> int:
        shown = share * len(digits) * recipe.epochs
        return min(most, max(_FEWEST, math.ceil(shown / _TIMES_SHOWN)))

    pools = []
    if recipe.frames or recipe.outlier_weight:
        shown, others = count(recipe.frames, MAX_FRAMES), count(_OUTLIERS_PER_DIGIT, MAX_OUTLIERS)
        materials = make_materials(digits, seed, shown // 2, others // 3, others // 6)
        if recipe.frames:
            pools.append(Pool(*frames.digits(materials, shown, [seed, 2]), recipe.frames))
        if recipe.outlier_weight:
            images = frames.outliers(materials, others, [seed, 3])
            pools.append(Pool(images, np.full(others, NONE, np.uint8), _OUTLIERS_PER_DIGIT))
    if own is not None:
        pools.append(Pool(own.images, own.labels, recipe.own))
    return pools


def prefetch(make: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
    """`map(make, items)`, computed in a thread that is up to two items ahead.

    One thread computes all of them, in order, so that random numbers stay the same. PyTorch
    releases the GIL while it computes: on two cores augmentation costs next to no time.
    """
    pending: deque[Future[U]] = deque()
    # PyTorch's number of threads is a setting of each thread.
    with ThreadPoolExecutor(1, "", torch.set_num_threads, (torch.get_num_threads(),)) as thread:
        for item in items:  # Executor.map has a buffersize only from Python 3.14 on
            pending.append(thread.submit(make, item))
            if len(pending) > _PREFETCH:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
