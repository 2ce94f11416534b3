"""The processes that train together, and the device of this one.

`torchrun` starts them and gives each its rank in environment variables
(https://docs.pytorch.org/docs/stable/elastic/run.html); without it there is one process.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TypeVar, cast

import torch
from torch import Tensor
from torch import distributed as dist

from digits.errors import DigitsError

T = TypeVar("T")

DEFAULT_THREADS = torch.get_num_threads()  # before a network has set its own


@dataclass(frozen=True)
class DistributedContext:
    """The rank of this process among all, and the device it computes on."""

    device: torch.device
    rank: int = 0
    world_size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process evaluates, writes files and prints."""
        return self.rank == 0

    def local_slice(self, count: int) -> slice:
        """This process's rows of a batch."""
        return slice(
            count * self.rank // self.world_size, count * (self.rank + 1) // self.world_size
        )

    def all_reduce(self, values: Tensor) -> Tensor:
        """Sum the values over all processes, in place."""
        if self.world_size > 1:
            dist.all_reduce(values)
        return values

    def broadcast(self, value: T) -> T:
        """The main process's value, in every process."""
        values = [value]
        if self.world_size > 1:
            dist.broadcast_object_list(values)
        return values[0]

    def run_on_main(self, function: Callable[[], T]) -> T:
        """Call the function in the main process; return its result in every process.

        Raises the DigitsError that the function raised in the main process; the others then exit
        silently.
        """
        if self.world_size == 1:
            return function()
        outcome: T | DigitsError | None = None
        if self.is_main:
            try:
                outcome = function()
            except DigitsError as error:
                outcome = error
        outcome = self.broadcast(outcome)
        if isinstance(outcome, DigitsError):
            raise outcome if self.is_main else SystemExit(1)
        return cast(T, outcome)


@contextmanager
def init_distributed(device_name: str) -> Iterator[DistributedContext]:
    """Join the processes that torchrun started, if any, while the context lasts.

    Raises DigitsError if the device isn't available.
    """
    device = choose_device(device_name)
    world_size = _world_size()
    if world_size == 1:
        yield DistributedContext(device)
        return
    rank, local_rank = int(os.environ["RANK"]), int(os.environ["LOCAL_RANK"])
    if device.type == "mps":
        raise DigitsError("mps supports one process only; for several, use --device cpu")
    if device.type == "cuda":
        if local_rank >= torch.cuda.device_count():
            raise DigitsError(f"more processes than GPUs ({torch.cuda.device_count()})")
        device = torch.device("cuda", local_rank)
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield DistributedContext(device, rank, world_size)
    finally:
        dist.destroy_process_group()


def exit_worker() -> None:
    """End one process of several after its work, skipping the interpreter's shutdown.

    DistributedDataParallel (seen in PyTorch 2.13) keeps gloo's threads running after it and the
    group are gone. If the interpreter ends before they do, C++ sometimes aborts, and torchrun would
    call a finished training a failure.
    """
    if _world_size() > 1:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os._exit(0)


def _world_size() -> int:
    return int(os.environ["WORLD_SIZE"]) if dist.is_torchelastic_launched() else 1


def choose_device(name: str) -> torch.device:
    """The device called auto, cpu, cuda or mps. Raises DigitsError if it isn't available."""
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(kind for kind, is_available in available.items() if is_available)
    if not available[name]:
        raise DigitsError(f"PyTorch finds no {name} device; --device auto picks an available one")
    return torch.device(name)


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device computes with bfloat16 in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Other processors emulate it, slower than float32. PyTorch before 2.6 can't tell.
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return device.type == "cpu" and bool(supported())


def autocast(device: torch.device, bfloat16: bool) -> AbstractContextManager[object]:
    """Compute convolutions and products in bfloat16, or everything as it is."""
    return torch.autocast(device.type, torch.bfloat16) if bfloat16 else nullcontext()


def set_threads(threads: int | None, device: torch.device) -> None:
    """Compute with so many threads on a CPU, or with one per core, unless the user has chosen."""
    if device.type == "cpu" and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(threads or DEFAULT_THREADS)
