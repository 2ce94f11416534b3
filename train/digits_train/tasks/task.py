"""What the training loop asks of all that networks learn."""

from abc import ABC, abstractmethod
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar, cast

from torch import Tensor

from digits_train.data.datasets import Dataset
from digits_train.distributed import CPU, DistributedContext
from digits_train.experiment import Experiment
from digits_train.models import BaseNetwork
from digits_train.recipes import BaseRecipe
from digits_train.training import Metrics, Training


class Batch(Protocol):
    """What this process learns from in one step. size: how many examples it counts for."""

    @property
    def inputs(self) -> Tensor: ...

    @property
    def size(self) -> int: ...


RecipeT = TypeVar("RecipeT", bound=BaseRecipe)
BatchT = TypeVar("BatchT", bound=Batch)


@dataclass
class Task(ABC, Generic[RecipeT, BatchT]):
    """Data, loss and measure of one kind of network."""

    experiment: Experiment
    data: Dataset
    dist: DistributedContext = CPU

    line: ClassVar[str]  # of a validation's metrics for the terminal, to be formatted
    divergence: ClassVar[float] = float("inf")  # a mean loss from which on a training has failed

    @staticmethod
    @abstractmethod
    def load(experiment: Experiment, data: Path | None) -> Dataset:
        """Load or download what the network learns from.

        data: as for `digits train --data`. Raises DigitsError if something is missing.
        """

    @property
    def recipe(self) -> RecipeT:
        return cast(RecipeT, self.experiment.recipe)

    @property
    @abstractmethod
    def steps(self) -> int:
        """How many there are."""

    @property
    @abstractmethod
    def interval(self) -> int:
        """Steps from one validation to the next."""

    def start(self) -> None:
        """Generate what takes a while and only training needs."""

    @abstractmethod
    def batches(self, training: Training) -> Generator[BatchT]:
        """This process's batches from the next step of a training on.

        They depend on nothing but the experiment, the steps' numbers and the number of processes.
        """

    @abstractmethod
    def loss(
        self, model: BaseNetwork, outputs: Any, batch: BatchT
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean loss of the network's outputs; and sums over the training examples.

        The sums, float32 scalars, are named as the metrics that have their means; the first is of
        the loss.
        """

    @abstractmethod
    def validate(self, model: BaseNetwork) -> Metrics:
        """The metrics that begin with `validation_`."""

    @abstractmethod
    def evaluate(self, model: BaseNetwork, folder: Path) -> tuple[dict[str, Any], str | None]:
        """Judge a finished network, and draw confusion and mistakes into a folder.

        Returns the results for run.json, and why the network is useless, or None.
        """


AnyTask = Task[Any, Any]
