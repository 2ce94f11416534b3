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

from digits.data import mnist
from digits.data.mnist import Split
from digits_train import outliers, photographs
from digits_train.augment import BatchRng, augment
from digits_train.config import Recipe
from digits_train.distributed import DistributedContext
from digits_train.handwriting import digits as handwriting
from digits_train.models.network import NONE

T = TypeVar("T")
U = TypeVar("U")

# The most pictures of each kind: drawing all of them takes two minutes.
MAX_DRAWN = 20_000
MAX_FONT_DIGITS = 8_000
MAX_PHOTOGRAPHED = 16_000
MAX_OUTLIERS = 24_000

# A short training needs fewer: each is shown so many times, and augmented differently each time.
_TIMES_SHOWN = 10
_FEWEST = 3000  # drawn in seconds
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


@dataclass(frozen=True)
class Examples:
    """All examples, on the device: the training digits first, then each pool.

    images: uint8 [n, 1, 28, 28]. labels: int64 [n]. ends: where the digits and each pool end.
    shares: those of the pools.
    """

    images: Tensor
    labels: Tensor
    ends: Sequence[int]
    shares: Sequence[float]

    @classmethod
    def of(
        cls,
        digits: Split,
        pools: Sequence[Pool],
        device: torch.device,
    ) -> "Examples":
        images = np.concatenate([digits.images, *(pool.images for pool in pools)])
        labels = np.concatenate([digits.labels, *(pool.labels for pool in pools)])
        return cls(
            torch.tensor(images, device=device).unsqueeze(1),
            torch.tensor(labels, device=device, dtype=torch.int64),
            np.cumsum([len(digits), *(len(pool.images) for pool in pools)]).tolist(),
            [pool.share for pool in pools],
        )

    def add_pool_samples(self, digits: Tensor, rng: torch.Generator) -> Tensor:
        """Mix training digits with each pool's share, in random order: indices, int64.

        digits: indices of the digits. Each pool gives at least one picture.
        """
        parts = [digits]
        for start, end, share in zip(self.ends, self.ends[1:], self.shares, strict=False):
            size = (max(1, round(share * len(digits))),)
            parts.append(torch.randint(start, end, size, generator=rng, device=digits.device))
        if len(parts) == 1:
            return digits
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
        augmentation = recipe.augmentation_in(epoch)
        if augmentation is not None:
            images = augment(images, augmentation, BatchRng(rng, len(chosen), rows))
        outliers = (self.labels[chosen] == NONE).sum()
        weights = torch.where(
            labels == NONE, recipe.outlier_weight / outliers, 1 / (len(chosen) - outliers)
        )
        trained, own = indices < self.ends[0], indices >= self.ends[-1 - bool(recipe.own)]
        return Batch(images, labels, weights, trained, own)


def generate_pools(
    recipe: Recipe, digits: Split, seed: int, own: Split | None = None
) -> list[Pool]:
    """Generate what the recipe adds to the digits, and last add one's own pictures.

    The same seed gives the same pictures.
    """

    def count(share: float, most: int) -> int:
        shown = share * len(digits) * recipe.epochs
        return min(most, max(_FEWEST, math.ceil(shown / _TIMES_SHOWN)))

    pools = []
    written = [digits]
    if recipe.drawn:
        written.append(Split(*handwriting.generate(count(recipe.drawn, MAX_DRAWN), seed)))
        pools.append(Pool(written[-1].images, written[-1].labels, recipe.drawn))
    if recipe.fonts:
        from digits_train import fontwriting  # imports SciPy

        written.append(Split(*fontwriting.generate(count(recipe.fonts, MAX_FONT_DIGITS), seed)))
        pools.append(Pool(written[-1].images, written[-1].labels, recipe.fonts))
    if recipe.photographed:
        number = count(recipe.photographed, MAX_PHOTOGRAPHED)
        photographed = photographs.generate(mnist.concat(*written), number, seed)
        pools.append(Pool(*photographed, recipe.photographed))
    if recipe.outlier_weight:
        number = count(_OUTLIERS_PER_DIGIT, MAX_OUTLIERS)
        blank, letters = number // 6, number // 6 if recipe.fonts else 0
        parts = [outliers.generate(digits, number - blank - letters, seed)]
        parts.append(photographs.generate_blank(blank, seed))
        if letters:
            parts.append(fontwriting.generate_letters(letters, seed))
        images, labels = np.concatenate(parts), np.full(number, NONE, np.uint8)
        pools.append(Pool(images, labels, _OUTLIERS_PER_DIGIT))
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
    with ThreadPoolExecutor(
        1, initializer=torch.set_num_threads, initargs=(torch.get_num_threads(),)
    ) as pool:
        for item in items:  # Executor.map has a buffersize only from Python 3.14 on
            pending.append(pool.submit(make, item))
            if len(pending) > _PREFETCH:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
