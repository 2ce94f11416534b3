"""What is common to networks that learn from pictures composed as long as the training lasts."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from digits.errors import DigitsError
from digits.terminal import progress_bar
from digits_train.camera import fonts
from digits_train.camera.materials import Materials, make_materials
from digits_train.data import datasets
from digits_train.data.datasets import Dataset
from digits_train.experiment import Experiment
from digits_train.recipes import StreamRecipe
from digits_train.tasks.task import BatchT, Task

RecipeT = TypeVar("RecipeT", bound=StreamRecipe)


@dataclass
class StreamTask(Task[RecipeT, BatchT]):
    """Pictures written with MNIST's digits and with fonts. materials: of those to train on."""

    materials: Materials | None = None

    @staticmethod
    def load(experiment: Experiment, data: Path | None) -> Dataset:
        loaded = datasets.load(data, datasets.warn_of_skipped)
        if "pictures" in loaded.sha256:
            name = experiment.network
            raise DigitsError(f"a {name} learns from MNIST's digits, not from pictures")
        fonts.download()
        return loaded

    @property
    def steps(self) -> int:
        return self.recipe.steps

    @property
    def interval(self) -> int:
        return self.recipe.interval

    @property
    def batch_size(self) -> int:
        """Of this process."""
        return self.dist.local_batch_size(self.recipe.batch_size)

    def start(self) -> None:
        """Draw the glyphs and words that pictures are composed of."""
        recipe, camera = self.recipe, self.experiment.camera
        assert camera is not None
        with progress_bar(visible=self.dist.is_main) as bar:
            bar.add_task("drawing glyphs and words", total=None)
            train, seed = self.data.splits["train"], self.experiment.seed
            self.materials = make_materials(train, seed, camera, recipe.glyphs, recipe.texts)
