"""What the training loop asks of a task."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from digits_train.config import BaseRecipe
from digits_train.distributed import DistributedContext
from digits_train.metrics import Metrics
from digits_train.models import AnyNetwork
from digits_train.run import RunDir


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

    sums: float32 [k], on the device: what the epoch's means are of, the loss first; over this
    many training examples.
    """

    objective: Tensor
    sums: Tensor
    examples: int


class Task(Protocol):
    """The data of a training, its loss, and how its network is judged.

    recipe: the training's. training_digits: the number of digits that its examples are made of.
    examples: their number in an epoch. divergence: a mean loss from which on a training has failed.
    """

    divergence: float

    @property
    def recipe(self) -> BaseRecipe: ...

    @property
    def training_digits(self) -> int: ...

    @property
    def examples(self) -> int: ...

    def start(self, dist: DistributedContext) -> None:
        """Generate what takes a while and only training needs."""

    def batches(
        self, epoch: int, rng: torch.Generator, dist: DistributedContext, model: AnyNetwork
    ) -> Iterator[Minibatch]:
        """The minibatches of an epoch, counted from 0. rng: the epoch's, the same in all processes.

        They depend on nothing but the seed, the epoch and the network at its beginning.
        """

    def loss(self, outputs: Any, batch: Minibatch) -> Loss:
        """The loss of the network's outputs."""

    def describe(self, means: Sequence[float]) -> str:
        """What the progress bar says of the means of `Loss.sums`."""

    def settle(self, model: AnyNetwork) -> None:
        """Measure batch norm's statistics after a training too short for them to settle."""

    def probe(self, model: AnyNetwork) -> Tensor:
        """A few outputs of the network, which must be finite."""

    def measure(self, model: AnyNetwork, number: int, means: Sequence[float]) -> Metrics:
        """Validate the network after its epoch of that number. The times are 0.

        means: of `Loss.sums` over the epoch.
        """

    def finish(
        self,
        model: AnyNetwork,
        run: RunDir,
        summary: dict[str, Any],
        history: Sequence[Metrics],
        kept: Metrics,
    ) -> tuple[dict[str, Any], str | None]:
        """Evaluate the network of a run; write run.json, which begins with summary, and the plots.

        kept: the epoch that model is of. Returns the contents of run.json, and why the network is
        useless, or None.
        """
