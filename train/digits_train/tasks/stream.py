"""What is common to networks that learn from pictures composed as long as the training lasts."""

import time
from abc import abstractmethod
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Generic, TypeVar

import torch

from digits.errors import DigitsError
from digits.terminal import progress_bar
from digits_train.camera import fonts
from digits_train.camera.materials import Materials, make_materials
from digits_train.data import datasets, unipen
from digits_train.data.datasets import Dataset
from digits_train.data.loader import Batch, Targets
from digits_train.experiment import Experiment
from digits_train.models import BaseNetwork
from digits_train.recipes import StreamRecipe
from digits_train.state import Metrics, TrainState
from digits_train.tasks.task import Task

RecipeT = TypeVar("RecipeT", bound=StreamRecipe)


@dataclass
class StreamTask(Task[RecipeT], Generic[RecipeT, Targets]):
    """Pictures written with MNIST's digits and with fonts. materials: of those to train on."""

    materials: Materials | None = None

    @staticmethod
    def load(experiment: Experiment, data: Path | None) -> Dataset:
        loaded = datasets.load(data, datasets.warn_of_skipped)
        if "pictures" in loaded.sha256:
            name = experiment.network
            raise DigitsError(f"a {name} learns from MNIST's digits, not from pictures")
        fonts.printed()
        unipen.load()
        return loaded

    @property
    def steps(self) -> int:
        return self.recipe.steps

    @property
    def batch_size(self) -> int:
        """Of this process."""
        return self.dist.local_batch_size(self.recipe.batch_size)

    def setup(self) -> None:
        """Draw the hands and words that pictures are composed of."""
        recipe, camera = self.recipe, self.experiment.camera
        assert camera is not None
        with progress_bar(visible=self.dist.is_main) as bar:
            bar.add_task("drawing hands and words", total=None)
            counts = recipe.hands, recipe.texts
            self.materials = make_materials(unipen.load(), self.experiment.seed, camera, *counts)

    def train(
        self, state: TrainState, on_step: Callable[[], object] = lambda: None
    ) -> Iterator[Metrics]:
        dist, interval = self.dist, self.recipe.interval
        network = dist.in_parallel(state.model)
        with closing(self.batches(state.step)) as batches:
            while state.step < self.steps:
                started, sums = time.perf_counter(), torch.zeros(2, device=dist.device)
                network.train()
                state.seed(dist.rank)
                steps = min(interval - state.step % interval, self.steps - state.step)
                for batch in islice(batches, steps):
                    with state.autocast():
                        outputs = network(batch.inputs)
                    loss = state.model.loss(outputs, batch.targets).mean()
                    state.update(loss, self.steps)
                    sums += torch.stack([loss.detach(), torch.ones_like(loss)]) * batch.size
                    on_step()
                seconds = time.perf_counter() - started
                loss, examples = dist.all_reduce(sums).tolist()
                measured = {"number": state.step, "train_loss": loss / examples}
                measured |= dist.run_on_main(lambda: self.validate(state.eval_model))
                state.check_losses(measured)
                measured["seconds"] = time.perf_counter() - started
                measured["images_per_second"] = examples / seconds
                state.history.append(measured)
                yield measured

    @abstractmethod
    def batches(self, first_step: int) -> Generator[Batch[Targets]]:
        """This process's batches from a step on.

        They depend on nothing but the experiment, the steps' numbers and the number of processes.
        """

    @abstractmethod
    def validate(self, model: BaseNetwork) -> Metrics:
        """The metrics that begin with `validation_`."""
