"""The processes that train together, and the device of this one.

`torchrun` starts them and tells each its place in environment variables
(https://docs.pytorch.org/docs/stable/elastic/run.html); without it there is one process.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar, cast

import torch
from torch import Tensor
from torch import distributed as dist

from digits.errors import DigitsError

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """Which of how many processes this is, and the device it computes on."""

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process measures, writes files and talks."""
        return self.rank == 0

    def rows(self, count: int) -> slice:
        """This process's share of the rows of a batch."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def all_reduce(self, values: Tensor) -> Tensor:
        """The sum of what each process has, in each."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def broadcast(self, thing: T) -> T:
        """The leading process's thing, in each."""
        things = [thing]
        if self.size > 1:
            dist.broadcast_object_list(things)
        return things[0]

    def lead(self, work: Callable[[], T]) -> T:
        """What the leading process's work gives, in each.

        Raises the DigitsError that it raised there; the others then end without a word.
        """
        if self.size == 1:
            return work()
        outcome: T | DigitsError | None = None
        if self.leads:
            try:
                outcome = work()
            except DigitsError as error:
                outcome = error
        outcome = self.broadcast(outcome)
        if isinstance(outcome, DigitsError):
            raise outcome if self.leads else SystemExit(1)
        return cast(T, outcome)

    def barrier(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            dist.barrier()


@contextmanager
def join(device_name: str) -> Iterator[World]:
    """The processes that torchrun started, joined while the context lasts, or this one alone.

    Raises DigitsError when the device isn't there.
    """
    device = choose_device(device_name)
    size = _processes()
    if size == 1:
        yield World(device)
        return
    rank, place = int(os.environ["RANK"]), int(os.environ["LOCAL_RANK"])
    if device.type == "mps":
        raise DigitsError("mps trains in one process only; for several, use --device cpu")
    if device.type == "cuda":
        if place >= torch.cuda.device_count():
            raise DigitsError(f"there are more processes than GPUs ({torch.cuda.device_count()})")
        device = torch.device("cuda", place)
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield World(device, rank, size)
    finally:
        dist.destroy_process_group()


def leave() -> None:
    """End a process of several that has done its work, before the interpreter is taken apart.

    DistributedDataParallel (seen in PyTorch 2.13) keeps gloo's threads running when it and the
    group are gone. Now and then C++ aborts when the interpreter ends before them, and torchrun
    would call a finished training a failure.
    """
    if _processes() > 1:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os._exit(0)


def _processes() -> int:
    return int(os.environ["WORLD_SIZE"]) if dist.is_torchelastic_launched() else 1


def choose_device(name: str) -> torch.device:
    """Turn auto, cpu, cuda or mps into a device. Raises DigitsError when it isn't there."""
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(kind for kind, there in available.items() if there)
    if not available[name]:
        raise DigitsError(f"PyTorch finds no {name} device here; --device auto takes what there is")
    return torch.device(name)


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device computes with bfloat16 in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Other processors emulate it, slower than float32. Before 2.6, PyTorch couldn't tell.
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return device.type == "cpu" and bool(supported())
