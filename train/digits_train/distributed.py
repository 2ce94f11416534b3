"""The processes that train together, and the device of this one.

`torchrun` starts them and gives each its rank in environment variables
(https://docs.pytorch.org/docs/stable/elastic/run.html); without it there is one process.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch import distributed as dist

from digits import system
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
    def is_main(self) -> bool:  # which evaluates, writes files and prints
        return self.rank == 0

    def local_batch_size(self, count: int) -> int:
        """How many of so many examples this process learns from."""
        return count * (self.rank + 1) // self.world_size - count * self.rank // self.world_size

    def all_reduce(self, values: Tensor) -> Tensor:
        """Sum the values over all processes, in place."""
        if self.world_size > 1:
            dist.all_reduce(values)
        return values

    def in_parallel(self, model: nn.Module) -> nn.Module:
        """The model, with gradients that are the mean of all processes'."""
        return nn.parallel.DistributedDataParallel(model) if self.world_size > 1 else model

    def run_on_main(self, function: Callable[[], T]) -> T:
        """Call the function in the main process; return its result in every process.

        If it raises a DigitsError, the main process does too; the others exit silently.
        """
        if self.world_size == 1:
            return function()
        outcome: list[Any] = [None]
        if self.is_main:
            try:
                outcome = [function()]
            except DigitsError as error:
                outcome = [error]
        dist.broadcast_object_list(outcome)
        if isinstance(outcome[0], DigitsError):
            raise outcome[0] if self.is_main else SystemExit(1)
        result: T = outcome[0]
        return result


CPU = DistributedContext(torch.device("cpu"))  # this process alone


@contextmanager
def init_distributed(device_name: str) -> Iterator[DistributedContext]:
    """Join the processes that torchrun started, if any, while the context lasts.

    Raises DigitsError if the device isn't available.
    """
    device = _choose_device(device_name)
    if not dist.is_torchelastic_launched():
        yield DistributedContext(device)
        return
    local_rank = int(os.environ["LOCAL_RANK"])
    if device.type != "cpu" and local_rank >= max(1, torch.cuda.device_count()):
        raise DigitsError(f"more processes than {device.type} devices: try --device cpu")
    if device.type == "cuda":
        device = torch.device("cuda", local_rank)
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield DistributedContext(device, dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def _choose_device(name: str) -> torch.device:
    available = ["cuda"] * torch.cuda.is_available() + ["mps"] * torch.backends.mps.is_available()
    available.append("cpu")
    if name not in ("auto", *available):
        raise DigitsError(f"PyTorch finds no {name} device; --device auto picks an available one")
    return torch.device(available[0] if name == "auto" else name)


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device computes with bfloat16 in hardware; emulating it is slow."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # PyTorch before 2.6 can't tell.
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return device.type == "cpu" and bool(supported())


def own_cores() -> int:
    """How many of this machine's cores are for this process, of those that torchrun started."""
    return max(1, system.cpu_count() // int(os.environ.get("LOCAL_WORLD_SIZE", 1)))


def trainer_threads() -> int:
    """Of these cores those that learn where the others compose the examples: two thirds.

    A core composes about twice as many windows as one learns from.
    """
    return max(1, round(2 / 3 * own_cores()))


def set_threads(threads: int | None, device: torch.device) -> None:
    """Compute with so many threads on a CPU, or with one per core, unless the user has chosen."""
    if device.type == "cpu" and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(threads or DEFAULT_THREADS)
