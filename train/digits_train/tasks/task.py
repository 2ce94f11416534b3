"""What a training asks of all that networks learn."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar, cast

from digits_train.data.datasets import Dataset
from digits_train.distributed import CPU, DistributedContext
from digits_train.experiment import Experiment
from digits_train.models import BaseNetwork
from digits_train.recipes import BaseRecipe
from digits_train.state import Metrics, TrainState

RecipeT = TypeVar("RecipeT", bound=BaseRecipe)


@dataclass
class Task(ABC, Generic[RecipeT]):
    """Data, training and measure of one kind of network."""

    experiment: Experiment
    data: Dataset
    dist: DistributedContext = CPU

    log_format: ClassVar[str]  # of a validation's metrics for the terminal, to be formatted

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

    def setup(self) -> None:
        """Generate what takes a while and only training needs."""

    @abstractmethod
    def train(
        self, state: TrainState, on_step: Callable[[], object] = lambda: None
    ) -> Iterator[Metrics]:
        """Train to the end. Yields what each validation measures, so that the caller can save.

        The same experiment on the same CPU with the same numbers of threads and processes gives the
        same weights, bit for bit, interrupted or not. on_step is called after each step. Raises
        DigitsError if the training diverges.
        """

    @abstractmethod
    def evaluate(self, model: BaseNetwork, folder: Path) -> dict[str, Any]:
        """Judge a finished network, and draw its mistakes into a folder.

        Returns the results for run.json.
        """


AnyTask = Task[Any]
