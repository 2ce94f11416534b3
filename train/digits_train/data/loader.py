"""Batches made ahead of a training: by processes that compose pictures, and in a thread."""

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from digits import system
from digits_train.distributed import own_cores, trainer_threads

T = TypeVar("T")
U = TypeVar("U")

Targets = TypeVar("Targets")

_AHEAD = 8  # items of each process that are asked for before they are taken
_THREAD_AHEAD = 2


class Batch(NamedTuple, Generic[Targets]):
    """What a process learns from in one step.

    inputs: uint8 [n, 1, height, width]. targets: what the network's class compares its outputs
    with. size: as how many examples these count.
    """

    inputs: Tensor
    targets: Targets
    size: int


def compose_ahead(
    dataset: Dataset[U], keys: Iterable[int], device: torch.device, max_ahead: int = 100
) -> Iterator[U]:
    """The items of these keys in order, composed by processes that live as long as they are wanted.

    The processes use the cores that don't learn: beside a GPU, all but one. max_ahead: how many
    items may be asked for before they are taken.
    """
    learning = trainer_threads() if device.type == "cpu" else 1
    workers = min(max(1, own_cores() - learning), max_ahead)
    loader: DataLoader[Any] = DataLoader(
        dataset,
        None,
        sampler=keys,  # of which each makes its item alone, in any process
        num_workers=workers,
        collate_fn=_unchanged,
        # Not by a server, as from Python 3.14 on: workers end with their parent.
        multiprocessing_context="fork" if sys.platform == "linux" else "spawn",
        prefetch_factor=min(_AHEAD, max_ahead // workers),
        worker_init_fn=partial(_start_worker, os.getpid()),
    )
    # Ctrl-C while they start or end would be lost, or be theirs.
    with system.sigint_blocked():
        items = iter(loader)
    try:
        yield from items
    finally:
        with system.sigint_blocked():
            del items


def _unchanged(item: T) -> T:
    """Instead of PyTorch's conversion of arrays to tensors."""
    return item


def _start_worker(parent: int, number: int) -> None:
    """End with the training even if it is killed, because it has locked its run folder."""
    system.die_with_parent(parent)


def prefetch(make: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
    """`map(make, items)`, computed in a thread that is a few items ahead.

    One thread computes all of them, in order, so that random numbers stay the same. PyTorch
    releases the GIL while it computes: on two cores this costs next to no time.
    """
    pending: deque[Future[U]] = deque()
    # PyTorch's number of threads is a setting of each thread.
    with ThreadPoolExecutor(1, "", torch.set_num_threads, (torch.get_num_threads(),)) as thread:
        for item in items:  # Executor.map has a buffersize only from Python 3.14 on
            pending.append(thread.submit(make, item))
            if len(pending) > _THREAD_AHEAD:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
