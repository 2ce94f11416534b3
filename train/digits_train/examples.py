"""What a network learns from beside the training digits."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from digits.data.mnist import Split
from digits_train import frames
from digits_train.camera.materials import make_materials
from digits_train.config import Recipe
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
            pools.append(Pool(*frames.draw_digits(materials, shown, [seed, 2]), recipe.frames))
        if recipe.outlier_weight:
            images = frames.draw_outliers(materials, others, [seed, 3])
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
