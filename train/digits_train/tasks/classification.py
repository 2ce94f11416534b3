"""Networks that classify digits."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from digits.data.split import Split
from digits.errors import DataError
from digits.evaluation.digits import Evaluation
from digits.terminal import progress_bar
from digits_train.camera import fonts
from digits_train.classifier import LOG_FORMAT, Data, evaluate, predict, train_epochs
from digits_train.data import datasets
from digits_train.data.datasets import Dataset
from digits_train.data.digit_batches import Pool
from digits_train.data.pools import generate_pools
from digits_train.experiment import Experiment
from digits_train.models import BaseNetwork
from digits_train.models.network import NONE, probabilities, with_none
from digits_train.recipes import ClassifierRecipe
from digits_train.state import Metrics, TrainState
from digits_train.tasks.task import Task


@dataclass
class Classification(Task[ClassifierRecipe]):
    """Training digits, and what the recipe adds to them.

    pools: what the recipe adds to the digits.
    """

    pools: Sequence[Pool] = ()

    log_format: ClassVar = LOG_FORMAT

    @staticmethod
    def load(experiment: Experiment, data: Path | None) -> Dataset:
        recipe = experiment.recipe
        assert isinstance(recipe, ClassifierRecipe)
        if recipe.own:
            if experiment.init is None:
                raise DataError(f"the recipe {recipe.name} needs --start: what to fine-tune")
            if data is None:
                raise DataError(
                    f"the recipe {recipe.name} needs --data: your own labelled pictures"
                )
            dataset = datasets.load_own(data, datasets.warn_of_skipped)
        else:
            dataset = datasets.load(data, datasets.warn_of_skipped)
        if recipe.draws:
            fonts.download()
        return dataset

    @property
    def digits(self) -> Data:
        return Data(**self.data.splits)

    @property
    def steps(self) -> int:
        return self.recipe.epochs * math.ceil(len(self.digits.train) / self.recipe.batch_size)

    def setup(self) -> None:
        """Generate what the recipe adds to the digits."""
        with progress_bar(visible=self.dist.is_main) as bar:
            bar.add_task("generating extra training pictures", total=None)
            self.pools = generate_pools(self.experiment, self.digits.train, self.data.own)

    def train(
        self, state: TrainState, on_step: Callable[[], object] = lambda: None
    ) -> Iterator[Metrics]:
        return train_epochs(state, self.digits, self.pools, self.dist, on_step)

    def evaluate(self, model: BaseNetwork, folder: Path) -> dict[str, Any]:
        """The plots show the validation digits."""
        from digits_train import plots  # imports matplotlib, which takes 0.6 s

        _, validation, test = self.digits
        result = Evaluation()
        result.add(validation, probabilities(predict(model, validation)).numpy())
        measured = {"validation": evaluate(model, validation)}
        if self.recipe.tests:
            measured["test"] = evaluate(model, test)
        summary: dict[str, Any] = {
            f"{split}_{name}": value
            for split, values in measured.items()
            for name, value in values.items()
        }
        held_back = self.data.own_held_back
        if held_back is not None:
            wrong = count_errors(model, held_back)
            summary |= {"own_pictures": len(held_back), "own_errors": wrong}
        plots.confusion(folder / "confusion.png", "validation digits", result.confusion)
        plots.mistakes(folder / "mistakes.png", "validation digits", result)
        return summary


def count_errors(model: BaseNetwork, split: Split) -> int:
    """How many digits are read wrong, and non-digits taken for digits."""
    if not len(split):
        return 0
    logits = with_none(predict(model, split)).numpy()
    answers = np.where(split.labels == NONE, logits.argmax(1), logits[:, :NONE].argmax(1))
    return int((answers != split.labels).sum())
