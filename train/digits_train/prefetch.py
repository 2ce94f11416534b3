"""Batches that are made while the network still learns from the one before."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")
U = TypeVar("U")

_AHEAD = 2


def prefetched(make: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
    """`map(make, items)`, computed in a thread that is up to two items ahead.

    One thread makes all of them, in order, so random numbers stay the same. PyTorch lets go of the
    interpreter while it computes, so on two cores augmentation costs next to no time.
    """
    waiting: deque[Future[U]] = deque()
    # How many threads PyTorch computes with is each thread's own setting.
    with ThreadPoolExecutor(
        1, initializer=torch.set_num_threads, initargs=(torch.get_num_threads(),)
    ) as pool:
        for item in items:
            waiting.append(pool.submit(make, item))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
