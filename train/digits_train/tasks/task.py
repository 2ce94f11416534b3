"""What the training loop asks of a task."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from digits.data.mnist import Split
from digits_train.config import BaseRecipe
from digits_train.distributed import DistributedContext
from digits_train.metrics import Metrics
from digits_train.models import AnyNetwork


class Minibatch(NamedTuple):
    """What a process learns from in one step.

    inputs: [n, 1, height, width], on the device. targets: what `Task.loss` compares the outputs
    with. size: number of training examples in the batch, over all processes.
    """

    inputs: Tensor
    targets: Any
    size: int


class Loss(NamedTuple):
    """objective: a scalar; summed over all processes, what the step reduces.

    sums: float32 [k]: what the epoch's means are of, the loss first, over the training examples.
    """

    objective: Tensor
    sums: Tensor


class Task(ABC):
    """The data of a training, its loss, and how its network is judged."""

    recipe: BaseRecipe
    train: Split  # the digits that its examples are made of
    divergence: float = math.inf  # a mean loss from which on a training has failed
    metrics: Callable[..., Metrics]  # of an epoch's number, its means, `validate` and times

    @property
    @abstractmethod
    def examples(self) -> int:
        """The number of training examples in an epoch."""

    @property
    def steps(self) -> int:
        """The number of steps in an epoch."""
        return math.ceil(self.examples / self.recipe.batch_size)

    @property
    @abstractmethod
    def samples(self) -> Tensor:
        """Some typical inputs, uint8 [n, 1, height, width] on the CPU, to measure batch norm on."""

    @abstractmethod
    def start(self, dist: DistributedContext) -> None:
        """Generate what takes a while and only training needs."""

    @abstractmethod
    def batches(
        self, epoch: int, rng: torch.Generator, dist: DistributedContext, model: AnyNetwork
    ) -> Iterator[Minibatch]:
        """The minibatches of an epoch, counted from 0. rng: the epoch's, the same in all processes.

        They depend on nothing but the seed, the epoch and the network at its beginning.
        """

    @abstractmethod
    def loss(self, outputs: Any, batch: Minibatch) -> Loss:
        """The loss of the network's outputs."""

    @abstractmethod
    def validate(self, model: AnyNetwork) -> dict[str, float]:
        """The fields of the metrics that begin with `validation_`."""

    @abstractmethod
    def finish(
        self, model: AnyNetwork, folder: Path, history: Sequence[Metrics]
    ) -> tuple[dict[str, Any], str | None]:
        """Evaluate the network after its epochs, and draw the plots into a folder.

        Returns the results for run.json, and why the network is useless, or None.
        """
